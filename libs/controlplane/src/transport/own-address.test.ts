import { expect, test } from 'vitest';

import { OwnAddress } from './own-address.ts';

test('an address that the host lost is replaced by the one on the way to the others', () => {
  const own = new OwnAddress('10.0.0.5:2377');
  expect(own.look(['127.0.0.1', '10.0.0.5'], '10.0.0.5')).toBeUndefined();
  expect(own.look(['127.0.0.1'], undefined)).toBeUndefined();
  expect(own.look(['127.0.0.1', '10.0.0.77'], '10.0.0.5')).toBeUndefined();
  expect(own.look(['127.0.0.1', '10.0.0.77'], '10.0.0.77')).toBe('10.0.0.77:2377');
  own.set('10.0.0.77:2377');
  expect(own.look(['127.0.0.1', '10.0.0.77'], '10.0.0.77')).toBeUndefined();
});

test.each(['203.0.113.9:2377', 'manager.example.org:2377'])(
  "%s was never the host's own and is left alone",
  (addr) => {
    const own = new OwnAddress(addr);
    expect(own.look(['10.0.0.5'], '10.0.0.5')).toBeUndefined();
    expect(own.look(['10.0.0.6'], '10.0.0.6')).toBeUndefined();
  },
);

test('IPv6 keeps its brackets', () => {
  const own = new OwnAddress('[fd00::1]:2377');
  own.look(['fd00::1'], undefined);
  expect(own.look(['fd00::2'], 'fd00::2')).toBe('[fd00::2]:2377');
});
