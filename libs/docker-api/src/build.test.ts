import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { buildCacheToDocker, parseBuildUlimits, parseRegistryConfig, parseStringMap } from './build.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('query parameters of a build', () => {
  test('arguments and labels', () => {
    expect(parseStringMap('{"A":"1","B":null}', 'buildargs')).toEqual({ A: '1' });
    expect(parseStringMap(undefined, 'labels')).toEqual({});
    expect(parseStringMap('null', 'labels')).toEqual({});
    expect(() => parseStringMap('{', 'buildargs')).toThrow('error reading buildargs: it must be JSON');
    expect(() => parseStringMap('{"A":1}', 'buildargs')).toThrow('invalid request body');
  });

  test('any map of strings comes back', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((key) => key !== '__proto__'),
          fc.string(),
        ),
        (values) => {
          expect(parseStringMap(JSON.stringify(values), 'labels')).toEqual({ ...values });
        },
      ),
    );
  });

  test('limits', () => {
    expect(parseBuildUlimits('[{"Name":"nofile","Soft":1,"Hard":2}]')).toEqual([
      { name: 'nofile', soft: 1, hard: 2 },
    ]);
    expect(parseBuildUlimits(undefined)).toEqual([]);
  });
});

test('credentials are found by registry, Docker Hub under each of its names', () => {
  const find = parseRegistryConfig(
    encode({
      'https://index.docker.io/v1/': { username: 'hub' },
      'https://r.example:5000/v2/': { username: 'r' },
    }),
  );
  expect(find('docker.io')).toMatchObject({ username: 'hub' });
  expect(find('r.example:5000')).toMatchObject({ username: 'r' });
  expect(find('other')).toBeUndefined();
  expect(parseRegistryConfig(undefined)('docker.io')).toBeUndefined();
});

test('a broken header is refused without being repeated', () => {
  for (const header of ['%%%', encode([1]), Buffer.from('secret{').toString('base64')]) {
    expect(() => parseRegistryConfig(header)).toThrow(/^(?!.*secret).*$/);
  }
});

test('a record of the cache names its parent as the version of the API wants it', () => {
  const record = {
    ...{ id: 'a', parent: 'b', description: 'RUN true', isInUse: false, isShared: true, sizeBytes: 3 },
    ...{ createdAtMs: 1000, lastUsedAtMs: 2000, usageCount: 2 },
  };
  expect(buildCacheToDocker(record, true)).toEqual({
    ...{ ID: 'a', Parents: ['b'], Type: 'regular', Description: 'RUN true', InUse: false, Shared: true },
    ...{
      Size: 3,
      CreatedAt: '1970-01-01T00:00:01.000Z',
      LastUsedAt: '1970-01-01T00:00:02.000Z',
      UsageCount: 2,
    },
  });
  expect(buildCacheToDocker(record, false)).toMatchObject({ Parent: 'b' });
});
