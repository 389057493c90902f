import { expect, test } from 'vitest';

import { matchesFilter, parseFilter } from './filter.ts';

const facts = {
  name: 'shop_web',
  image: 'registry.example.net/shop/web:8.2',
  state: ['Healthy', 'ok'],
  label: ['tier=web', 'team=shop'],
};

test.each([
  ['', true],
  ['WEB', true],
  ['api', false],
  ['state:ok', true],
  ['state:bad', false],
  ['-state:bad', true],
  ['-web', false],
  ['name:shop state:ok', true],
  ['name:shop state:bad', false],
  ['image:web:8.2', true],
  ['label:tier=web', true],
  ['"shop web"', false],
  ['name="shop_w"', true],
  ['nothing:there', false],
  ['"unclosed', false],
])('%s', (text, isMatch) => {
  expect(matchesFilter(parseFilter(text), facts)).toBe(isMatch);
});

test('any text is a filter', () => {
  expect(parseFilter('-- :: "" -"a b" k:')).toBeInstanceOf(Array);
});
