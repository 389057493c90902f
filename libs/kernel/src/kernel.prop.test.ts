import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { BoundedQueue } from './bounded-queue.ts';
import { decodeCbor, encodeCbor } from './codec.ts';
import { isSwarmError } from './errors.ts';
import { isObjectId, newObjectId } from './ids.ts';
import { Prng } from './prng.ts';
import { formatDurationMs, parseBytes, parseDurationMs } from './units.ts';

describe('codec', () => {
  test('what goes in comes out, and key order does not matter', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string(),
          fc.oneof(fc.string(), fc.maxSafeInteger(), fc.boolean(), fc.constant(null)),
        ),
        (record) => {
          const reversed = Object.fromEntries(Object.entries(record).reverse());
          expect(decodeCbor(encodeCbor(record))).toEqual({ ...record });
          expect(encodeCbor(reversed)).toEqual(encodeCbor(record));
        },
      ),
    );
  });

  test('hostile bytes are refused with data_loss, never with another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeCbor(bytes);
        } catch (error) {
          expect(isSwarmError(error, 'data_loss')).toBe(true);
        }
      }),
    );
  });

  test('nesting is limited', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 80; i += 1) {
      deep = [deep];
    }
    expect(() => decodeCbor(encodeCbor(deep))).toThrow(/nests deeper/);
  });
});

describe('prng', () => {
  test('the same seed gives the same draws, and a fork does not move its parent', () => {
    const plain = new Prng(7);
    const forked = new Prng(7);
    forked.fork('network').nextBits64();
    expect(forked.nextBits64()).toBe(plain.nextBits64());
  });

  test('first values of splitmix64 for seed 1234567 are those of the reference implementation', () => {
    const prng = new Prng(1234567);
    expect([prng.nextBits64(), prng.nextBits64()]).toEqual([6457827717110365317n, 3203168211198807973n]);
  });

  test('a shuffle keeps the elements', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.integer()), (seed, items) => {
        expect(new Prng(seed).shuffle(items).sort()).toEqual([...items].sort());
      }),
    );
  });
});

describe('ids', () => {
  test('object ids have 25 base-36 characters for any random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(isObjectId(newObjectId(() => bytes))).toBe(true);
      }),
    );
  });
});

describe('units', () => {
  test.each([
    ['64m', 64 * 1024 ** 2],
    ['1.5gb', 1.5 * 1024 ** 3],
    ['512', 512],
    ['4MiB', 4 * 1024 ** 2],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseBytes(text)).toEqual({ ok: true, value: bytes });
  });

  test.each(['', 'm', '-1', '12q', '1 2'])('size "%s" is refused', (text) => {
    expect(parseBytes(text).ok).toBe(false);
  });

  test.each([
    ['1m30s', 90_000],
    ['500ms', 500],
    ['0', 0],
    ['1.5h', 5_400_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDurationMs(text)).toEqual({ ok: true, value: ms });
  });

  test.each(['', '10', 's', '1m 30s', '5 parsecs'])('duration "%s" is refused', (text) => {
    expect(parseDurationMs(text).ok).toBe(false);
  });

  test('a formatted duration parses back to itself up to the precision it shows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 59 }), fc.integer({ min: 0, max: 59 }), (minutes, seconds) => {
        const ms = (minutes * 60 + seconds) * 1000;
        expect(parseDurationMs(formatDurationMs(ms).replaceAll(' ', ''))).toEqual({ ok: true, value: ms });
      }),
    );
  });
});

describe('bounded queue', () => {
  test('keeps order and never grows past its capacity', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.option(fc.integer())), (capacity, steps) => {
        const queue = new BoundedQueue<number>(capacity);
        const model: number[] = [];
        for (const step of steps) {
          if (step === null) {
            expect(queue.shift()).toBe(model.shift());
          } else {
            expect(queue.push(step)).toBe(model.length < capacity);
            if (model.length < capacity) {
              model.push(step);
            }
          }
          expect(queue.size).toBe(model.length);
        }
        expect(queue.drain()).toEqual(model);
      }),
    );
  });
});
