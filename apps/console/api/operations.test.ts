import { ENDPOINTS, API_PREFIX } from '@skep/contract';
import { expect, test } from 'vitest';

import { OPERATIONS } from './operations.ts';

test.each(Object.entries(OPERATIONS))('%s is where the contract has it', (name, [method, path]) => {
  const endpoint = ENDPOINTS[name as keyof typeof ENDPOINTS];
  expect([endpoint.method, endpoint.path]).toEqual([method, path]);
});

test('the prefix is that of the contract', () => {
  expect(API_PREFIX).toBe('/api/v1');
});
