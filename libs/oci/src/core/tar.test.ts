import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TarEntry, TarEntryType } from './tar-entry.ts';
import { TarReader } from './tar-reader.ts';
import { encodeTarHeader, tarEnd, tarPadding } from './tar-writer.ts';

interface Found {
  readonly entry: TarEntry;
  readonly content: string;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

function read(bytes: Uint8Array, chunkBytes: number): Found[] {
  const found: { entry: TarEntry; content: string }[] = [];
  const reader = new TarReader({
    entry: (entry) => found.push({ entry, content: '' }),
    data: (chunk) => {
      const last = found.at(-1);
      if (last !== undefined) {
        last.content += new TextDecoder('latin1').decode(chunk);
      }
    },
    entryEnd: () => undefined,
  });
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    reader.push(bytes.subarray(offset, offset + chunkBytes));
  }
  reader.finish();
  return found;
}

const entries = fc.record({
  path: fc.stringMatching(/^[a-zé/]{1,150}$/).filter((path) => !path.endsWith('/')),
  type: fc.constantFrom<TarEntryType>('file', 'symlink', 'directory', 'character-device', 'fifo', 'link'),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 2 ** 31 - 2 }),
  gid: fc.integer({ min: 0, max: 65534 }),
  modifiedAtMs: fc.integer({ min: -1000, max: 4_000_000_000 }).map((value) => value * 1000),
  linkPath: fc.stringMatching(/^[a-z./]{0,120}$/),
  deviceMajor: fc.integer({ min: 0, max: 255 }),
  deviceMinor: fc.integer({ min: 0, max: 255 }),
  xattrs: fc.constantFrom(
    new Map<string, Uint8Array>(),
    new Map([['security.capability', new Uint8Array([1, 0, 0, 2, 0x80, 0xff, 10, 0])]]),
  ),
  content: fc.stringMatching(/^[a-z]{0,1500}$/),
});

describe('tar', () => {
  test('what is written is read back, whatever the size of the pieces', () => {
    fc.assert(
      fc.property(
        fc.array(entries, { maxLength: 5 }),
        fc.integer({ min: 1, max: 2000 }),
        (given, chunkBytes) => {
          const parts = given.flatMap(({ content, ...entry }) => {
            const bytes = new TextEncoder().encode(entry.type === 'file' ? content : '');
            return [encodeTarHeader({ ...entry, sizeBytes: bytes.length }), bytes, tarPadding(bytes.length)];
          });
          const found = read(concatenate([...parts, tarEnd()]), chunkBytes);
          expect(found).toEqual(
            given.map(({ content, ...entry }) => ({
              entry: {
                ...entry,
                path: entry.type === 'directory' ? `${entry.path}/` : entry.path,
                sizeBytes: entry.type === 'file' ? content.length : 0,
              },
              content: entry.type === 'file' ? content : '',
            })),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  test('an archive that ends in the middle of an entry is refused', () => {
    const header = encodeTarHeader({ path: 'a', type: 'file', sizeBytes: 10 });
    expect(() => read(concatenate([header, new Uint8Array(5)]), 512)).toThrow('ends in the middle');
  });

  test('a broken header is refused, random bytes never do worse', () => {
    const header = encodeTarHeader({ path: 'a', type: 'file' });
    header[0] = 0x7a;
    expect(() => read(header, 512)).toThrow('wrong checksum');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        try {
          read(bytes, 700);
        } catch (error: unknown) {
          expect(error).toMatchObject({ name: 'SwarmError', code: 'invalid_argument' });
        }
      }),
    );
  });

  test('a negative length of a long name is refused', () => {
    const header = encodeTarHeader({ path: 'a', type: 'file' });
    header[156] = 'x'.charCodeAt(0);
    header.fill(0xc0, 124, 136);
    header.set(new TextEncoder().encode('        '), 148);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    expect(() => read(header, 512)).toThrow('size');
  });

  test('sparse files are refused by name', () => {
    const header = encodeTarHeader({ path: 'a', type: 'file' });
    header[156] = 'S'.charCodeAt(0);
    header.set(new TextEncoder().encode('        '), 148);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    expect(() => read(header, 512)).toThrow('sparse');
  });
});
