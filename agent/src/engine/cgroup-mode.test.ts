import { describe, expect, test } from 'vitest';
import { chooseCgroupMode } from './cgroup-mode.ts';

describe('chooseCgroupMode', () => {
  test.each([
    [undefined, 1, 'host'],
    [undefined, 2, 'private'],
    ['', 1, 'host'],
    ['private', 1, 'private'],
    ['host', 2, 'host'],
  ] as const)('%j on version %i is %s', (wish, version, mode) => {
    expect(chooseCgroupMode(wish, version)).toEqual({ ok: true, value: mode });
  });

  test('anything else is refused in words of Docker', () => {
    expect(chooseCgroupMode('shared', 2)).toMatchObject({
      ok: false,
      error: { code: 'invalid_argument', message: 'invalid cgroup namespace mode: shared' },
    });
  });
});
