import fc from 'fast-check';
import { expect, test } from 'vitest';

import { parseBytes, parseDurationNs, splitWords } from './command-line.ts';
import { textOfBase64, toBase64 } from './base64.ts';
import { variablesOf } from './variables.ts';

test.each([
  ['', []],
  ['  a  b ', ['a', 'b']],
  ['sh -c "a b"', ['sh', '-c', 'a b']],
  ["'it''s'", ['its']],
  ['a\\ b', ['a b']],
  ['""', ['']],
  ['"a\\"b"', ['a"b']],
  ["'open", ['open']],
])('splits %j', (text, words) => {
  expect(splitWords(text)).toEqual(words);
});

test('quoting a word and splitting it gives it back', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      const text = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`).join(' ');
      expect(splitWords(text)).toEqual(words);
    }),
  );
});

test.each([
  ['512M', 512 * 1024 ** 2],
  ['2 GiB', 2 * 1024 ** 3],
  ['1,5g', 1.5 * 1024 ** 3],
  ['300', 300],
  ['64 Mio', 64 * 1024 ** 2],
  ['M', undefined],
  ['-1', undefined],
])('%s is %s bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each([
  ['30s', 30e9],
  ['1m30s', 90e9],
  ['500ms', 5e8],
  ['2', 2e9],
  ['1 h', 3600e9],
  ['', undefined],
  ['soon', undefined],
  ['5 apples', undefined],
])('%s is %s ns', (text, ns) => {
  expect(parseDurationNs(text)).toBe(ns);
});

test('base64 goes both ways, whatever the length', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      const bytes = new TextEncoder().encode(text);
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      expect(textOfBase64(toBase64(bytes))).toBe(new TextDecoder('utf-8').decode(bytes));
    }),
  );
  expect(toBase64(new Uint8Array(100_000)).length).toBe(133_336);
  expect(textOfBase64(Buffer.from([0xff, 0xfe]).toString('base64'))).toBeUndefined();
});

test('variables are found once each, with their defaults', () => {
  expect(variablesOf('a: ${TAG:-1.0}\nb: $TAG ${KEY:?needed} $$HOME ${X-} ${Y}')).toEqual([
    { name: 'TAG', fallback: '1.0', isRequired: false },
    { name: 'KEY', fallback: undefined, isRequired: true },
    { name: 'X', fallback: '', isRequired: false },
    { name: 'Y', fallback: undefined, isRequired: false },
  ]);
});
