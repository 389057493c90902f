import fc from 'fast-check';
import { expect, test } from 'vitest';

import { reconnectDelayMs } from './reconnect-delay.ts';

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('the wait doubles from 50 ms to 1 s', () => {
  expect([0, 1, 2, 3, 4, 5, 1000].map((failures) => reconnectDelayMs(failures, 0))).toEqual([
    25, 50, 100, 200, 400, 500, 500,
  ]);
});

test('the drawn half spreads members that fail together, within bounds', () => {
  expect(reconnectDelayMs(5, 0.9) - reconnectDelayMs(5, 0.1)).toBeCloseTo(400);
  fc.assert(
    fc.property(fc.nat(1_000_000), unit, unit, (failures, one, other) => {
      const [a, b] = [reconnectDelayMs(failures, one), reconnectDelayMs(failures, other)];
      expect(a).toBeGreaterThanOrEqual(25);
      expect(a).toBeLessThanOrEqual(1_000);
      expect(a).toBeLessThanOrEqual(2 * b);
    }),
  );
});
