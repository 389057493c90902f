import { describe, expect, test } from 'vitest';

import { isAtLeast, parseVersionedPath } from './api-version.ts';

describe('parseVersionedPath', () => {
  test.each([
    ['/v1.44/info', 44, '/info'],
    ['/v1.24/containers/json', 24, '/containers/json'],
    ['/v1.51/images/host:5000/a/b/json', 51, '/images/host:5000/a/b/json'],
    ['/info', 51, '/info'],
    ['/v2/x', 51, '/v2/x'],
    ['/v1.41', 41, '/'],
  ])('splits %s', (path, minor, rest) => {
    const result = parseVersionedPath(path);
    expect(result.ok && result.value).toEqual({ version: { major: 1, minor }, path: rest });
  });

  test('refuses versions outside the served range in Docker’s words', () => {
    const old = parseVersionedPath('/v1.23/info');
    expect(!old.ok && old.error.message).toBe(
      'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
    );
    const young = parseVersionedPath('/v1.99/info');
    expect(!young.ok && young.error.message).toBe(
      'client version 1.99 is too new. Maximum supported API version is 1.51',
    );
  });

  test('compares minors as numbers', () => {
    expect(isAtLeast({ major: 1, minor: 9 }, 41)).toBe(false);
    expect(isAtLeast({ major: 1, minor: 41 }, 41)).toBe(true);
  });
});
