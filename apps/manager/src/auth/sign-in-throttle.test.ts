import { expect, test } from 'vitest';

import { ManualClock, isSwarmError } from '@skep/kernel';

import { SignInThrottle } from './sign-in-throttle.ts';

function waitOf(throttle: SignInThrottle, keys: readonly string[]): number {
  try {
    throttle.check(keys);
    return 0;
  } catch (error: unknown) {
    expect(isSwarmError(error, 'resource_exhausted')).toBe(true);
    return isSwarmError(error) ? Number(error.details['retryAfterSeconds']) : -1;
  }
}

test('five failures are free, then the wait doubles up to a quarter of an hour', () => {
  const clock = new ManualClock();
  const throttle = new SignInThrottle(clock);
  const waits: number[] = [];
  for (let failure = 0; failure < 18; failure += 1) {
    waits.push(waitOf(throttle, ['account:a']));
    throttle.failed(['account:a']);
  }
  expect(waits.slice(0, 9)).toEqual([0, 0, 0, 0, 0, 1, 2, 4, 8]);
  expect(waits.at(-1)).toBe(900);
  expect(waitOf(throttle, ['account:b'])).toBe(0);
  expect(waitOf(throttle, ['account:b', 'account:a'])).toBe(900);
});

test('the wait passes, success and half an hour forget', () => {
  const clock = new ManualClock();
  const throttle = new SignInThrottle(clock);
  for (let failure = 0; failure < 7; failure += 1) {
    throttle.failed(['x']);
  }
  expect(waitOf(throttle, ['x'])).toBe(4);
  clock.advance(4000);
  expect(waitOf(throttle, ['x'])).toBe(0);
  throttle.failed(['x']);
  expect(waitOf(throttle, ['x'])).toBe(8);
  throttle.succeeded(['x']);
  expect(waitOf(throttle, ['x'])).toBe(0);
});

test('memory is bounded', () => {
  const throttle = new SignInThrottle(new ManualClock());
  for (let failure = 0; failure < 6; failure += 1) {
    throttle.failed(['first']);
  }
  for (let index = 0; index < 10_001; index += 1) {
    throttle.failed([`address:${String(index)}`]);
  }
  expect(waitOf(throttle, ['first'])).toBe(0);
});
