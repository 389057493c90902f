import { expect, test } from 'vitest';

import { readReport } from './report.ts';

function disk(text: string): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(1000)]);
}

const report = (passed: number, failed: number, files: readonly object[] = []): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, testResults: files });

test('counts what vitest has counted', () => {
  expect(readReport(disk(`0\n${report(12, 0)}`))).toEqual({ exitCode: 0, passed: 12, failed: 0 });
  expect(readReport(disk(`1\n${report(10, 2)}`))).toEqual({ exitCode: 1, passed: 10, failed: 2 });
});

test('a file that could not be loaded counts as one failure', () => {
  const broken = { status: 'failed', assertionResults: [] };
  const failed = { status: 'failed', assertionResults: [{}] };
  expect(readReport(disk(`1\n${report(3, 1, [broken, failed])}`))).toMatchObject({ failed: 2 });
});

test('a failure without a reason is a failure all the same', () => {
  expect(readReport(disk(`1\n${report(3, 0)}`))).toEqual({ exitCode: 1, passed: 3, failed: 1 });
  expect(readReport(disk('127\n'))).toEqual({ exitCode: 127, passed: 0, failed: 1 });
});

test('a machine that never wrote has no report', () => {
  expect(readReport(Buffer.alloc(1000))).toBeUndefined();
  expect(readReport(disk('half a line'))).toBeUndefined();
});
