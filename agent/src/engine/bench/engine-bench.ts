import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildArchive, buildBusyboxImage, buildImage } from '@skep/oci';
import { BenchHost } from './bench-host.ts';

/**
 * The engine beside Docker's, on this machine, in the same run: `npm run bench -- engine [--json] [--no-peer]
 * [--only run,burst,pull,ps,memory] [--folder DIR]`. Builds first: `npm run build`. Root.
 */
const SECTIONS = ['run', 'burst', 'pull', 'ps', 'memory'] as const;
type Section = (typeof SECTIONS)[number];

const RUNS = 15;
const BURST = 100;
const LISTED = 500;
const LAYERS = 10;
const LAYER_BYTES = 20_000_000;
const PULLS = 3;
const BIG_IMAGE = '127.0.0.1:5000/bench/big:1';

/** One measured figure; `goal` as the issue words it. */
interface Figure {
  readonly name: string;
  readonly unit: 'ms' | '/s' | 'MB';
  readonly goal: string;
  readonly values: Record<string, number>;
}

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean' },
    'no-peer': { type: 'boolean' },
    only: { type: 'string' },
    folder: { type: 'string', default: '/var/tmp' },
  },
});
const wanted = new Set<string>(flags.only?.split(',') ?? SECTIONS);
const figures: Figure[] = [];

function report(figure: Figure): void {
  figures.push(figure);
  if (flags.json !== true) {
    const values = Object.entries(figure.values).map(([name, value]) => `${name} ${value.toFixed(1)}`);
    const { skep, docker } = figure.values;
    const ratio = skep === undefined || docker === undefined ? '' : `, ratio ${(skep / docker).toFixed(2)}`;
    console.log(`${figure.name}: ${values.join(', ')} ${figure.unit}${ratio} (goal ${figure.goal})`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** Runs one measurement on each host in turn, several times, and answers the median of each. */
async function compare(
  hosts: readonly BenchHost[],
  count: number,
  work: (host: BenchHost, index: number) => Promise<number>,
): Promise<Record<string, number>> {
  const taken = new Map<string, number[]>(hosts.map(({ name }) => [name, []]));
  for (let index = 0; index < count; index += 1) {
    for (const host of hosts) {
      taken.get(host.name)?.push(await work(host, index));
    }
  }
  return Object.fromEntries([...taken].map(([name, values]) => [name, median(values)]));
}

async function measureRun(hosts: readonly BenchHost[]): Promise<void> {
  for (const [network, goal] of [
    ['bridge', '<= 120 ms'],
    ['none', '<= 80 ms'],
  ] as const) {
    const run = (host: BenchHost): Promise<string> =>
      host.docker('run', '--rm', '--network', network, 'busybox', '/bin/true');
    await Promise.all(hosts.map(run));
    const values = await compare(hosts, RUNS, (host) => timed(() => run(host)));
    report({ name: `docker run --rm /bin/true, network ${network}`, unit: 'ms', goal, values });
  }
}

/** Creates containers, then starts all at one time through the API. They stay for the sections that follow. */
async function measureBurst(hosts: readonly BenchHost[]): Promise<void> {
  const body = { Image: 'busybox', Cmd: ['sleep', '100000'], StopSignal: 'SIGKILL' };
  const values = await compare(hosts, 1, async (host) => {
    const names = Array.from({ length: BURST }, (_, index) => `burst${String(index)}`);
    const must = async (path: string, content?: unknown): Promise<void> => {
      const answer = await host.call('POST', path, content);
      if (answer.status >= 400) {
        throw new Error(`${host.name} ${path}: ${answer.text}`);
      }
    };
    await Promise.all(names.map((name) => must(`/containers/create?name=${name}`, body)));
    const ms = await timed(() => Promise.all(names.map((name) => must(`/containers/${name}/start`))));
    return (BURST * 1000) / ms;
  });
  report({
    name: `${String(BURST)} containers started at one time, bridge`,
    unit: '/s',
    goal: '>= 35/s',
    values,
  });
}

async function measurePull(hosts: readonly BenchHost[]): Promise<void> {
  const values = await compare(hosts, PULLS, async (host) => {
    const ms = await timed(() => host.docker('pull', '-q', BIG_IMAGE));
    await host.docker('rmi', BIG_IMAGE);
    return ms;
  });
  const size = `${String((LAYERS * LAYER_BYTES) / 1_000_000)} MB in ${String(LAYERS)} layers`;
  report({ name: `docker pull of ${size}`, unit: 'ms', goal: 'no slower than Docker', values });
}

async function measureList(hosts: readonly BenchHost[]): Promise<void> {
  for (const host of hosts) {
    const there = (await host.docker('ps', '-aq')).split('\n').filter((id) => id !== '').length;
    for (let index = there; index < LISTED; index += 1) {
      const body = { Image: 'busybox', Cmd: ['true'] };
      await host.call('POST', `/containers/create?name=listed${String(index)}`, body);
    }
  }
  const values = await compare(hosts, RUNS, (host) => timed(() => host.docker('ps', '-a')));
  report({ name: `docker ps -a with ${String(LISTED)} containers`, unit: 'ms', goal: '<= 60 ms', values });
}

async function measureMemory(hosts: readonly BenchHost[]): Promise<void> {
  // Memory of what was measured before is given back after a while.
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const taken = hosts.map((host) => [host.name, host.memory()] as const);
  report({
    name: `engine's memory (PSS) with ${String(BURST)} containers`,
    unit: 'MB',
    goal: '<= 110 MB',
    values: Object.fromEntries(taken.map(([name, { engineMb }]) => [name, engineMb])),
  });
  report({
    name: `beside ${String(BURST)} containers: conmon, or containerd-shim`,
    unit: 'MB',
    goal: 'reported',
    values: Object.fromEntries(taken.map(([name, { perContainerMb }]) => [name, perContainerMb])),
  });
}

/** A registry's folder and configuration that both hosts serve, each in its own network. */
function prepareRegistry(root: string): string {
  const config = join(root, 'registry.yml');
  const lines = ['version: 0.1', 'log: {level: error, accesslog: {disabled: true}}'];
  lines.push(
    `storage: {filesystem: {rootdirectory: ${root}/registry}}`,
    'http: {addr: "127.0.0.1:5000"}',
    '',
  );
  writeFileSync(config, lines.join('\n'));
  return config;
}

async function loadImages(hosts: readonly BenchHost[], root: string): Promise<void> {
  const busybox = join(root, 'busybox.tar');
  writeFileSync(busybox, buildArchive(buildBusyboxImage(), ['busybox:latest']));
  await Promise.all(hosts.map((host) => host.docker('load', '-qi', busybox)));
  const [first] = hosts;
  if (!wanted.has('pull') || first === undefined) {
    return;
  }
  const big = join(root, 'big.tar');
  const layers = Array.from({ length: LAYERS }, (_, index) => [
    { path: `file-${String(index)}`, type: 'file' as const, content: randomBytes(LAYER_BYTES) },
  ]);
  writeFileSync(big, buildArchive(buildImage({ layers }), [BIG_IMAGE]));
  await first.docker('load', '-qi', big);
  await first.docker('push', '-q', BIG_IMAGE);
  await first.docker('rmi', BIG_IMAGE);
  rmSync(big);
}

const MEASURES: Record<Section, (hosts: readonly BenchHost[]) => Promise<void>> = {
  run: measureRun,
  pull: measurePull,
  burst: measureBurst,
  ps: measureList,
  memory: measureMemory,
};

async function main(): Promise<void> {
  const root = mkdtempSync(join(flags.folder, 'skep-bench-'));
  const config = prepareRegistry(root);
  const hasPeer = flags['no-peer'] !== true && spawnSync('dockerd', ['--version']).status === 0;
  const hosts = [await BenchHost.skep(`${root}-s`, config)];
  try {
    if (hasPeer) {
      hosts.push(await BenchHost.docker(`${root}-d`, config));
    }
    await loadImages(hosts, root);
    for (const [section, measure] of Object.entries(MEASURES)) {
      if (wanted.has(section)) {
        await measure(hosts);
      }
    }
    if (flags.json === true) {
      console.log(JSON.stringify({ peer: hasPeer ? 'docker' : null, figures }));
    }
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
    rmSync(root, { recursive: true, force: true });
  }
}

await main();
