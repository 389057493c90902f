import { expect, test } from 'vitest';

import { fuzzyBest, fuzzyScore } from './fuzzy.ts';

const NAMES = ['shop_worker', 'shop_web', 'infra_proxy', 'web', 'whisper_engine_beta'];

test.each([
  ['web', ['web', 'shop_web', 'whisper_engine_beta']],
  ['sw', ['shop_web', 'shop_worker']],
  ['zz', []],
])('%s finds %j', (query, found) => {
  expect(fuzzyBest(query, NAMES, { textOf: (name) => name, limit: 3 })).toEqual(found);
});

test('nothing typed keeps everything in order', () => {
  expect(fuzzyBest('', NAMES, { textOf: (name) => name, limit: 9 })).toEqual(NAMES);
  expect(fuzzyScore('', 'x')).toBe(0);
});
