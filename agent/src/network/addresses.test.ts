import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { DEFAULT_POOLS, chooseAddress, choosePool } from './address-pool.ts';
import { contains, formatCidr, formatIpv4, overlaps, parseCidr, parseIpv4 } from './ipv4.ts';
import {
  DEFAULT_NAMING,
  bridgeName,
  containerMac,
  endpointIdOf,
  nodeMac,
  routedVethName,
  vxlanName,
} from './naming.ts';

const address = fc.integer({ min: 0, max: 0xffffffff });
const range = fc
  .tuple(address, fc.integer({ min: 0, max: 32 }))
  .map(([first, prefixLength]) => `${formatIpv4(first)}/${String(prefixLength)}`);

describe('IPv4', () => {
  test('what is formatted is parsed to the same', () => {
    fc.assert(fc.property(address, (value) => parseIpv4(formatIpv4(value)) === value));
    fc.assert(
      fc.property(range, (text) => {
        const parsed = parseCidr(text);
        expect(parsed && parseCidr(formatCidr(parsed))).toEqual(parsed);
      }),
    );
  });

  test.each(['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', ' 1.2.3.4', '1.2.3.4\n', 'a.b.c.d'])(
    '%j is no address',
    (text) => {
      expect(parseIpv4(text)).toBeUndefined();
    },
  );

  test.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/x', 'fd00::/64'])('%j is no network', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test('two networks overlap when and only when one holds the first address of the other', () => {
    fc.assert(
      fc.property(range, range, (a, b) => {
        const [first, second] = [parseCidr(a), parseCidr(b)];
        if (first !== undefined && second !== undefined) {
          expect(overlaps(first, second)).toBe(
            contains(first, second.first) || contains(second, first.first),
          );
        }
      }),
    );
  });
});

describe('pools of local networks', () => {
  test('are chosen in order, around what is taken', () => {
    expect(choosePool({ networkName: 'a', taken: [] })).toEqual({
      subnet: '172.17.0.0/16',
      gateway: '172.17.0.1',
    });
    expect(choosePool({ networkName: 'a', taken: ['172.17.0.0/16', '172.18.5.0/24'] }).subnet).toBe(
      '172.19.0.0/16',
    );
    expect(choosePool({ networkName: 'a', taken: ['172.16.0.0/12'] }).subnet).toBe('192.168.0.0/20');
  });

  test('end', () => {
    const taken = DEFAULT_POOLS.map((pool) => formatCidr(pool));
    expect(() => choosePool({ networkName: 'a', taken })).toThrow(/all default address pools are in use/);
  });

  test('that a user names are kept as they are', () => {
    const request = { networkName: 'a', taken: ['172.17.0.0/16'] };
    expect(
      choosePool({ ...request, subnet: '10.9.0.7/24', gateway: '10.9.0.254', range: '10.9.0.128/25' }),
    ).toEqual({
      subnet: '10.9.0.0/24',
      gateway: '10.9.0.254',
      range: '10.9.0.128/25',
    });
  });

  test.each([
    [{ subnet: '172.17.3.0/24' }, /overlaps 172\.17\.0\.0\/16/],
    [{ subnet: 'x' }, /subnet: "x" is no IPv4 network/],
    [{ subnet: '10.0.0.0/31' }, /too small/],
    [{ subnet: '10.0.0.0/24', gateway: '10.0.1.1' }, /gateway 10\.0\.1\.1 is not an address of/],
    [{ subnet: '10.0.0.0/24', gateway: '10.0.0.0' }, /gateway 10\.0\.0\.0 is not an address of/],
    [{ subnet: '10.0.0.0/24', range: '10.0.0.0/23' }, /is not inside/],
  ])('%j is refused', (wanted, message) => {
    expect(() => choosePool({ networkName: 'a', taken: ['172.17.0.0/16'], ...wanted })).toThrow(message);
  });
});

describe('addresses of containers', () => {
  const pool = { networkName: 'n', subnet: '10.0.0.0/29', gateway: '10.0.0.1' };

  test('are the lowest free ones until none is left', () => {
    const taken = new Set<string>();
    const given: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const next = chooseAddress({ ...pool, taken });
      taken.add(next);
      given.push(next);
    }
    expect(given).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    expect(() => chooseAddress({ ...pool, taken })).toThrow(/no free address left/);
  });

  test('come from the range when there is one', () => {
    expect(chooseAddress({ ...pool, range: '10.0.0.4/30', taken: new Set() })).toBe('10.0.0.4');
  });

  test.each([
    ['10.0.0.9', /not in 10\.0\.0\.0\/29/],
    ['10.0.0.1', /already in use/],
    ['10.0.0.7', /already in use/],
    ['10.0.0.3', /already in use/],
    ['ten', /is no IPv4 address/],
  ])('a wish for %s is refused', (wanted, message) => {
    expect(() => chooseAddress({ ...pool, taken: new Set(['10.0.0.3']), wanted })).toThrow(message);
  });
});

describe('names in the kernel', () => {
  test('fit into 15 characters', () => {
    const endpointId = endpointIdOf('c'.repeat(64), 'n'.repeat(25));
    for (const name of [
      vxlanName(DEFAULT_NAMING, 0xff_ff_ff),
      routedVethName(DEFAULT_NAMING, endpointId),
      bridgeName(DEFAULT_NAMING, 'f'.repeat(64)),
    ]) {
      expect(name.length).toBeLessThanOrEqual(15);
    }
  });

  test('hardware addresses follow from addresses', () => {
    expect(nodeMac('10.88.0.1')).toBe('02:53:0a:58:00:01');
    expect(containerMac('172.17.0.2')).toBe('02:42:ac:11:00:02');
  });
});
