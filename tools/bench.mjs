// npm run bench -- <name>: measurements beside the code. They print figures and are never tests.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { CHILD_ENV, NODE, ROOT } from './prepare.mjs';

const BENCHES = {
  engine: [
    'agent/src/engine/bench/engine-bench.ts',
    "one host's engine beside Docker's: run, start, pull, list, memory (root; npm run build first)",
  ],
  raft: [
    'libs/controlplane/src/driver/bench/raft-bench.ts',
    'writes and linearizable reads per second and election time, three members with fsync, beside etcd',
  ],
  store: ['libs/store/src/testing/bench/store-bench.ts', 'apply, list, snapshot and memory at 100,000 tasks'],
  scheduler: [
    'libs/orchestrator/src/testing/bench/scheduler-bench.ts',
    'placements per second at 10,000 nodes and 1,000,000 tasks',
  ],
  cluster: [
    'docker-dev/bench/cluster-bench.ts',
    'replicas, updates, removals and failover in labs of real hosts, against the budgets (root)',
  ],
};

const [name, ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined) {
  const isHelp = name === undefined || name === '--help';
  const list = Object.entries(BENCHES).map(([key, [, what]]) => `  ${key.padEnd(10)} ${what}`);
  process.stdout.write(
    `${isHelp ? '' : `There is no bench "${name}".\n`}npm run bench -- <name>\n${list.join('\n')}\n`,
  );
  process.exitCode = isHelp ? 0 : 2;
} else {
  const argv = ['--expose-gc', '--disable-warning=ExperimentalWarning', join(ROOT, bench[0]), ...args];
  const child = spawn(NODE, argv, { cwd: ROOT, env: CHILD_ENV, stdio: 'inherit' });
  process.exitCode = await new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}
