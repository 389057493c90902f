import { describe, expect, test } from 'vitest';

import {
  booleanFilter,
  checkFilters,
  lacksLabels,
  matchesExactly,
  matchesLabels,
  matchesPattern,
  matchesPrefix,
  parseFilters,
} from './filters.ts';

describe('parseFilters', () => {
  test('reads the shape of the docker CLI and that of docker-py alike', () => {
    const cli = parseFilters('{"label":{"a=b":true},"name":{"web":true,"db":true}}');
    const py = parseFilters('{"label":["a=b"],"name":["web","db"]}');
    expect([...cli]).toEqual([...py]);
  });

  test('leaves out what is false', () => {
    expect(parseFilters('{"name":{"web":false}}').get('name')).toEqual([]);
  });

  test.each(['[]', 'null', '{"a":1}', '{"a":[1]}', '{', '"x"'])('refuses %s', (text) => {
    expect(() => parseFilters(text)).toThrow(/invalid filter/);
  });

  test('nothing is no filter', () => {
    expect(parseFilters(undefined).size).toBe(0);
    expect(parseFilters('').size).toBe(0);
  });
});

test('unknown keys are named', () => {
  expect(() => {
    checkFilters(parseFilters('{"colour":["red"]}'), ['name']);
  }).toThrow("invalid filter 'colour'");
});

test('values of one key are alternatives, labels must all hold', () => {
  const filters = parseFilters('{"name":["web","db"],"label":["a","b=2"]}');
  expect(matchesExactly(filters, 'name', 'db')).toBe(true);
  expect(matchesExactly(filters, 'name', 'dbx')).toBe(false);
  expect(matchesPrefix(filters, 'name', 'dbx')).toBe(true);
  expect(matchesPrefix(filters, 'id', 'anything')).toBe(true);
  expect(matchesLabels(filters, { a: '', b: '2' })).toBe(true);
  expect(matchesLabels(filters, { a: '', b: '3' })).toBe(false);
  expect(matchesLabels(filters, undefined)).toBe(false);
});

test('label! keeps objects that have the label', () => {
  const filters = parseFilters('{"label!":["keep"]}');
  expect(lacksLabels(filters, { keep: 'yes' })).toBe(false);
  expect(lacksLabels(filters, { other: 'yes' })).toBe(true);
});

test('names are found by pattern, and a hostile pattern costs nothing', () => {
  const byPattern = (pattern: string): boolean =>
    matchesPattern(new Map([['name', [pattern]]]), 'name', ['web-1', '/web-1']);
  expect(byPattern('^/web-[0-9]$')).toBe(true);
  expect(byPattern('web')).toBe(true);
  expect(byPattern('db')).toBe(false);
  expect(byPattern('[')).toBe(false);
  expect(byPattern('(a+)+$')).toBe(false);
});

test('booleans', () => {
  expect(booleanFilter(parseFilters('{"dangling":["true"]}'), 'dangling')).toBe(true);
  expect(booleanFilter(parseFilters('{"dangling":["0"]}'), 'dangling')).toBe(false);
  expect(booleanFilter(parseFilters('{}'), 'dangling')).toBeUndefined();
  expect(() => booleanFilter(parseFilters('{"dangling":["maybe"]}'), 'dangling')).toThrow(/dangling=maybe/);
});
