import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanEntryPath, entryMeaning, opaqueName, whiteoutName } from './layer-entry.ts';

describe('cleanEntryPath', () => {
  test.each([
    ['./a/b', 'a/b'],
    ['/a//b/', 'a/b'],
    ['a/../b', 'b'],
    ['./', ''],
    ['', ''],
  ])('%j', (name, path) => {
    expect(cleanEntryPath(name)).toEqual({ ok: true, value: path });
  });

  test.each([['..'], ['a/../../b'], ['/..'], ['a\0b'], ['x'.repeat(256)], [`${'a/'.repeat(3000)}a`]])(
    'refuses %j',
    (name) => {
      expect(cleanEntryPath(name).ok).toBe(false);
    },
  );

  test('what comes out never leaves the root', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('..', '.', '', 'a', 'b', 'etc')), (parts) => {
        const cleaned = cleanEntryPath(parts.join('/'));
        if (cleaned.ok) {
          expect(cleaned.value.split('/')).not.toContain('..');
          expect(cleaned.value.startsWith('/')).toBe(false);
        }
      }),
    );
  });
});

describe('entryMeaning', () => {
  test.each([
    ['a/b', 'plain', 'a/b'],
    ['a/.wh.b', 'whiteout', 'a/b'],
    ['.wh.b', 'whiteout', 'b'],
    ['a/.wh..wh..opq', 'opaque', 'a'],
    ['.wh..wh..opq', 'opaque', ''],
    ['.wh..wh.plnk/1', 'ignored', '.wh..wh.plnk/1'],
    ['a/.wh.', 'ignored', 'a/.wh.'],
    ['a/.wh...', 'ignored', 'a/.wh...'],
    ['a/.wh..', 'ignored', 'a/.wh..'],
    ['a/.wh.x/y', 'plain', 'a/.wh.x/y'],
  ])('%s', (path, kind, meant) => {
    expect(entryMeaning(path)).toEqual({ kind, path: meant });
  });

  test('names that are written read back as they were meant', () => {
    expect(entryMeaning(whiteoutName('a/b'))).toEqual({ kind: 'whiteout', path: 'a/b' });
    expect(entryMeaning(opaqueName('a'))).toEqual({ kind: 'opaque', path: 'a' });
    expect(entryMeaning(opaqueName(''))).toEqual({ kind: 'opaque', path: '' });
  });
});
