import { setTimeout as delay } from 'node:timers/promises';

import { callSocket } from '../lab/local-api.ts';
import { waitUntil } from '../lab/processes.ts';
import type { BenchCluster } from './bench-cluster.ts';

const TASKS = 8;
const WRITE_GAP_MS = 10;

export interface FailoverTimes {
  /** From the power loss until a surviving manager has made the first change. */
  readonly firstWriteMs: number;
  /** The same for the manager that was slowest to take one. */
  readonly lastWriteMs: number;
  /** Requests that were refused meanwhile, instead of waiting for the new leader. */
  readonly refused: number;
  /** Until as many tasks as before run on the hosts that are left. */
  readonly movedMs: number;
}

/**
 * The power of the leader's host goes: how long until changes are accepted again on every surviving manager, and until
 * its tasks run elsewhere. The host is switched on again afterwards.
 */
export async function measureLeaderLoss(
  cluster: BenchCluster,
  managers: readonly string[],
  round: number,
): Promise<FailoverTimes> {
  const id = await cluster.createService({ name: `move-${String(round)}`, replicas: TASKS });
  await cluster.waitRunning(id, TASKS);
  const leader = await cluster.leader();
  const rest = managers.filter((name) => name !== leader);
  const survivor = cluster.through(rest[0] ?? '');
  const lostId = await survivor.nodeId(leader);
  // From the moment the cable is out; ending a host's processes takes its time on this one machine.
  await cluster.lab.switch.unplug(leader);
  const startedMs = performance.now();
  const crashing = cluster.lab.crash(leader);
  const writes = await Promise.all(rest.map((name) => firstWrite(cluster, name, { round, startedMs })));
  await survivor.waitRunning(id, TASKS, ({ NodeID }) => NodeID !== lostId);
  const movedMs = performance.now() - startedMs;
  await crashing;
  await restore(survivor, leader, id);
  const times = writes.map(({ tookMs }) => tookMs);
  return {
    firstWriteMs: Math.min(...times),
    lastWriteMs: Math.max(...times),
    refused: writes.reduce((sum, { refused }) => sum + refused, 0),
    movedMs,
  };
}

/** Writes through one manager, one request after another as they are answered, until one is accepted. */
async function firstWrite(
  cluster: BenchCluster,
  host: string,
  { round, startedMs }: { readonly round: number; readonly startedMs: number },
): Promise<{ readonly tookMs: number; readonly refused: number }> {
  const socket = cluster.lab.host(host).paths.dockerSocket;
  for (let refused = 0; ; refused += 1) {
    const answer = await callSocket(socket, {
      method: 'POST',
      path: '/configs/create',
      body: { Name: `after-${String(round)}-${host}-${String(refused)}`, Data: 'eA==' },
    });
    if (answer.status === 201 || answer.status === 200) {
      return { tookMs: performance.now() - startedMs, refused };
    }
    await delay(WRITE_GAP_MS);
  }
}

async function restore(survivor: BenchCluster, host: string, serviceId: string): Promise<void> {
  const { lab } = survivor;
  await lab.start(host);
  await waitUntil('all nodes Ready', async () => (await lab.readyNodes()) === lab.hosts.length, {
    timeoutMs: 60_000,
    everyMs: 100,
  });
  await survivor.removeService(serviceId);
  await survivor.waitNoContainers();
}
