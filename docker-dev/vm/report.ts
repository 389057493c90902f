/** Room on the disk that the machine writes its report to. */
export const REPORT_BYTES = 4 * 1024 * 1024;

export interface TestOutcome {
  readonly exitCode: number;
  readonly passed: number;
  readonly failed: number;
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/**
 * Reads the report disk: the exit code on the first line, vitest's JSON after it, zeros to the end. Undefined when the
 * machine never wrote it. A run that failed without saying how counts as one failure.
 */
export function readReport(disk: Buffer): TestOutcome | undefined {
  const end = disk.indexOf(0);
  const text = disk.subarray(0, end === -1 ? disk.length : end).toString('utf8');
  const newline = text.indexOf('\n');
  const exitCode = Number(text.slice(0, newline));
  if (newline < 1 || !Number.isInteger(exitCode)) {
    return undefined;
  }
  const report = parseReport(text.slice(newline + 1));
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length;
  const failed = report.numFailedTests + broken;
  return {
    exitCode,
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
  };
}

function parseReport(json: string): VitestReport {
  try {
    return JSON.parse(json) as VitestReport;
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, testResults: [] };
  }
}
