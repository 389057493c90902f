// npm run check: everything that needs neither root nor a cluster. Each part is one check; the last line counts them.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { CHILD_ENV, ROOT, installPackages, withObstacles } from './prepare.mjs';
import { runVitest } from './vitest-report.mjs';

const CODE = ['libs', 'apps', 'agent', 'docker-dev', 'tests', 'tools'];

/** Before everything else: what the others read. */
const FIRST = [['generate', ['node', 'tools/prisma-generate.mjs']]];

/** The native compiler: a third of the time. ESLint's parser needs the other one, which has no native twin yet. */
const TSC = ['node', 'node_modules/typescript-native/bin/tsc'];

/**
 * Two at a time, the longest first. Rules that need types run natively (.oxlintrc.json); ESLint has the others and no
 * types, which makes it five times cheaper.
 */
const STATIC = [
  [
    'lint',
    ['eslint', '--cache', '--cache-location', 'node_modules/.cache/eslint/', '--max-warnings', '0', '.'],
  ],
  ['lint with types', ['oxlint', '--type-aware', '--max-warnings', '0', ...CODE]],
  [
    'format',
    [
      'prettier',
      '--check',
      '--log-level',
      'warn',
      '--cache',
      '--cache-location',
      'node_modules/.cache/prettier/.prettier-cache',
      '.',
    ],
  ],
  ['types', [...TSC, '-b']],
  ['import rules', ['depcruise', '--config', '.dependency-cruiser.cjs', ...CODE]],
  ['unused code', ['knip', '--no-progress']],
  ['console types', [...TSC, '-p', 'apps/console', '--noEmit']],
];
const LANES = 2;

/**
 * Runs one command; its output is shown when it fails.
 * @returns whether it succeeded
 */
export function check(name, argv) {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), {
      cwd: ROOT,
      env: { ...CHILD_ENV, FORCE_COLOR: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => (output = (output + chunk).slice(-20_000)));
    }
    child.on('error', (error) => (output += error.message));
    child.on('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      process.stdout.write(
        `${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n${code === 0 ? '' : `${output.trim()}\n`}`,
      );
      resolve(code === 0);
    });
  });
}

/** Runs all static checks, then the unit tests. */
export async function checkAll() {
  const counts = { passed: 0, failed: 0 };
  const inTurn = async (checks) => {
    for (let next = checks.shift(); next !== undefined; next = checks.shift()) {
      counts[(await check(...next)) ? 'passed' : 'failed'] += 1;
    }
  };
  await inTurn([...FIRST]);
  const queue = [...STATIC];
  await Promise.all(Array.from({ length: LANES }, () => inTurn(queue)));
  const unit = await runVitest('unit tests', 'vitest.config.ts');
  return { passed: counts.passed + unit.passed, failed: counts.failed + unit.failed };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await withObstacles(async () => {
    await installPackages((line) => process.stdout.write(`${line}\n`));
    const { passed, failed } = await checkAll();
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
    process.exitCode = failed === 0 ? 0 : 1;
  });
}
