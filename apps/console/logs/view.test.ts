import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { createMatcher, NO_FILTER } from './matcher.ts';
import { LogRing } from './ring.ts';
import type { LogLine } from './ring.ts';
import { isoTime, LogView, millisecondsOf } from './view.ts';

function line(text: string, part: Partial<LogLine> = {}): Omit<LogLine, 'seq'> {
  return { tsNs: '1700000000123000000', task: 0, isErr: false, level: 'I', text, isLate: false, ...part };
}

describe('ring', () => {
  test('keeps the newest lines within its bounds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 30 }), { maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        (texts, lines) => {
          const ring = new LogRing({ lines, bytes: 1_000_000 });
          texts.forEach((text) => ring.push(line(text)));
          const kept = texts.slice(-lines);
          expect(ring.size).toBe(kept.length);
          expect(ring.end).toBe(texts.length);
          expect(kept.map((_, index) => ring.at(ring.first + index)?.text)).toEqual(kept);
          expect(ring.at(ring.first - 1)).toBeUndefined();
        },
      ),
    );
  });

  test('is bounded by size too, but always keeps one line', () => {
    const ring = new LogRing({ lines: 1_000, bytes: 1_000 });
    for (let index = 0; index < 50; index += 1) {
      ring.push(line('x'.repeat(100)));
    }
    expect(ring.size).toBe(3);
    ring.push(line('y'.repeat(10_000)));
    expect(ring.size).toBe(1);
  });

  test('forgets its beginning without losing its place over many turns', () => {
    const ring = new LogRing({ lines: 10, bytes: 1_000_000 });
    for (let index = 0; index < 20_000; index += 1) {
      ring.push(line(String(index)));
    }
    expect(ring.at(19_999)?.text).toBe('19999');
    expect(ring.first).toBe(19_990);
  });
});

describe('matcher', () => {
  const matches = (filter: Partial<typeof NO_FILTER>, subject: Omit<LogLine, 'seq'>) => {
    const made = createMatcher({ ...NO_FILTER, ...filter });
    return 'error' in made ? made.error : made.matches({ ...subject, seq: 0 });
  };

  test.each([
    [{ pattern: 'refused' }, 'connection REFUSED', true],
    [{ pattern: 'refused', isCaseSensitive: true }, 'connection REFUSED', false],
    [{ pattern: 'a.c' }, 'abc', false],
    [{ pattern: 'a.c', isRegex: true }, 'abc', true],
    [{ pattern: 'x', isInverted: true }, 'abc', true],
    [{ pattern: 'ready on' }, '\u001b[32mready\u001b[0m on :80', true],
  ])('%j of %j', (filter, text, isMatch) => {
    expect(matches(filter, line(text))).toBe(isMatch);
  });

  test('hides levels and tasks', () => {
    expect(matches({ hiddenLevels: ['I'] }, line('x', { level: null }))).toBe(false);
    expect(matches({ hiddenTasks: [2] }, line('x', { task: 2 }))).toBe(false);
  });

  test('tells what is wrong with a pattern', () => {
    expect(matches({ pattern: '(', isRegex: true }, line('x'))).toMatch(/unterminated/i);
  });
});

describe('view', () => {
  test('shows what the filter lets through, before and after it is set', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 60 }), fc.nat(60), (texts, at) => {
        const view = new LogView({ lines: 20, bytes: 1_000_000 });
        texts.slice(0, at).forEach((text) => {
          view.push(line(text));
        });
        view.setFilter({ ...NO_FILTER, pattern: 'a' });
        texts.slice(at).forEach((text) => {
          view.push(line(text));
        });
        const wanted = texts.slice(-20).filter((text) => text.includes('a'));
        expect(view.slice(0, view.shownCount).map(({ text }) => text)).toEqual(wanted);
        expect(view.total).toBe(Math.min(20, texts.length));
      }),
    );
  });

  test('a bad pattern changes nothing', () => {
    const view = new LogView();
    view.push(line('a'));
    expect(view.setFilter({ ...NO_FILTER, pattern: '(', isRegex: true })).toBeTypeOf('string');
    expect(view.shownCount).toBe(1);
  });

  test('counts levels over all lines', () => {
    const view = new LogView();
    view.push(line('a', { level: 'E' }));
    view.push(line('b', { level: null }));
    expect(view.counts).toEqual({ E: 1, W: 0, I: 1, D: 0 });
  });
});

test('times in nanoseconds keep their milliseconds', () => {
  expect(millisecondsOf('1700000000123456789')).toBe(1_700_000_000_123);
  expect(isoTime('1700000000123456789')).toBe('2023-11-14T22:13:20.123Z');
  expect(isoTime('')).toBe('');
});
