import { describe, expect, test } from 'vitest';

import { foldersNeededBy } from './project-files.ts';

describe('foldersNeededBy', () => {
  test('follows dependencies as Node does: the nearest node_modules first', () => {
    const lock = {
      '': {},
      'node_modules/a': { dependencies: { b: '2', c: '1' } },
      'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
      'node_modules/b': {},
      'node_modules/c': {},
      'node_modules/d': {},
    };
    expect(foldersNeededBy(lock, ['node_modules/a'])).toEqual([
      'node_modules/a',
      'node_modules/a/node_modules/b',
      'node_modules/c',
    ]);
  });

  test('a workspace comes with its link, and what it stands on', () => {
    const lock = {
      agent: { dependencies: { '@x/kernel': '1' } },
      'node_modules/@x/kernel': { link: true, resolved: 'libs/kernel' },
      'libs/kernel': { dependencies: { hash: '1' } },
      'node_modules/hash': {},
    };
    expect(foldersNeededBy(lock, ['agent'])).toEqual([
      'agent',
      'libs/kernel',
      'node_modules/@x/kernel',
      'node_modules/hash',
    ]);
  });

  test('takes optional and peer dependencies, not optional peers, and ends on circles', () => {
    const lock = {
      'node_modules/a': {
        optionalDependencies: { native: '1', absent: '1' },
        peerDependencies: { peer: '1', extra: '1' },
        peerDependenciesMeta: { extra: { optional: true } },
      },
      'node_modules/native': {},
      'node_modules/extra': {},
      'node_modules/peer': { dependencies: { a: '1' } },
    };
    expect(foldersNeededBy(lock, ['node_modules/a'])).toEqual([
      'node_modules/a',
      'node_modules/native',
      'node_modules/peer',
    ]);
  });
});
