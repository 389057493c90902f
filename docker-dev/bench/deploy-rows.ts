import type { BenchCluster } from './bench-cluster.ts';

const MANY = 100;
const SPREAD = 60;

/** Milliseconds that `work` took. */
async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

export interface ManyTasksTimes {
  readonly createMs: number;
  readonly updateMs: number;
  readonly removeMs: number;
}

/** 100 replicas on one host: until all run, until a forced update of all has run through, until all are gone. */
export async function measureManyTasks(cluster: BenchCluster, round: number): Promise<ManyTasksTimes> {
  let id = '';
  const createMs = await timed(async () => {
    id = await cluster.createService({ name: `many-${String(round)}`, replicas: MANY });
    await cluster.waitRunning(id, MANY);
  });
  const before = new Set((await cluster.running(id)).map(({ ID }) => ID));
  const updateMs = await timed(async () => {
    await cluster.forceUpdate(id);
    await cluster.waitRunning(id, MANY, ({ ID }) => !before.has(ID));
  });
  const removeMs = await timed(async () => {
    await cluster.removeService(id);
    await cluster.waitNoContainers();
  });
  return { createMs, updateMs, removeMs };
}

/** One replica, from the request to RUNNING. */
export async function measureOneReplica(cluster: BenchCluster, round: number): Promise<number> {
  let id = '';
  const tookMs = await timed(async () => {
    id = await cluster.createService({ name: `one-${String(round)}`, replicas: 1 });
    await cluster.waitRunning(id, 1);
  });
  await cluster.removeService(id);
  await cluster.waitNoContainers();
  return tookMs;
}

/** 60 replicas over all hosts, on an overlay network of their own. */
export async function measureOverlay(cluster: BenchCluster, round: number): Promise<number> {
  const network = await cluster.call<{ Id: string }>('POST', '/networks/create', {
    Name: `overlay-${String(round)}`,
    Driver: 'overlay',
  });
  let id = '';
  const tookMs = await timed(async () => {
    id = await cluster.createService({
      name: `spread-${String(round)}`,
      replicas: SPREAD,
      networks: [network.Id],
    });
    await cluster.waitRunning(id, SPREAD);
  });
  await cluster.removeService(id);
  await cluster.waitNoContainers();
  return tookMs;
}
