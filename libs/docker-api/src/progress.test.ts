import { expect, test } from 'vitest';

import { errorMessageLine, formatDecimalSize, progressBar, progressMessage } from './progress.ts';

test('sizes have four significant digits and decimal units', () => {
  expect(formatDecimalSize(0)).toBe('0B');
  expect(formatDecimalSize(999)).toBe('999B');
  expect(formatDecimalSize(1_234_567)).toBe('1.235MB');
  expect(formatDecimalSize(2_000)).toBe('2kB');
});

test('the bar is 50 wide at any share', () => {
  for (const share of [0, 1, 33, 99, 100, 250]) {
    const bar = progressBar(share, 100);
    expect(/^\[(.*)\]/.exec(bar)?.[1]).toHaveLength(share >= 100 ? 51 : 50);
  }
  expect(progressBar(512, undefined).trim()).toBe('512B');
});

test('messages', () => {
  expect(progressMessage({ id: '', status: 'x' })).toEqual({ status: 'x', progressDetail: {} });
  expect(progressMessage({ id: 'a', status: 'Downloading', currentBytes: 1, totalBytes: 2 })).toMatchObject({
    id: 'a',
    progressDetail: { current: 1, total: 2 },
  });
  expect(errorMessageLine('no')).toEqual({ error: 'no', errorDetail: { message: 'no' } });
});
