import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { Prng } from '@skep/kernel';
import { Lab, REGISTRY, SAMPLE_IMAGE, waitUntil, type Host } from '@skep/lab';

import { Actor } from './actor.ts';
import { EngineClient } from './engine-client.ts';
import { isUnderWay, judge, type Expected, type Inspected } from './expectations.ts';
import { observeTraces, type Traces } from './traces.ts';

/**
 * Goal: whenever swarmd is killed, and whenever its host loses power, what clients were promised holds when it is back.
 * Method: a few clients create, start, exec, stop, remove and pull without pause; at a random moment swarmd is killed
 * (sometimes again while it recovers, sometimes with its whole host); then everything is looked at.
 */
const LAB_NAME = process.env['SKEP_LAB'] ?? 'test';
const SEED = Number(process.env['SKEP_SEED'] ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env['SKEP_ROUNDS'] ?? '8');
const CLIENTS = 3;
const KILL_WITHIN_STEPS = 16;
const KILL_WITHIN_MS = 150;
const POWER_LOSS_CHANCE = 0.12;
const KILLED_AGAIN_CHANCE = 0.25;
const SETTLE = { timeoutMs: 20_000, everyMs: 50 };

let lab: Lab | undefined;
let host: Host;
let engine: EngineClient;
let hasPower = true;
const images = ['one', 'two', 'three'].map((name) => `${REGISTRY}/outlive/${name}:latest`);

beforeAll(async () => {
  lab = await Lab.up({ hosts: 1, managers: 1, isBare: true }, LAB_NAME);
  host = lab.host('h1');
  engine = new EngineClient(host.paths.dockerSocket);
  await post(`/images/create?fromImage=${SAMPLE_IMAGE}`);
  await makeImages();
}, 180_000);

afterAll(async () => {
  await lab?.down();
  expect(await lab?.leftovers()).toEqual([]);
}, 120_000);

async function post(path: string, body?: unknown): Promise<Record<string, unknown>> {
  const answer = await engine.call({ method: 'POST', path, ...(body === undefined ? {} : { body }) });
  expect(answer.status, `POST ${path}: ${answer.text.slice(0, 300)}`).toBeLessThan(400);
  return answer.text.startsWith('{"Id"') ? (JSON.parse(answer.text) as Record<string, unknown>) : {};
}

/** Images of three layers that share one, pushed to the registry. */
async function makeImages(): Promise<void> {
  let base = SAMPLE_IMAGE;
  for (const image of ['base', ...images]) {
    for (let layer = 0; layer < (image === 'base' ? 1 : 2); layer += 1) {
      const Cmd = [
        'sh',
        '-c',
        'head -c 3000000 /dev/urandom > /blob-$HOSTNAME; for i in $(seq 300); do echo $i > /f-$i; done',
      ];
      await post('/containers/create?name=maker', { Image: base, Cmd, HostConfig: { NetworkMode: 'none' } });
      await post('/containers/maker/start');
      await post('/containers/maker/wait');
      const repo = image === 'base' ? 'local-base' : image.slice(0, image.lastIndexOf(':'));
      await post(`/commit?container=maker&repo=${repo}&tag=latest`, {});
      await engine.json({ method: 'DELETE', path: '/containers/maker' });
      base = `${repo}:latest`;
    }
    if (image !== 'base') {
      const name = image.slice(0, image.lastIndexOf(':'));
      const pushed = await engine.call({ method: 'POST', path: `/images/${name}/push?tag=latest` });
      expect(pushed.text).not.toContain('"error"');
      await engine.json({ method: 'DELETE', path: `/images/${image}?force=1` });
    }
    base = 'local-base:latest';
  }
}

async function inspectAll(): Promise<Map<string, Inspected>> {
  const list = (await engine.json({ method: 'GET', path: '/containers/json?all=1' })) as {
    Id: string;
    Names: string[];
  }[];
  const found = new Map<string, Inspected>();
  for (const { Id: id, Names: names } of list) {
    const name = names[0]?.slice(1) ?? '';
    expect(found.has(name), `two containers are called ${name}`).toBe(false);
    found.set(name, (await engine.json({ method: 'GET', path: `/containers/${id}/json` })) as Inspected);
  }
  return found;
}

/** Ends swarmd or the host in one of the ways it can end, and brings it back. */
async function interrupt(prng: Prng, containers: () => readonly Expected[]): Promise<string> {
  if (prng.chance(POWER_LOSS_CHANCE)) {
    hasPower = false;
    await host.crash();
    // Only now: clients work on until the very end.
    for (const container of containers()) {
      container.isEndUnknown ||= container.started !== 'no';
    }
    await host.start();
    hasPower = true;
    return 'power loss';
  }
  await host.killAgent();
  await delay(prng.nextInt(600));
  if (!prng.chance(KILLED_AGAIN_CHANCE)) {
    await host.startAgent();
    return 'kill';
  }
  const first = host.startAgent();
  await waitUntil('swarmd is there', () => host.agent !== undefined, SETTLE);
  await delay(prng.nextInt(700));
  await host.killAgent();
  await Promise.all([host.startAgent(), first]);
  return 'kill, and kill again at the return';
}

/** Waits until everything is as it must be; answers what is not. */
async function settle(containers: readonly Expected[]): Promise<string[]> {
  let complaints: string[] = [];
  const isSettled = async (): Promise<boolean> => {
    const found = await inspectAll();
    const known = new Set(containers.map(({ name }) => name));
    const strangers = [...found.keys()].filter((name) => !known.has(name));
    complaints = [
      ...strangers.map((name) => `${name} is there although nobody made it`),
      ...containers.flatMap((each) => {
        const verdict = judge(each, found.get(each.name));
        const isOpen = isUnderWay(each, found.get(each.name));
        return verdict === null && !isOpen
          ? []
          : [`${each.name} (${each.role}) ${verdict ?? 'does not end'}`];
      }),
    ];
    return complaints.length === 0;
  };
  await waitUntil('all is as promised', isSettled, SETTLE).catch(() => undefined);
  return complaints;
}

/** What ended by itself must have said everything, once. */
async function checkLogs(containers: readonly Expected[]): Promise<void> {
  for (const { name, role, created, started, removed, stopped, isEndUnknown } of containers) {
    const isSure =
      created === 'yes' && started === 'yes' && stopped === 'no' && removed === 'no' && !isEndUnknown;
    if (isSure && (role === 'ender' || role === 'finisher')) {
      const { text } = await engine.call({ method: 'GET', path: `/containers/${name}/logs?stdout=1` });
      expect(text.replace(/[^a-z]+/g, ' ').trim(), `log of ${name}`).toBe('begin end');
    }
  }
}

/** Nothing in the kernel or on the disk belongs to a container that does not run. */
async function checkTraces(wanted: { readonly label: string }): Promise<void> {
  let odd: readonly string[] = [];
  const isClean = async (): Promise<boolean> => {
    const traces = await observeTraces(host);
    // What is being started again at this moment may have a process and mounts or not.
    const busy = [...(await inspectAll()).values()].filter(({ State: { Status: status } }) =>
      ['running', 'restarting'].includes(status),
    );
    const isOfBusy = (line: string): boolean => busy.some(({ Id: id }) => line.includes(id));
    const conmons = traces.processes.filter((line) => line.startsWith('conmon'));
    const ingest = traces.files.filter((path) => path.includes('/ingest/'));
    odd = [...[...traces.mounts, ...traces.cgroups, ...conmons].filter((line) => !isOfBusy(line)), ...ingest];
    return odd.length === 0;
  };
  await waitUntil('no leftovers', isClean, { timeoutMs: 8000, everyMs: 20 }).catch(() => {
    throw new Error(`${wanted.label}: left over: ${odd.join('\n')}`);
  });
}

test(
  `what was promised outlives swarmd and its host (seed ${String(SEED)})`,
  { timeout: 60_000 + ROUNDS * 30_000 },
  async () => {
    const prng = new Prng(SEED);
    const pulled = new Set<string>();
    const base = await observeTraces(host);
    const actors = Array.from(
      { length: CLIENTS },
      (_, index) =>
        new Actor(`a${String(index)}`, {
          ...{
            engine,
            images: [images[index] ?? ''],
            baseImage: SAMPLE_IMAGE,
            prng: new Prng(prng.nextBits64()),
          },
          onPulled: (image) => pulled.add(image),
          onForgotten: (image) => pulled.delete(image),
          hasPower: () => hasPower,
        }),
    );
    const steps = (): number => actors.reduce((sum, actor) => sum + actor.stepCount, 0);
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = steps();
      const wanted = before + prng.nextInt(KILL_WITHIN_STEPS);
      const working = Promise.all(actors.map((actor) => actor.work()));
      working.catch(() => undefined);
      const isDue = (): boolean => steps() >= wanted;
      await Promise.race([working, waitUntil('work is done', isDue, { timeoutMs: 20_000, everyMs: 5 })]);
      await delay(prng.nextInt(KILL_WITHIN_MS));
      const containers = (): Expected[] => actors.flatMap((actor) => actor.containers);
      const how = await interrupt(prng, containers);
      const label = `seed ${String(SEED)} round ${String(round)}, ${how}`;
      await working;
      const now = containers();
      expect(await settle(now), label).toEqual([]);
      await checkLogs(now);
      for (const image of pulled) {
        const { status } = await engine.call({ method: 'GET', path: `/images/${image}/json` });
        expect(status, `${label}: ${image} was pulled`).toBe(200);
      }
      await checkTraces({ label });
      await settleOutcomes(now);
      actors.forEach((actor) => {
        actor.tidy();
      });
    }
    await removeAll();
    await waitUntil('no trace is left', async () => isSameAs(base, await observeTraces(host)), SETTLE).catch(
      async () => {
        expect(await observeTraces(host), `seed ${String(SEED)}`).toEqual(base);
      },
    );
    await verifyStore();
  },
);

/** After a look, what was `maybe` is known. */
async function settleOutcomes(containers: readonly Expected[]): Promise<void> {
  const found = await inspectAll();
  for (const container of containers) {
    const inspected = found.get(container.name);
    const { Status: status = 'created', Pid: pid = 0 } = inspected?.State ?? {};
    // Removal by force kills first: what is still there may have been killed.
    container.isEndUnknown ||= container.removed === 'maybe' && status !== 'running';
    container.removed = inspected === undefined ? 'yes' : 'no';
    container.created = 'yes';
    container.started = status === 'created' ? 'no' : 'yes';
    // It is judged again once it is started.
    container.isEndUnknown &&= container.started === 'yes';
    if (container.stopped === 'maybe') {
      container.stopped = status === 'exited' ? 'yes' : 'no';
    }
    container.pid = container.role === 'sleeper' && status === 'running' ? pid : 0;
  }
}

async function removeAll(): Promise<void> {
  for (const name of (await inspectAll()).keys()) {
    await engine.json({ method: 'DELETE', path: `/containers/${name}?force=1&v=1` });
  }
  for (const image of images) {
    await engine.call({ method: 'DELETE', path: `/images/${image}?force=1` });
  }
}

function isSameAs(base: Traces, found: Traces): boolean {
  return JSON.stringify(base) === JSON.stringify(found);
}

/** Every blob that is there has the digest it is called by: pulls and pushes of all images say so. */
async function verifyStore(): Promise<void> {
  for (const image of images) {
    const answer = await engine.call({ method: 'POST', path: `/images/create?fromImage=${image}` });
    expect(answer.text).not.toContain('"error"');
    await post('/containers/create?name=last', { Image: image, Cmd: ['sh', '-c', 'cat /blob-* | wc -c'] });
    await post('/containers/last/start');
    await post('/containers/last/wait');
    const { text } = await engine.call({ method: 'GET', path: '/containers/last/logs?stdout=1' });
    expect(text).toContain('9000000');
    await engine.json({ method: 'DELETE', path: '/containers/last' });
  }
  const log = readFileSync(join(host.paths.agentLog), 'utf8');
  expect(log.split('\n').filter((line) => line.includes('"level":"fatal"'))).toEqual([]);
}
