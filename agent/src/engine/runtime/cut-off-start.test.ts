import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { endCutOffStart } from './cut-off-start.ts';
import { processStartTicks } from './oci-runtime.ts';

/*
 * A stand-in for conmon: a shell with conmon's arguments and a child that works on.
 */

let folder: string;
let started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skep-cut-off-'));
});

afterEach(async () => {
  started.forEach((child) => child.kill('SIGKILL'));
  started = [];
  await rm(folder, { recursive: true, force: true });
});

/** Answers the pids of the stand-in and of its child. */
async function startConmonLike(bundle: string): Promise<readonly [number, number]> {
  const pidFile = join(folder, `child-of-${bundle}`);
  const script = `sleep 1000 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait`;
  const child = spawn('sh', ['-c', script, 'conmon', '-c', 'id', '-b', join(folder, bundle)], {
    stdio: 'ignore',
  });
  started.push(child);
  await vi.waitUntil(() => existsSync(pidFile), { timeout: 10_000 });
  return [child.pid ?? 0, Number(readFileSync(pidFile, 'utf8'))];
}

test('ends the conmon of the bundle with all it has started, and no other', async () => {
  const [conmon, runtime] = await startConmonLike('mine');
  const [other, othersRuntime] = await startConmonLike('mine-too');
  await endCutOffStart(join(folder, 'mine'));
  expect([await processStartTicks(conmon), await processStartTicks(runtime)]).toEqual([undefined, undefined]);
  expect(await processStartTicks(other)).toBeGreaterThan(0);
  process.kill(othersRuntime, 'SIGKILL');
});

test('nothing there is no error', async () => {
  await endCutOffStart(join(folder, 'none'));
});
