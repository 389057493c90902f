import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { nextToCollect, usedPercent, type CollectableImage } from './image-collection.ts';

const IMAGE: CollectableImage = {
  ...{ id: 'a', isInUse: false, isDangling: false, isFetchable: true, lastUsedAtMs: 0 },
};
const LIMITS = { nowMs: 1000, minAgeMs: 100 };

describe('the image to collect next', () => {
  test.each<[string, Partial<CollectableImage>, boolean]>([
    ['can be pulled again', {}, true],
    ['has no name', { isDangling: true, isFetchable: false }, true],
    ['is in use', { isInUse: true }, false],
    ['exists nowhere else', { isFetchable: false }, false],
    ['was used a moment ago', { lastUsedAtMs: 950 }, false],
  ])('%s', (_, facts, isCollected) => {
    expect(nextToCollect([{ ...IMAGE, ...facts }], LIMITS) !== undefined).toBe(isCollected);
  });

  test('is a dangling one, else the longest unused', () => {
    const named = { ...IMAGE, id: 'named', lastUsedAtMs: 1 };
    const dangling = { ...IMAGE, id: 'dangling', isDangling: true, lastUsedAtMs: 9 };
    const recent = { ...IMAGE, id: 'recent', lastUsedAtMs: 5 };
    expect(nextToCollect([recent, named, dangling], LIMITS)?.id).toBe('dangling');
    expect(nextToCollect([recent, named], LIMITS)?.id).toBe('named');
    expect(nextToCollect([], LIMITS)).toBeUndefined();
  });

  test('is never one that is in use or exists nowhere else under its name', () => {
    const image = fc.record({
      id: fc.string(),
      isInUse: fc.boolean(),
      isDangling: fc.boolean(),
      isFetchable: fc.boolean(),
      lastUsedAtMs: fc.nat(2000),
    });
    fc.assert(
      fc.property(fc.array(image), (images) => {
        const chosen = nextToCollect(images, LIMITS);
        expect(chosen === undefined || !chosen.isInUse).toBe(true);
        expect(chosen === undefined || chosen.isDangling || chosen.isFetchable).toBe(true);
        expect(chosen === undefined || chosen.lastUsedAtMs <= 900).toBe(true);
      }),
    );
  });
});

test('the disk is counted as df does: what only root may use is not free', () => {
  expect(usedPercent({ blocks: 100, bfree: 50, bavail: 25 })).toBeCloseTo(66.67, 1);
  expect(usedPercent({ blocks: 0, bfree: 0, bavail: 0 })).toBe(0);
});
