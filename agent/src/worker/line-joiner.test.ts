import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { LogRecord } from '../engine/container-api.ts';
import { LINE_BYTES_MAX, LineJoiner, nanoseconds } from './line-joiner.ts';

let clock = 0;
function piece(text: string | Buffer, stream: LogRecord['stream'] = 'stdout'): LogRecord {
  clock += 1;
  return {
    stream,
    timestamp: `1970-01-01T00:00:00.${String(clock).padStart(9, '0')}Z`,
    timeMs: 0,
    data: Buffer.from(text),
  };
}

function textsOf(records: readonly LogRecord[]): string[] {
  const joiner = new LineJoiner();
  const lines = records.map((record) => joiner.add(record)).filter((line) => line !== undefined);
  return [...lines, ...joiner.flush()].map(({ text }) => text);
}

describe('lines', () => {
  test('pieces without a newline are one line, which has the time of the first', () => {
    const joiner = new LineJoiner();
    const first = piece('one ');
    expect(joiner.add(first)).toBeUndefined();
    expect(joiner.isInLine).toBe(true);
    expect(joiner.add(piece('line\n'))).toEqual({
      tsNs: nanoseconds(first.timestamp),
      stream: 'stdout',
      text: 'one line',
    });
    expect(joiner.isInLine).toBe(false);
  });

  test('the two streams do not mix', () => {
    expect(textsOf([piece('out '), piece('err\n', 'stderr'), piece('put\n')])).toEqual(['err', 'out put']);
  });

  test('the last line needs no newline', () => {
    expect(textsOf([piece('a'), piece('b')])).toEqual(['ab']);
  });

  test('an empty line is a line', () => {
    expect(textsOf([piece('\n'), piece('a\n')])).toEqual(['', 'a']);
  });

  test('a character that was cut in two comes out whole', () => {
    const bytes = Buffer.from('grün\n');
    expect(textsOf([piece(bytes.subarray(0, 3)), piece(bytes.subarray(3))])).toEqual(['grün']);
  });

  test('a line without an end is cut, and held no longer', () => {
    const joiner = new LineJoiner();
    const half = 'x'.repeat(LINE_BYTES_MAX / 2);
    expect(joiner.add(piece(half))).toBeUndefined();
    expect(joiner.add(piece(half))?.text).toHaveLength(LINE_BYTES_MAX);
    expect(joiner.isInLine).toBe(false);
  });

  test('however a text is cut, its lines are the same', () => {
    const line = fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', ' '));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), fc.array(fc.nat(40)), (lines, cuts) => {
        const pieces: LogRecord[] = [];
        for (const text of lines) {
          const bytes = Buffer.from(`${text}\n`);
          const places = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b);
          [0, ...places].forEach((from, i) => {
            const part = bytes.subarray(from, places[i] ?? bytes.length);
            if (part.length > 0) {
              pieces.push(piece(part));
            }
          });
        }
        expect(textsOf(pieces)).toEqual(lines.map((text) => Buffer.from(text).toString('utf8')));
      }),
    );
  });
});

test.each([
  ['1970-01-01T00:00:01.000000002Z', '1000000002'],
  ['1970-01-01T01:00:01.5+01:00', '1500000000'],
  ['yesterday', '0'],
])('%s is %s ns', (timestamp, expected) => {
  expect(nanoseconds(timestamp)).toBe(expected);
});
