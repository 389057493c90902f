import { expect, test } from 'vitest';

import { Router } from './router.ts';

const router = new Router(
  (
    [
      ['GET', '/images/json'],
      ['GET', '/images/{name*}/json'],
      ['DELETE', '/images/{name*}'],
      ['GET', '/containers/{id}/json'],
      ['HEAD', '/containers/{id}/archive'],
      ['GET', '/containers/{id}/archive'],
    ] as const
  ).map(([method, path]) => ({ method, path, handle: () => undefined })),
);

test.each([
  ['GET', '/images/json', {}],
  ['GET', '/images/host:5000/a/b:1/json', { name: 'host:5000/a/b:1' }],
  ['DELETE', '/images/a/b', { name: 'a/b' }],
  ['GET', '/containers/a%2Fb/json', { id: 'a/b' }],
  ['HEAD', '/containers/x/json', { id: 'x' }],
])('%s %s', (method, path, params) => {
  expect(router.find(method, path)?.params).toEqual(params);
});

test.each([
  ['POST', '/images/json'],
  ['GET', '/containers/a/b/json'],
  ['GET', '/containers//json'],
  ['GET', '/'],
  ['GET', ''],
])('%s %s is no endpoint', (method, path) => {
  expect(router.find(method, path)).toBeUndefined();
});
