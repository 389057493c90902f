import { expect, test } from 'vitest';

import { isDeepEqual } from './deep-equal.ts';

test.each([
  ['equal scalars', 1, 1, true],
  ['different types', 1, '1', false],
  ['nested', { a: [{ b: 1 }] }, { a: [{ b: 1 }] }, true],
  ['nested difference', { a: [{ b: 1 }] }, { a: [{ b: 2 }] }, false],
  ['undefined is absent', { a: 1, b: undefined }, { a: 1 }, true],
  ['absent is undefined', { a: 1 }, { a: 1, b: undefined }, true],
  ['more keys', { a: 1 }, { a: 1, b: 2 }, false],
  ['array and record', [], {}, false],
  ['null and record', null, {}, false],
  ['bytes', new Uint8Array([1, 2]), new Uint8Array([1, 2]), true],
  ['other bytes', new Uint8Array([1, 2]), new Uint8Array([1, 3]), false],
  ['bytes and array', new Uint8Array([1]), [1], false],
])('%s', (_name, a, b, expected) => {
  expect(isDeepEqual(a, b)).toBe(expected);
});
