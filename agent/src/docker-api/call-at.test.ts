import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { callAt } from './call-at.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000 });
});

afterEach(() => {
  vi.useRealTimers();
});

test('a time with a fraction of a millisecond is waited for to its end', () => {
  const run = vi.fn();
  callAt(1_050.5, run);
  vi.advanceTimersByTime(50);
  expect(run).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledTimes(1);
});

test('a timer that fires early by the wall clock is set once more', () => {
  const run = vi.fn();
  callAt(1_050, run);
  vi.setSystemTime(990);
  vi.advanceTimersByTime(50);
  expect(run).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10);
  expect(run).toHaveBeenCalledTimes(1);
});

test('a time that has passed is now', () => {
  const run = vi.fn();
  callAt(10, run);
  vi.advanceTimersByTime(0);
  expect(run).toHaveBeenCalledTimes(1);
});

test('a time in a hundred years is not now', () => {
  const run = vi.fn();
  const cancel = callAt(100 * 365 * 86_400_000, run);
  vi.advanceTimersByTime(60 * 86_400_000);
  expect(run).not.toHaveBeenCalled();
  cancel();
  expect(vi.getTimerCount()).toBe(0);
});
