import { fork, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import {
  ask,
  etcdLeader,
  killMembers,
  startEtcd,
  startSkep,
  statusOf,
  waitUntil,
  type BenchMember,
} from './bench-group.ts';
import type { LoadOrder } from './load-process.ts';
import type { LoadResult } from './wire-load.ts';

/**
 * Durable writes and linearizable reads per second of three members on this machine, and the time without a leader after
 * the leader is killed; beside three members of etcd, where it is installed, loaded by the same program.
 */
const RUNS = [
  { kind: 'write', clients: 1 },
  { kind: 'write', clients: 64 },
  { kind: 'write', clients: 1000 },
  { kind: 'read', clients: 64 },
  { kind: 'read', clients: 1000 },
] as const;

type System = LoadOrder['system'];
type Figures = Record<string, LoadResult>;

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
    folder: { type: 'string', default: '/var/tmp' },
    only: { type: 'string', default: '' },
    profile: { type: 'string', default: '' },
    soak: { type: 'string', default: '0' },
  },
});

function say(line: string): void {
  (flags.json ? process.stderr : process.stdout).write(`${line}\n`);
}

async function loadSystem(system: System, leader: BenchMember): Promise<Figures> {
  const figures: Figures = {};
  const client = fork(new URL('./load-process.ts', import.meta.url));
  for (const run of RUNS) {
    const order: LoadOrder = { system, port: leader.clientPort, ...run, seconds: Number(flags.seconds) };
    const result = await ask<LoadResult>(client, order);
    figures[`${run.kind} ${String(run.clients)}`] = result;
    const { perSecond, p50Ms, p99Ms, errors } = result;
    say(
      `${system.padEnd(5)} ${run.kind.padEnd(5)} ${String(run.clients).padStart(5)} clients ` +
        `${perSecond.toFixed(0).padStart(7)}/s  p50 ${p50Ms.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms` +
        (errors > 0 ? `  ${String(errors)} errors` : ''),
    );
  }
  client.kill();
  return figures;
}

async function benchSkep(folder: string): Promise<{ figures: Figures; electionsMs: readonly number[] }> {
  const profile = flags.profile === '' ? [] : ['--cpu-prof', `--cpu-prof-dir=${flags.profile}`];
  const members = await startSkep(folder, profile);
  const figures = await loadSystem('skep', members[0] as BenchMember);
  const leader = members[0] as BenchMember;
  if (flags.profile !== '') {
    await ask(leader.process, { op: 'stop' });
    leader.process.disconnect();
    await new Promise((resolve) => leader.process.once('exit', resolve));
    await killMembers(members.slice(1));
    return { figures, electionsMs: [] };
  }
  const startedMs = performance.now();
  await killMembers([leader]);
  const rest = members.slice(1);
  await waitUntil('another leader', () => isLed(rest), 5);
  const electionsMs = [performance.now() - startedMs];
  await killMembers(rest);
  return { figures, electionsMs };
}

/** Full load for a while: how often the leader changed without need. */
async function soak(folder: string, seconds: number): Promise<void> {
  const members = await startSkep(folder);
  const leader = members[0] as BenchMember;
  const before = (await statusOf(leader)).term;
  const client = fork(new URL('./load-process.ts', import.meta.url));
  const order: LoadOrder = { system: 'skep', port: leader.clientPort, kind: 'write', clients: 1000, seconds };
  const { perSecond, errors } = await ask<LoadResult>(client, order);
  client.kill();
  const elections = (await statusOf(leader)).term - before;
  say(
    `${String(seconds)} s of writes by 1,000 clients: ${perSecond.toFixed(0)}/s, ${String(elections)} elections, ` +
      `${String(errors)} errors`,
  );
  await killMembers(members);
}

async function isLed(members: readonly BenchMember[]): Promise<boolean> {
  for (const member of members) {
    const { role } = await statusOf(member);
    if (role === 'leader') {
      return true;
    }
  }
  return false;
}

async function benchEtcd(folder: string): Promise<Figures | undefined> {
  if (spawnSync('etcd', ['--version']).status !== 0) {
    say('etcd is not installed (apt-get install etcd-server), so there is no comparison');
    return undefined;
  }
  const members = await startEtcd(folder);
  let leader: BenchMember | undefined;
  await waitUntil('a leader of etcd', async () => (leader = await etcdLeader(members)) !== undefined);
  const figures = await loadSystem('etcd', leader as unknown as BenchMember);
  await killMembers(members);
  return figures;
}

function ratios(skep: Figures, etcd: Figures): Record<string, number> {
  return Object.fromEntries(
    Object.entries(skep).map(([name, { perSecond }]) => [
      name,
      Math.round((perSecond / Math.max(1, etcd[name]?.perSecond ?? 0)) * 100) / 100,
    ]),
  );
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(flags.folder, 'skep-raft-bench-'));
  try {
    if (Number(flags.soak) > 0) {
      await soak(join(folder, 'soak'), Number(flags.soak));
      return;
    }
    const skep = flags.only === 'etcd' ? undefined : await benchSkep(join(folder, 'skep'));
    const etcd = flags.only === 'skep' ? undefined : await benchEtcd(join(folder, 'etcd'));
    const ratio = skep === undefined || etcd === undefined ? undefined : ratios(skep.figures, etcd);
    if (skep !== undefined) {
      say(
        `election after the leader was killed: ${skep.electionsMs.map((ms) => ms.toFixed(0)).join(', ')} ms`,
      );
    }
    if (ratio !== undefined) {
      say(`writes and reads per second, skep / etcd: ${JSON.stringify(ratio)}`);
    }
    if (flags.json) {
      process.stdout.write(
        `${JSON.stringify({ skep: skep?.figures, etcd, ratio, electionsMs: skep?.electionsMs })}\n`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
