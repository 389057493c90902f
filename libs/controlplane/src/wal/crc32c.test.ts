import { describe, expect, test } from 'vitest';

import { crc32c } from './crc32c.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('CRC-32C', () => {
  // RFC 3720, appendix B.4, and the usual check value.
  test.each<[string, Uint8Array, number]>([
    ['nothing', new Uint8Array(0), 0],
    ['123456789', text('123456789'), 0xe3069283],
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])('of %s', (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  test('goes on where it stopped, at every split', () => {
    const bytes = Uint8Array.from({ length: 41 }, (_, i) => (i * 37) & 0xff);
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at)))).toBe(crc32c(bytes));
    }
  });
});
