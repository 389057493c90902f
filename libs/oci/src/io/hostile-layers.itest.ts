import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Prng } from '@skep/kernel';
import { encodeTarHeader, tarEnd } from '../core/tar-writer.ts';
import { ArchivePool } from './archive-pool.ts';
import type { UnpackResult } from './archive-job.ts';
import { buildTar, type ImageFile } from './image-builder.ts';
import { getXattr } from './native.ts';

/*
 * Goal: no layer, however made, touches anything outside its own directory or stops the engine. Method: hostile
 * archives unpacked next to a file that must stay as it is.
 */

let pool: ArchivePool;
let root: string;
let layer: string;

beforeAll(async () => {
  pool = new ArchivePool(2);
  root = await mkdtemp(join(tmpdir(), 'skep-hostile-'));
  writeFileSync(join(root, 'outside'), 'untouched');
});

beforeEach(() => {
  layer = join(root, `layer-${String(readdirSync(root).length)}`);
  mkdirSync(layer);
});

afterAll(async () => {
  expect(readFileSync(join(root, 'outside'), 'utf8')).toBe('untouched');
  expect(readdirSync(root).filter((name) => !name.startsWith('layer-'))).toEqual(['outside']);
  await pool.close();
  await rm(root, { recursive: true, force: true });
});

function unpack(
  archive: Buffer,
  limits: { bytesMax?: number; entriesMax?: number } = {},
): Promise<UnpackResult> {
  return pool.unpack(
    { kind: 'unpack', root: layer, directory: '', asLayer: true, ...limits },
    { input: Readable.from([archive]) },
  );
}

const file = (path: string, content = 'evil'): ImageFile => ({ path, type: 'file', content });
const link = (path: string, linkPath: string): ImageFile => ({ path, type: 'symlink', linkPath });

test.each([['../outside'], ['a/../../outside'], ['/../outside'], ['./../../../../../../outside']])(
  'a name that leaves the root is refused: %s',
  async (path) => {
    await expect(unpack(buildTar([file(path)]))).rejects.toMatchObject({ code: 'invalid_argument' });
  },
);

test('an absolute name is taken below the root', async () => {
  await unpack(buildTar([file('/outside')]));
  expect(readFileSync(join(layer, 'outside'), 'utf8')).toBe('evil');
});

test('symbolic links lead nowhere else', async () => {
  await unpack(
    buildTar([
      link('up', '../../../../../../../..'),
      link('absolute', root),
      { path: root.slice(1), type: 'directory' },
      file('absolute/outside'),
      file('up/outside'),
    ]),
  );
  expect(readFileSync(join(layer, root, 'outside'), 'utf8')).toBe('evil');
  expect(readFileSync(join(layer, 'outside'), 'utf8')).toBe('evil');
});

test('a symbolic link in a file’s place is replaced, not followed', async () => {
  await unpack(buildTar([link('passwd', '/etc/passwd'), file('passwd', 'own')]));
  expect(lstatSync(join(layer, 'passwd')).isFile()).toBe(true);
});

test('hard links reach only what is inside', async () => {
  const hard = (linkPath: string): ImageFile => ({ path: 'hard', type: 'link', linkPath });
  await expect(unpack(buildTar([hard('../outside')]))).rejects.toMatchObject({ code: 'invalid_argument' });
  await expect(unpack(buildTar([hard(join(root, 'outside'))]))).rejects.toMatchObject({
    code: 'invalid_argument',
  });
  await expect(unpack(buildTar([link('up', '../../../..'), hard(`up/${root}/outside`)]))).rejects.toThrow();
});

test('whiteouts of strange things stay inside', async () => {
  await unpack(
    buildTar([
      link('dir', '../..'),
      file('dir/.wh.outside'),
      file('.wh..wh..opq'),
      file('a/.wh..'),
      file('.wh...'),
    ]),
  );
  expect(existsSync(join(root, 'outside'))).toBe(true);
});

test('a whiteout, then a directory of that name: what is below is hidden', async () => {
  await unpack(
    buildTar([
      file('.wh.etc'),
      { path: 'etc', type: 'directory' },
      file('etc/own'),
      file('.wh.var'),
      file('var/x'),
    ]),
  );
  expect(lstatSync(join(layer, 'etc')).isDirectory()).toBe(true);
  expect(getXattr(join(layer, 'etc'), 'trusted.overlay.opaque')?.toString()).toBe('y');
  expect(getXattr(join(layer, 'var'), 'trusted.overlay.opaque')?.toString()).toBe('y');
});

test('a layer cannot forge the marks of overlayfs', async () => {
  const xattrs = new Map([
    ['trusted.overlay.redirect', Buffer.from('/etc')],
    ['user.kept', Buffer.from([0, 255, 10])],
  ]);
  await unpack(buildTar([{ path: 'dir', type: 'directory', xattrs }]));
  expect(getXattr(join(layer, 'dir'), 'trusted.overlay.redirect')).toBeUndefined();
  expect([...(getXattr(join(layer, 'dir'), 'user.kept') ?? [])]).toEqual([0, 255, 10]);
});

test('bombs: too many bytes, too many entries, a size that lies', async () => {
  const zeros = gzipSync(buildTar([file('big', '\0'.repeat(30_000_000))]));
  await expect(unpack(zeros, { bytesMax: 1_000_000 })).rejects.toMatchObject({ code: 'too_large' });
  const many = buildTar(Array.from({ length: 1000 }, (_, index) => file(`f${String(index)}`, '')));
  await expect(unpack(many, { entriesMax: 500 })).rejects.toMatchObject({ code: 'too_large' });
  const lie = Buffer.concat([encodeTarHeader({ path: 'x', type: 'file', sizeBytes: 2 ** 40 }), tarEnd()]);
  await expect(unpack(lie)).rejects.toThrow('ends in the middle');
});

test('a hundred thousand entries are unpacked', async () => {
  const files = Array.from({ length: 100_000 }, (_, index) =>
    file(`d${String(index % 100)}/f${String(index)}`, 'x'),
  );
  const result = await unpack(gzipSync(buildTar(files)));
  expect(result).toMatchObject({ entryCount: 100_000, sizeBytes: 100_000 });
}, 300_000);

test('broken compression is an error of the archive, the worker goes on', async () => {
  const good = gzipSync(buildTar([file('a')]));
  await expect(unpack(good.subarray(0, good.length - 12))).rejects.toMatchObject({
    code: 'invalid_argument',
  });
  const broken = Buffer.from(good);
  broken.fill(0xff, 20, 40);
  await expect(unpack(broken)).rejects.toMatchObject({ code: 'invalid_argument' });
  await expect(unpack(Buffer.from('nonsense'.repeat(200)))).rejects.toMatchObject({
    code: 'invalid_argument',
  });
  const zstd = zstdCompressSync(buildTar([file('a')]), {
    params: { [constants.ZSTD_c_compressionLevel]: 3 },
  });
  expect((await unpack(zstd)).entryCount).toBe(1);
  expect((await unpack(Buffer.concat([good, gzipSync(Buffer.alloc(0))]))).entryCount).toBe(1);
});

test('random archives never do worse than fail', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? '11');
  const prng = new Prng(seed);
  const names = [
    'a',
    'b',
    'a/b',
    '..',
    '../a',
    '/',
    '',
    '.wh.a',
    '.wh..wh..opq',
    'a/.wh.b',
    'x'.repeat(300),
    'a\0b',
  ];
  const types = ['file', 'link', 'symlink', 'directory', 'character-device', 'block-device', 'fifo'] as const;
  for (let round = 0; round < 200; round += 1) {
    layer = join(root, `layer-random-${String(round)}`);
    mkdirSync(layer);
    const files = Array.from({ length: prng.nextInt(12) }, (): ImageFile => {
      const type = prng.pick(types);
      const content = type === 'file' ? 'c'.repeat(prng.nextInt(2000)) : '';
      return {
        path: prng.pick(names),
        type,
        linkPath: prng.pick(names),
        mode: prng.nextInt(0o10000),
        content,
      };
    });
    const bytes = buildTar(files);
    for (let flips = prng.nextInt(4); flips > 0; flips -= 1) {
      bytes[prng.nextInt(bytes.length)] = prng.nextInt(256);
    }
    await unpack(bytes).catch((error: unknown) => {
      expect(error, `seed ${String(seed)} round ${String(round)}`).toMatchObject({ name: 'SwarmError' });
      expect(error).not.toMatchObject({ details: { worker: 'lost' } });
    });
  }
}, 120_000);
