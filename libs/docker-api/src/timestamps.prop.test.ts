import fc from 'fast-check';
import { expect, test } from 'vitest';

import { ZERO_TIME, formatTimeMs, formatTimeNs, parseRequestTimeMs } from './timestamps.ts';

const timeMs = fc.integer({ min: 1, max: Date.parse('2199-12-31T00:00:00Z') });

test('times are written as JavaScript writes them, and read back', () => {
  fc.assert(
    fc.property(timeMs, (ms) => {
      expect(formatTimeMs(ms)).toBe(new Date(ms).toISOString());
      const parsed = parseRequestTimeMs(formatTimeMs(ms));
      expect(parsed.ok && Math.round(parsed.value)).toBe(ms);
    }),
  );
});

test('nanoseconds survive', () => {
  expect(formatTimeNs('1700000000123456789')).toBe('2023-11-14T22:13:20.123456789Z');
  expect(formatTimeNs('5')).toBe('1970-01-01T00:00:00.000000005Z');
});

test('an absent time is Go’s zero time', () => {
  expect(formatTimeMs(undefined)).toBe(ZERO_TIME);
  expect(formatTimeMs(0)).toBe(ZERO_TIME);
});

test.each([
  ['1700000000', 1_700_000_000_000],
  ['1700000000.25', 1_700_000_000_250],
  ['2024-02-29T12:00:00+02:00', Date.parse('2024-02-29T10:00:00Z')],
  ['2024-02-29', Date.parse('2024-02-29T00:00:00Z')],
  ['2024-02-29T12:30', Date.parse('2024-02-29T12:30:00Z')],
])('reads %s', (text, expected) => {
  const parsed = parseRequestTimeMs(text);
  expect(parsed.ok && parsed.value).toBe(expected);
});

test.each(['yesterday', '', '12:00', '2024-2-3', '1e5'])('refuses "%s"', (text) => {
  expect(parseRequestTimeMs(text).ok).toBe(false);
});
