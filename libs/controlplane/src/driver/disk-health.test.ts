import { describe, expect, test } from 'vitest';

import { DiskHealth, RECOVERY_MS, STALLED_WRITE_MS, isNoSpace } from './disk-health.ts';

describe('a disk', () => {
  test('is slow while a write stalls, and until it has been quick for a while', () => {
    const health = new DiskHealth();
    health.onWriteStart(0);
    expect(health.stateAt(STALLED_WRITE_MS - 1)).toBe('ok');
    expect(health.stateAt(STALLED_WRITE_MS)).toBe('slow');
    health.onWriteDone(3_000);
    health.onWriteStart(3_000);
    health.onWriteDone(3_001);
    expect(health.stateAt(3_000 + RECOVERY_MS - 1)).toBe('slow');
    expect(health.stateAt(3_000 + RECOVERY_MS)).toBe('ok');
  });

  test('is full until a write succeeds', () => {
    const health = new DiskHealth();
    health.onWriteStart(0);
    health.onNoSpace();
    health.onWriteStart(250);
    expect(health.stateAt(300)).toBe('full');
    health.onWriteDone(310);
    expect(health.stateAt(310)).toBe('ok');
  });

  test.each([
    ['ENOSPC', true],
    ['EDQUOT', true],
    ['EIO', false],
    [undefined, false],
  ])('of the error %s', (code, expected) => {
    expect(isNoSpace(Object.assign(new Error('x'), { code }))).toBe(expected);
  });
});
