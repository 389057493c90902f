// Makes a checkout ready to run: machine, Debian packages, npm packages, build. Each step is skipped when its result
// is there and nothing it depends on has changed. Plain JavaScript without dependencies, like prerequisites.mjs.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Obstacle, checkMachine, checkNetworking, installMissing } from './prerequisites.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Environment of every child: no telemetry, no downloads that a closed network would refuse. */
export const CHILD_ENV = {
  ...process.env,
  PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}:/usr/sbin:/sbin`,
  CHECKPOINT_DISABLE: '1',
  NEXT_TELEMETRY_DISABLED: '1',
  TURBO_TELEMETRY_DISABLED: '1',
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1',
  SCARF_ANALYTICS: 'false',
};

/** Node 24 as the project pins it, once npm packages are installed. */
export const NODE = join(ROOT, 'node_modules/node/bin/node');

/**
 * Runs a command quietly; its output is shown only when it fails.
 * @returns what it printed
 */
export function quiet(argv, { what, cwd = ROOT } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { cwd, env: CHILD_ENV, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => (output = (output + chunk).slice(-200_000)));
    }
    child.on('error', (error) => reject(new Obstacle(`${what ?? argv[0]}: ${error.message}`)));
    child.on('close', (code) =>
      code === 0
        ? resolve(output)
        : reject(new Obstacle(`${what ?? argv.join(' ')} failed:\n${output.trim()}`)),
    );
  });
}

/** Brings everything up to date for a profile of prerequisites.mjs. */
export async function prepare(profile, say) {
  checkMachine();
  installMissing(profile, say);
  checkNetworking();
  await installPackages(say);
  await build(say);
}

/** `npm ci` when node_modules does not stem from this lock file. */
export async function installPackages(say) {
  const stamp = join(ROOT, 'node_modules/.skep-lock');
  const wanted = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  const isCurrent = existsSync(NODE) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
  if (isCurrent) {
    return;
  }
  say('installing npm packages (about a minute the first time)');
  await quiet(['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error'], { what: 'npm ci' });
  mkdirSync(join(ROOT, 'node_modules'), { recursive: true });
  writeFileSync(stamp, wanted);
}

/** Builds agent, manager, CLI and console; turbo skips what has not changed. */
export async function build(say) {
  say('building');
  await quiet([join(ROOT, 'node_modules/.bin/turbo'), 'run', 'build', '--output-logs=errors-only'], {
    what: 'build',
  });
}

/** Runs `main`; an obstacle is told in its own sentence, without a stack. */
export async function withObstacles(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Obstacle)) {
      throw error;
    }
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
