import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { cacheRecords, noteUse, planCachePrune, type CacheFacts } from './cache-records.ts';

const id = (digit: string): string => digit.repeat(64);

const FACTS: CacheFacts = {
  images: [
    { id: id('1'), layer: 'base' },
    { id: id('2'), layer: 'run' },
    { id: id('3'), layer: 'run' },
    { id: id('4'), layer: 'copy' },
  ],
  layers: [
    { id: 'base', created: '2026-01-01T00:00:00Z', 'diff-digest': 'sha256:b', 'diff-size': 100 },
    { id: 'run', parent: 'base', 'diff-digest': 'sha256:r', 'diff-size': 10 },
    { id: 'lost', parent: 'run', 'diff-digest': 'sha256:l', 'diff-size': 5 },
    { id: 'copy', parent: 'lost', 'diff-digest': 'sha256:c', 'diff-size': 1 },
  ],
  usage: { [id('2')]: { lastUsedAtMs: 50, usageCount: 3 } },
  storedDiffIds: [['sha256:b', 'sha256:r']],
  descriptions: new Map([[id('2'), 'RUN true']]),
  hasActiveBuilds: false,
};

test('a layer is counted once, with the image that stands on it', () => {
  expect(
    cacheRecords(FACTS).map(({ id, parent, sizeBytes, isShared, usageCount }) => [
      id[0],
      parent?.[0] ?? null,
      sizeBytes,
      isShared,
      usageCount,
    ]),
  ).toEqual([
    ['1', null, 100, true, 1],
    ['2', '1', 10, true, 3],
    ['3', '1', 0, true, 1],
    ['4', '2', 6, false, 1],
  ]);
});

test('a chain that turns in a circle ends', () => {
  const layers = [
    { id: 'a', parent: 'b' },
    { id: 'b', parent: 'a' },
  ];
  expect(cacheRecords({ ...FACTS, images: [{ id: id('1'), layer: 'a' }], layers })).toHaveLength(1);
});

describe('pruning', () => {
  const records = cacheRecords({ ...FACTS, storedDiffIds: [] }).map((record, index) => ({
    ...record,
    lastUsedAtMs: index,
  }));
  const plan = { all: true, keepBytes: 0, isPrunable: () => true };

  test('takes all, or the oldest until the rest is small enough', () => {
    expect(planCachePrune(records, plan)).toHaveLength(4);
    expect(planCachePrune(records, { ...plan, keepBytes: 20 }).map((record) => record.id[0])).toEqual(['1']);
    expect(planCachePrune(records, { ...plan, keepBytes: 1000 })).toEqual([]);
  });

  test('leaves what is in use, what is shared, and what the filter keeps', () => {
    const busy = records.map((record) => ({ ...record, isInUse: true }));
    expect(planCachePrune(busy, plan)).toEqual([]);
    const shared = records.map((record) => ({ ...record, isShared: record.id === id('1') }));
    expect(planCachePrune(shared, { ...plan, all: false }).map((record) => record.id[0])).not.toContain('1');
    expect(planCachePrune(records, { ...plan, isPrunable: ({ id }) => id.startsWith('4') })).toHaveLength(1);
  });

  test('never leaves more than asked for when everything may go', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { maxLength: 12 }),
        fc.integer({ min: 1, max: 3000 }),
        (sizes, keepBytes) => {
          const some = sizes.map((sizeBytes, index) => ({
            ...(records[0] as (typeof records)[number]),
            id: String(index),
            sizeBytes,
            lastUsedAtMs: index,
          }));
          const gone = planCachePrune(some, { ...plan, keepBytes });
          const left = some.filter((record) => !gone.includes(record));
          expect(left.reduce((sum, record) => sum + record.sizeBytes, 0)).toBeLessThanOrEqual(keepBytes);
          expect(left).toEqual(some.slice(gone.length));
        },
      ),
    );
  });
});

test('use is noted by id or by its first digits, and forgotten with the image', () => {
  const used = { prefixes: ['11111111111'], nowMs: 7 };
  const usage = {
    [id('1')]: { lastUsedAtMs: 1, usageCount: 1 },
    [id('9')]: { lastUsedAtMs: 1, usageCount: 1 },
  };
  expect(noteUse(usage, FACTS.images, used)).toEqual({ [id('1')]: { lastUsedAtMs: 7, usageCount: 2 } });
});
