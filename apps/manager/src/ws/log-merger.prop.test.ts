import fc from 'fast-check';
import { expect, test } from 'vitest';

import { LOG_FLAG_LATE, type LogsLine } from '@skep/contract';

import { LogMerger, REORDER_MS } from './log-merger.ts';

const line = (tsNs: number): LogsLine => [String(tsNs), 0, 1, null, `line ${String(tsNs)}`, 0];

test('nothing is lost or doubled; what is not late is in order; what arrives in time is never late', () => {
  const arrivals = fc.array(
    fc.record({
      writtenMs: fc.integer({ min: 0, max: 5000 }),
      delayMs: fc.integer({ min: 0, max: 600 }),
    }),
    { maxLength: 80 },
  );
  fc.assert(
    fc.property(arrivals, (lines) => {
      const merger = new LogMerger();
      const events = lines
        .map(({ writtenMs, delayMs }, index) => ({
          tsNs: writtenMs * 1e6 + index,
          atMs: writtenMs + delayMs,
          delayMs,
        }))
        .sort((a, b) => a.atMs - b.atMs);
      const out: LogsLine[] = [];
      for (const event of events) {
        out.push(...merger.take(event.atMs, false));
        merger.add(line(event.tsNs), event.atMs);
      }
      out.push(...merger.take(10_000, true));
      expect(out.map(([tsNs]) => Number(tsNs)).sort((a, b) => a - b)).toEqual(
        events.map(({ tsNs }) => tsNs).sort((a, b) => a - b),
      );
      const isLate = ([, , , , , flags]: LogsLine): boolean => (flags & LOG_FLAG_LATE) !== 0;
      const onTime = out.filter((one) => !isLate(one)).map(([tsNs]) => Number(tsNs));
      expect(onTime).toEqual([...onTime].sort((a, b) => a - b));
      if (events.every(({ delayMs }) => delayMs < REORDER_MS)) {
        expect(out.some(isLate)).toBe(false);
      }
    }),
  );
});
