// Runs vitest with one of the project's configurations and counts from its JSON report.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CHILD_ENV, ROOT } from './prepare.mjs';

/**
 * Runs the tests of a configuration, their output on this terminal. `prefix` is put before the command line.
 * @returns how many passed and failed; a run that ends without a report counts as one failure
 */
export async function runVitest(name, config, args = [], prefix = []) {
  const folder = mkdtempSync(join(tmpdir(), 'skep-report-'));
  const report = join(folder, 'report.json');
  process.stdout.write(`${name}\n`);
  const argv = [
    ...prefix,
    'vitest',
    'run',
    '--config',
    config,
    '--reporter=dot',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...args,
  ];
  const code = await new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), {
      cwd: ROOT,
      env: CHILD_ENV,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', () => resolve(1));
    child.on('close', resolve);
  });
  try {
    const {
      numPassedTests: passed,
      numFailedTests: failed,
      testResults,
    } = JSON.parse(readFileSync(report, 'utf8'));
    const brokenFiles = testResults.filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
    ).length;
    const unexplained = code !== 0 && failed + brokenFiles === 0 ? 1 : 0;
    return { passed, failed: failed + brokenFiles + unexplained };
  } catch {
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
