import { expect, test } from 'vitest';

import { parseRegistryAuth } from './registry-auth.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

test('credentials are read, and an empty object is anonymous access', () => {
  expect(parseRegistryAuth(encode({ username: 'u', password: 'p', serveraddress: 's' }))).toMatchObject({
    username: 'u',
    password: 'p',
  });
  expect(parseRegistryAuth(encode({}))).toBeUndefined();
  expect(parseRegistryAuth(encode({ serveraddress: 'only' }))).toBeUndefined();
  expect(parseRegistryAuth(undefined)).toBeUndefined();
});

test('a broken header is refused without being repeated', () => {
  for (const header of ['%%%', encode([1]), Buffer.from('secret{').toString('base64')]) {
    expect(() => parseRegistryAuth(header)).toThrow(/^(?!.*secret).*$/);
  }
});
