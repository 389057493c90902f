import { isSwarmError } from '@skep/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { parseAuthChallenges } from './auth-challenge.ts';
import { isDigest } from './digest.ts';
import { parseImageConfig, renderImageConfig } from './image-config.ts';
import { cleanEntryPath, entryMeaning } from './layer-entry.ts';
import { parseManifest } from './manifest.ts';
import { parsePlatform } from './platform.ts';
import { formatReference, parseReference, repositoryName } from './reference.ts';
import { TarReader } from './tar-reader.ts';
import { encodeTarHeader, tarEnd, tarPadding } from './tar-writer.ts';

/*
 * Goal: nothing that a registry, an archive or a user can send stops the program or means something outside. Method:
 * inputs that are nearly right, broken in one place. A failure prints its seed (SKEP_SEED repeats it);
 * SKEP_FUZZ_SECONDS=3600 goes on for an hour.
 */

const seconds = Number(process.env['SKEP_FUZZ_SECONDS'] ?? 0);
const seed = process.env['SKEP_SEED'];

const timeoutMs = 60_000 + seconds * 1000;

function check<T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void): void {
  const untilTime = { interruptAfterTimeLimit: (seconds * 1000) / 6, markInterruptAsFailure: false };
  fc.assert(fc.property(arbitrary, property), {
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(seconds === 0 ? { numRuns: 400 } : { numRuns: Number.MAX_SAFE_INTEGER, ...untilTime }),
  });
}

const hex = '0123456789abcdef'.repeat(4);
const words = fc.constantFrom(
  ...[
    'a',
    'library',
    'localhost',
    'registry:5000',
    'UPPER',
    '..',
    '.',
    '-',
    '__',
    '[::1]:5000',
    'é',
    '\0',
    ' ',
  ],
  ...['latest', `sha256:${hex}`, 'sha256:', `sha256:${hex.toUpperCase()}`, `sha512:${hex}`, 'x'.repeat(300)],
);
const glue = fc.constantFrom('/', ':', '@', '//', '://', '', '%2f', '\n');
const nearReference = fc
  .array(fc.tuple(words, glue), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.flat().join(''));

test('a reference is refused, or one that reads the same once written', { timeout: timeoutMs }, () => {
  check(fc.oneof(nearReference, fc.string()), (text) => {
    const parsed = parseReference(text);
    if (parsed.ok) {
      const written = formatReference(parsed.value);
      expect(parseReference(written)).toEqual({ ok: true, value: parsed.value });
      expect(written).not.toMatch(/[\s\0]|\/\//);
      // A tag may have dots in a row behind its first letter (`1.0..2`); no part of a path may.
      expect(repositoryName(parsed.value)).not.toContain('..');
    }
  });
});

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom<unknown>(
      ...[
        null,
        true,
        0,
        -1,
        2,
        1e300,
        '',
        'linux',
        'amd64',
        `sha256:${hex}`,
        'sha256:../../etc',
        '1'.repeat(70),
      ],
      ...[
        'application/vnd.oci.image.manifest.v1+json',
        'application/vnd.oci.image.index.v1+json',
        '2026-01-01',
      ],
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        ...[
          'schemaVersion',
          'mediaType',
          'config',
          'layers',
          'manifests',
          'digest',
          'size',
          'platform',
          'os',
        ],
        ...[
          'architecture',
          'rootfs',
          'diff_ids',
          'type',
          'history',
          'created_by',
          'empty_layer',
          'Env',
          'Cmd',
        ],
        ...[
          'Healthcheck',
          'Test',
          'Labels',
          'Volumes',
          '__proto__',
          'constructor',
          'toString',
          'annotations',
        ],
      ),
      tie('value'),
      { maxKeys: 6 },
    ),
  ),
})).value;

const nearManifest = fc.record(
  {
    schemaVersion: fc.constantFrom<unknown>(2, 1, '2'),
    mediaType: fc.oneof(json, fc.constant('application/vnd.oci.image.manifest.v1+json')),
    config: fc.oneof(json, fc.constant({ mediaType: 'x', digest: `sha256:${hex}`, size: 1 })),
    layers: fc.oneof(
      json,
      fc.array(fc.record({ mediaType: json, digest: json, size: json }), { maxLength: 3 }),
    ),
    manifests: json,
  },
  { requiredKeys: [] },
);

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

test('any manifest is refused, or has digests that are digests', { timeout: timeoutMs }, () => {
  const bytes = fc.oneof(nearManifest.map(encode), json.map(encode), fc.uint8Array({ maxLength: 200 }));
  check(bytes, (document) => {
    const parsed = parseManifest(document);
    if (parsed.ok) {
      const { value } = parsed;
      const digests = value.kind === 'manifest' ? [value.config, ...value.layers] : value.manifests;
      expect(digests.every(({ digest, size }) => isDigest(digest) && size >= 0)).toBe(true);
    }
  });
});

test('any configuration is refused, or survives being written', { timeout: timeoutMs }, () => {
  const nearConfig = fc.record(
    {
      os: json,
      architecture: json,
      config: json,
      rootfs: fc.oneof(json, fc.constant({ diff_ids: [] })),
      history: json,
    },
    { requiredKeys: ['rootfs'] },
  );
  check(fc.oneof(nearConfig.map(encode), json.map(encode), fc.uint8Array({ maxLength: 200 })), (document) => {
    const parsed = parseImageConfig(document);
    if (parsed.ok) {
      expect(parsed.value.diffIds.every(isDigest)).toBe(true);
      expect(parseImageConfig(new TextEncoder().encode(renderImageConfig(parsed.value))).ok).toBe(true);
    }
  });
});

test('a path of an archive is refused, or stays inside', { timeout: timeoutMs }, () => {
  const part = fc.constantFrom(
    '..',
    '.',
    '',
    'a',
    '.wh.',
    '.wh..wh..opq',
    '.wh...',
    '.wh.a',
    '\0',
    'é',
    '\\',
    '...',
  );
  check(
    fc.oneof(
      fc.array(part, { maxLength: 8 }).map((parts) => parts.join('/')),
      fc.string(),
    ),
    (name) => {
      const cleaned = cleanEntryPath(name);
      if (cleaned.ok) {
        expect(cleaned.value.split('/')).not.toContain('..');
        expect(cleaned.value).not.toMatch(/^\/|\0/);
        entryMeaning(cleaned.value);
      }
    },
  );
});

test('a tar that is broken anywhere is refused with a reason', { timeout: timeoutMs }, () => {
  const whole = Uint8Array.from([
    ...encodeTarHeader({ path: 'a'.repeat(150), type: 'file', sizeBytes: 700 }),
    ...new Uint8Array(700),
    ...tarPadding(700),
    ...encodeTarHeader({ path: 'link', type: 'symlink', linkPath: 'b'.repeat(200), sizeBytes: 0 }),
    ...tarEnd(),
  ]);
  const breakage = fc.record({
    edits: fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 }),
    length: fc.nat(whole.length),
    chunkBytes: fc.integer({ min: 1, max: 2000 }),
    fixChecksum: fc.boolean(),
  });
  check(breakage, ({ edits, length, chunkBytes, fixChecksum }) => {
    const bytes = whole.slice(0, length);
    for (const [position, value] of edits) {
      bytes.fill(value, position, position + 1);
    }
    for (let block = 0; fixChecksum && block + 512 <= bytes.length; block += 512) {
      signHeader(bytes.subarray(block, block + 512));
    }
    readWhole(bytes, chunkBytes);
  });
});

test('headers and platforms of any form are read or refused', { timeout: timeoutMs }, () => {
  const piece = fc.constantFrom(
    'Bearer ',
    'Basic',
    'realm=',
    '"',
    '\\',
    ',',
    '=',
    'scope',
    'https://h',
    ' ',
    '/',
    'arm',
  );
  check(
    fc.oneof(
      fc.array(piece, { maxLength: 20 }).map((parts) => parts.join('')),
      fc.string(),
    ),
    (text) => {
      expect(Array.isArray(parseAuthChallenges(text))).toBe(true);
      expect(typeof parsePlatform(text).ok).toBe('boolean');
    },
  );
});

/** Makes a block's checksum right, so that what was broken is read at all. */
function signHeader(block: Uint8Array): void {
  if (block.subarray(257, 262).join() !== '117,115,116,97,114') {
    return;
  }
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
}

function readWhole(bytes: Uint8Array, chunkBytes: number): void {
  let contentBytes = 0;
  const reader = new TarReader({
    entry: () => undefined,
    data: (chunk) => {
      contentBytes += chunk.length;
    },
    entryEnd: () => undefined,
  });
  try {
    for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
      reader.push(bytes.subarray(offset, offset + chunkBytes));
    }
    reader.finish();
  } catch (error) {
    expect(isSwarmError(error) && error.message.length > 0, String(error)).toBe(true);
  }
  expect(contentBytes).toBeLessThanOrEqual(bytes.length);
}
