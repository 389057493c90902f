import { Lab } from '../lab/lab.ts';
import { BenchCluster } from './bench-cluster.ts';
import { measureManyTasks, measureOneReplica, measureOverlay } from './deploy-rows.ts';
import { measureLeaderLoss } from './failover-rows.ts';

/**
 * The cluster's budgets (design.md 12), measured in labs of real hosts. Usage: cluster-bench.ts [--json] [--runs N]
 * [--only many,one,overlay,failover]. `--runs` counts the failovers; the rest is measured three times.
 */
interface Row {
  readonly work: string;
  readonly goalMs: number;
  /** Docker Swarm 20.10 on the machine that the goals were set on. */
  readonly peerMs?: number;
  readonly runsMs: readonly number[];
}

const ROUNDS = 3;
const flags = process.argv.slice(2);
const valueOf = (name: string): string | undefined => {
  const at = flags.indexOf(name);
  return at === -1 ? undefined : flags[at + 1];
};
const isJson = flags.includes('--json');
const failovers = Number(valueOf('--runs') ?? 5);
const only = valueOf('--only')?.split(',');
const labName = valueOf('--name') ?? 'bench';
const isWanted = (part: string): boolean => only === undefined || only.includes(part);
const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function withLab<T>(
  size: { hosts: number; managers: number },
  work: (cluster: BenchCluster) => Promise<T>,
): Promise<T> {
  const lab = await Lab.up({ ...size, isBare: false }, labName);
  try {
    const cluster = new BenchCluster(lab, (await lab.status()).sampleImage);
    // The image is everywhere before the clock runs: the budgets are about starting, not about pulling.
    const id = await cluster.createService({ name: 'warm-up', replicas: size.hosts * 2 });
    await cluster.waitRunning(id, size.hosts * 2);
    await cluster.removeService(id);
    await cluster.waitNoContainers();
    return await work(cluster);
  } finally {
    await lab.down();
  }
}

async function repeat<T>(count: number, work: (round: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let round = 1; round <= count; round += 1) {
    const result = await work(round);
    say(
      `  ${JSON.stringify(result, (_, value: unknown) => (typeof value === 'number' ? Math.round(value) : value))}`,
    );
    results.push(result);
  }
  return results;
}

async function oneHostRows(): Promise<Row[]> {
  return withLab({ hosts: 1, managers: 1 }, async (cluster) => {
    const rows: Row[] = [];
    if (isWanted('many')) {
      say('100 replicas on one host: create, forced update, remove');
      const many = await repeat(ROUNDS, (round) => measureManyTasks(cluster, round));
      rows.push(
        {
          work: '100 replicas RUNNING, one host',
          goalMs: 4_000,
          peerMs: 32_000,
          runsMs: many.map(({ createMs }) => createMs),
        },
        {
          work: 'forced update of 100 replicas, all at once',
          goalMs: 6_000,
          peerMs: 36_700,
          runsMs: many.map(({ updateMs }) => updateMs),
        },
        {
          work: 'removing a service of 100 tasks',
          goalMs: 4_000,
          peerMs: 19_400,
          runsMs: many.map(({ removeMs }) => removeMs),
        },
      );
    }
    if (isWanted('one')) {
      say('one replica');
      const runsMs = await repeat(ROUNDS * 3, (round) => measureOneReplica(cluster, round));
      rows.push({ work: 'one replica, create -> RUNNING', goalMs: 200, peerMs: 550, runsMs });
    }
    return rows;
  });
}

async function overlayRows(): Promise<Row[]> {
  return withLab({ hosts: 3, managers: 3 }, async (cluster) => {
    say('60 replicas on an overlay network, 3 managers');
    const runsMs = await repeat(ROUNDS, (round) => measureOverlay(cluster, round));
    return [{ work: '60 replicas on an overlay, 3 managers', goalMs: 4_000, peerMs: 16_700, runsMs }];
  });
}

async function failoverRows(): Promise<Row[]> {
  const managers = ['h1', 'h2', 'h3'];
  return withLab({ hosts: 4, managers: managers.length }, async (cluster) => {
    say('power loss of the leader: writes, tasks');
    const runs = await repeat(failovers, (round) => measureLeaderLoss(cluster, managers, round));
    return [
      {
        work: 'leader host lost -> next write accepted',
        goalMs: 2_000,
        peerMs: 20_200,
        runsMs: runs.map(({ firstWriteMs }) => firstWriteMs),
      },
      {
        work: 'the same, on every surviving manager',
        goalMs: 2_000,
        runsMs: runs.map(({ lastWriteMs }) => lastWriteMs),
      },
      {
        work: 'leader host lost -> its tasks RUNNING elsewhere',
        goalMs: 6_000,
        peerMs: 47_000,
        runsMs: runs.map(({ movedMs }) => movedMs),
      },
    ];
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : (ms / 1000).toFixed(2));

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ work, goalMs, peerMs, runsMs }) => {
    const middle = median(runsMs);
    const max = Math.max(...runsMs);
    const ratio = peerMs === undefined ? '-' : `${(peerMs / middle).toFixed(1)}x`;
    const cells = [seconds(middle), seconds(max), seconds(goalMs), seconds(peerMs), ratio];
    return [work.padEnd(48), ...cells.map((cell) => cell.padStart(8)), max <= goalMs ? '' : '  over'].join(
      '',
    );
  });
  const head = ['median', 'max', 'goal', 'Swarm', 'faster'].map((cell) => cell.padStart(8)).join('');
  return [`${'seconds'.padEnd(48)}${head}`, ...lines].join('\n');
}

const rows: Row[] = [
  ...(isWanted('many') || isWanted('one') ? await oneHostRows() : []),
  ...(isWanted('overlay') ? await overlayRows() : []),
  ...(isWanted('failover') ? await failoverRows() : []),
];
console.log(
  isJson
    ? JSON.stringify(
        rows.map((row) => ({ ...row, medianMs: median(row.runsMs), maxMs: Math.max(...row.runsMs) })),
      )
    : table(rows),
);
