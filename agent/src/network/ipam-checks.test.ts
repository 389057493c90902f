import { expect, test } from 'vitest';

import { checkPools } from './ipam-checks.ts';
import type { PoolSpec } from './ipam-checks.ts';

const faults = (...pools: PoolSpec[]): string => {
  try {
    checkPools(pools);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message.replace('invalid network config:\n', '') : String(error);
  }
};

test('pools that fit are taken, as are those without a subnet', () => {
  expect(
    faults(
      { subnet: '10.0.0.0/16', gateway: '10.0.0.1', range: '10.0.5.0/24', auxiliary: { a: '10.0.0.9' } },
      { subnet: 'fd00::/64', gateway: 'fd00::1', range: 'fd00::/80' },
      { gateway: '10.0.0.1' },
    ),
  ).toBe('');
});

test.each([
  [{ subnet: '10.0.0.0/99' }, 'invalid subnet 10.0.0.0/99: invalid CIDR block notation'],
  [{ subnet: '10.0.0.0' }, 'invalid subnet 10.0.0.0: invalid CIDR block notation'],
  [{ subnet: '10.0.0.7/24' }, 'invalid subnet 10.0.0.7/24: it should be 10.0.0.0/24'],
  [{ subnet: 'fd00::7/64' }, 'invalid subnet fd00::7/64: it should be fd00::/64'],
  [
    { subnet: '10.0.0.0/24', gateway: '10.0.1.1' },
    "invalid gateway 10.0.1.1: parent subnet 10.0.0.0/24 doesn't contain this address",
  ],
  [{ subnet: '10.0.0.0/24', gateway: 'x' }, 'invalid gateway x: invalid address'],
  [{ subnet: '10.0.0.0/24', gateway: 'fd00::1' }, 'invalid gateway fd00::1: parent subnet is an IPv4 block'],
  [
    { subnet: 'fd00::/64', range: '10.0.0.0/24' },
    'invalid ip-range 10.0.0.0/24: parent subnet is an IPv6 block',
  ],
  [
    { subnet: '10.0.0.0/24', range: '10.0.0.0/16' },
    'invalid ip-range 10.0.0.0/16: CIDR block is bigger than its parent subnet 10.0.0.0/24',
  ],
  [
    { subnet: '10.0.0.0/24', range: '10.1.0.0/25' },
    "invalid ip-range 10.1.0.0/25: parent subnet 10.0.0.0/24 doesn't contain ip-range",
  ],
  [{ subnet: '10.0.0.0/24', range: '10.0.0.9/28' }, 'invalid ip-range 10.0.0.9/28: it should be 10.0.0.0/28'],
  [
    { subnet: '10.0.0.0/24', auxiliary: { nas: '10.9.0.1' } },
    "invalid auxiliary address nas: parent subnet 10.0.0.0/24 doesn't contain this address",
  ],
])('%j is refused in the words of Docker', (pool, message) => {
  expect(faults(pool)).toBe(message);
});

test('all faults are told at once', () => {
  expect(faults({ subnet: 'x' }, { subnet: '10.0.0.0/24', gateway: 'y' }).split('\n')).toEqual([
    'invalid subnet x: invalid CIDR block notation',
    'invalid gateway y: invalid address',
  ]);
});
