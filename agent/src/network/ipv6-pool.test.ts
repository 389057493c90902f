import { describe, expect, test } from 'vitest';

import { chooseIpv6Address, chooseIpv6Pool } from './ipv6-pool.ts';

const request = { networkName: 'a', pool: undefined, taken: [], hostSeed: 'host one' };

describe('pools', () => {
  test("are chosen from a block of unique local addresses that is the host's own", () => {
    const first = chooseIpv6Pool(request);
    expect(first.subnet).toMatch(/^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/64$/);
    expect(first.gateway).toBe(first.subnet.replace('::/64', '::1'));
    expect(chooseIpv6Pool(request)).toEqual(first);
    expect(chooseIpv6Pool({ ...request, hostSeed: 'host two' }).subnet).not.toBe(first.subnet);
    const second = chooseIpv6Pool({ ...request, taken: ['10.0.0.0/8', first.subnet] });
    expect(second.subnet).toBe(first.subnet.replace('::/64', ':1::/64'));
  });

  test('that a user names are kept', () => {
    expect(chooseIpv6Pool({ ...request, pool: { subnet: 'fd00:7::/64' } })).toEqual({
      subnet: 'fd00:7::/64',
      gateway: 'fd00:7::1',
    });
    const pool = {
      subnet: 'fd00:7::/64',
      gateway: 'FD00:7::00fe',
      range: 'fd00:7::100/120',
      auxiliary: { nas: 'fd00:7::1' },
    };
    expect(chooseIpv6Pool({ ...request, pool })).toEqual({ ...pool, gateway: 'fd00:7::fe' });
    expect(chooseIpv6Pool({ ...request, pool: { ...pool, gateway: undefined } as never }).gateway).toBe(
      'fd00:7::2',
    );
  });

  test.each([
    [{ subnet: 'fd00:9:1::/64' }, /Pool overlaps with other one .* overlaps fd00:9::\/32/],
    [{ subnet: 'fd00:7::/127' }, /too small; use \/126 or larger/],
    [{ subnet: 'fd00:7::/64', gateway: 'fd00:7::' }, /cannot be the gateway/],
    [{ subnet: 'fd00:7::/64', gateway: 'fd00:7::5', auxiliary: { a: 'fd00:7::5' } }, /cannot be the gateway/],
    [{ subnet: '10.0.0.0/24' }, /is no IPv6 network/],
  ])('%j is refused', (pool, message) => {
    expect(() => chooseIpv6Pool({ ...request, pool, taken: ['fd00:9::/32', '::/0'] })).toThrow(message);
  });
});

describe('addresses of containers', () => {
  const pool = { subnet: 'fd00:7::/125', gateway: 'fd00:7::1' };
  const wish = { networkName: 'n', pool, taken: new Set<string>() };

  test('are the lowest free ones until none is left', () => {
    const taken = new Set<string>();
    for (let round = 0; round < 6; round += 1) {
      taken.add(chooseIpv6Address({ ...wish, taken }));
    }
    expect([...taken]).toEqual([
      'fd00:7::2',
      'fd00:7::3',
      'fd00:7::4',
      'fd00:7::5',
      'fd00:7::6',
      'fd00:7::7',
    ]);
    expect(() => chooseIpv6Address({ ...wish, taken })).toThrow(/no free address left in fd00:7::\/125/);
  });

  test('come from the range, around what others have', () => {
    const narrow = { ...pool, range: 'fd00:7::4/126', auxiliary: { nas: 'fd00:7::0004' } };
    expect(chooseIpv6Address({ ...wish, pool: narrow })).toBe('fd00:7::5');
  });

  test('are those that are wanted, in their usual form', () => {
    expect(chooseIpv6Address({ ...wish, wanted: 'FD00:7:0::5' })).toBe('fd00:7::5');
  });

  test.each([
    ['fd00:8::5', /not in fd00:7::\/125/],
    ['fd00:7::1', /already in use/],
    ['fd00:7::', /already in use/],
    ['fd00:7::3', /already in use/],
    ['10.0.0.1', /is no IPv6 address/],
    ['x', /is no IPv6 address/],
  ])('a wish for %s is refused', (wanted, message) => {
    expect(() => chooseIpv6Address({ ...wish, taken: new Set(['fd00:7::3']), wanted })).toThrow(message);
  });
});
