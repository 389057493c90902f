// npm test: sets up and runs everything, from format to browser. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkAll } from './check.mjs';
import { CHILD_ENV, NODE, ROOT, prepare, withObstacles } from './prepare.mjs';
import { runVitest } from './vitest-report.mjs';

/** Simulated runs: groups of managers are cheap, whole clusters are not. */
const SIMULATION_SEEDS = { raft: '250', swarm: '30' };
const NODE_SCRIPT = [NODE, '--disable-warning=ExperimentalWarning'];
const REPORTERS = ['--reporter=line,json'];
const ITEST_CONFIG = 'vitest.itest.config.ts';
const SIMULATOR = 'libs/sim';
const MANAGERS = ['libs/controlplane', 'apps/manager'];
/** The engine's tests mount and unmount as swarmd does: in a mount namespace of their own. */
const PRIVATE_MOUNTS = ['unshare', '--mount', '--propagation', 'private'];

const say = (line) => process.stdout.write(`${line}\n`);
const total = { passed: 0, failed: 0 };

async function stage(name, run) {
  const started = performance.now();
  say(`\n== ${name}`);
  const { passed, failed } = await run();
  total.passed += passed;
  total.failed += failed;
  say(
    `== ${name}: ${passed} passed, ${failed} failed in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
}

function child(argv, env = {}, cwd = ROOT) {
  return new Promise((resolve) => {
    const process_ = spawn(argv[0], argv.slice(1), {
      cwd,
      env: { ...CHILD_ENV, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    process_.on('error', () => resolve(1));
    process_.on('close', resolve);
  });
}

async function simulate() {
  let failed = 0;
  for (const [world, seeds] of Object.entries(SIMULATION_SEEDS)) {
    const script = 'libs/sim/src/main.ts';
    const code = await child([...NODE_SCRIPT, script, '--world', world, '--seeds', seeds]);
    failed += code === 0 ? 0 : 1;
  }
  const itself = await runVitest('the simulator itself', ITEST_CONFIG, [SIMULATOR, '--file-parallelism']);
  return {
    passed: Object.keys(SIMULATION_SEEDS).length - failed + itself.passed,
    failed: failed + itself.failed,
  };
}

/** Runs Playwright by `argv`, whose reporters must include `json`. */
async function browser(argv, cwd = ROOT) {
  const folder = mkdtempSync(join(tmpdir(), 'skep-e2e-'));
  const report = join(folder, 'report.json');
  const code = await child(argv, { PLAYWRIGHT_JSON_OUTPUT_FILE: report }, cwd);
  try {
    const { stats } = JSON.parse(readFileSync(report, 'utf8'));
    const failed = stats.unexpected + (code !== 0 && stats.unexpected === 0 ? 1 : 0);
    return { passed: stats.expected + stats.flaky, failed };
  } catch {
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await withObstacles(async () => {
  await prepare('tests', say);
  await stage('check', checkAll);
  await stage('simulation', simulate);
  // Managers on loopback wait more than they work: several files at once.
  await stage('managers', () =>
    runVitest('whole managers', ITEST_CONFIG, [...MANAGERS, '--file-parallelism', '--max-workers=3']),
  );
  await stage('engine', () =>
    runVitest('on a real runtime', ITEST_CONFIG, ['agent/src/engine'], PRIVATE_MOUNTS),
  );
  await stage('integration', () =>
    runVitest('against the real kernel', ITEST_CONFIG, [
      ...['agent/src/engine', SIMULATOR, ...MANAGERS].flatMap((folder) => ['--exclude', `${folder}/**`]),
    ]),
  );
  // Against a manager in memory: faults, sizes and rivals that a real cluster shows only now and then.
  await stage('console', () => browser(['playwright', 'test', ...REPORTERS], join(ROOT, 'apps/console')));
  await stage('browser', () => browser([...NODE_SCRIPT, 'tests/e2e/run.ts', ...REPORTERS]));
  process.exitCode = total.failed === 0 ? 0 : 1;
});
if (process.exitCode !== 0 && total.passed + total.failed === 0) {
  total.failed = 1;
}
say(`\n${total.passed} passed, ${total.failed} failed`);
