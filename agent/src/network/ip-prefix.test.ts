import fc from 'fast-check';
import { expect, test } from 'vitest';

import { containsIp, formatIp, formatPrefix, overlapsPrefix, parseIp, parsePrefix } from './ip-prefix.ts';
import type { IpPrefix } from './ip-prefix.ts';

const prefixOf = (text: string): IpPrefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) {
    throw new Error(`${text} is no network`);
  }
  return parsed.prefix;
};

// RFC 5952, 4.
test.each([
  ['2001:0db8:0000:0000:0000:0000:0002:0001', '2001:db8::2:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['FD00::ABCD', 'fd00::abcd'],
  ['::', '::'],
  ['::1', '::1'],
  ['fe80::', 'fe80::'],
  ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ['10.0.0.1', '10.0.0.1'],
])('%s is written as %s', (text, expected) => {
  const address = parseIp(text);
  expect(address && formatIp(address)).toBe(expected);
});

test('what is formatted is parsed to the same', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (value) => {
      expect(parseIp(formatIp({ family: 6, value }))).toEqual({ family: 6, value });
    }),
  );
});

test.each(['', 'fd00', 'fd00:::1', 'fe80::1%eth0', '1:2:3:4:5:6:7:8:9', 'g::1'])(
  '%j is no address',
  (text) => {
    expect(parseIp(text)).toBeUndefined();
  },
);

test.each(['fd00::', 'fd00::/129', 'fd00::/x', '10.0.0.0/33', 'fd00::/64/64'])('%j is no network', (text) => {
  expect(parsePrefix(text)).toBeUndefined();
});

test('a network begins where its prefix says, and tells what is in it', () => {
  expect(formatPrefix(prefixOf('fd00::1:2:3:4/64'))).toBe('fd00::/64');
  expect(formatPrefix(prefixOf('10.1.2.3/8'))).toBe('10.0.0.0/8');
  const inside = (network: string, text: string): boolean => {
    const address = parseIp(text);
    return address !== undefined && containsIp(prefixOf(network), address);
  };
  expect(inside('fd00::/64', 'fd00::ffff:ffff:ffff:ffff')).toBe(true);
  expect(inside('fd00::/64', 'fd00:0:0:1::')).toBe(false);
  expect(inside('fd00::/64', '10.0.0.1')).toBe(false);
  expect(overlapsPrefix(prefixOf('fd00::/48'), prefixOf('fd00:0:0:9::/64'))).toBe(true);
  expect(overlapsPrefix(prefixOf('fd00::/64'), prefixOf('fd00:0:0:1::/64'))).toBe(false);
  expect(overlapsPrefix(prefixOf('::/0'), prefixOf('0.0.0.0/0'))).toBe(false);
});
