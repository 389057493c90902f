import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Prng } from '@skep/kernel';
import type { ContainerConfig } from './container-config.ts';
import { EngineFixture, until } from './testing/engine-fixture.ts';
import { EngineProcess, type EngineStep } from './testing/engine-process.ts';

const none = { image: 'busybox', network: { mode: 'none' } } as const;
const range = [{ containerId: 0, hostId: 1_000_000, size: 65_536 }];

let fixture: EngineFixture;
let child: EngineProcess | undefined;

function startChild(steps: readonly EngineStep[]): EngineProcess {
  child = new EngineProcess(fixture, steps);
  return child;
}

async function killChild(): Promise<void> {
  await child?.kill();
  child = undefined;
}

async function makeContainer(config: Omit<ContainerConfig, 'image'>): Promise<string> {
  const { id } = await fixture.engine.containers.create({ ...none, ...config });
  await fixture.close();
  return id;
}

describe.each([
  ["the host's users", {}],
  ['users of their own', { idMap: { uids: range, gids: range } }],
])('of containers with %s', (_name, options) => {
  beforeEach(async () => {
    fixture = await EngineFixture.create(options);
    await fixture.loadBusybox();
  });

  afterEach(async () => {
    await killChild();
    expect(await fixture.destroy()).toEqual([]);
  });

  test('a container outlives its engine and is adopted with its log', async () => {
    const id = await makeContainer({ cmd: ['sh', '-c', 'while :; do echo tick; sleep 0.1; done'] });
    const lines = startChild([{ call: 'containers.start', args: [id] }]);
    expect(await lines.next()).toBe('true');
    await killChild();
    const engine = await fixture.open();
    const { state } = await engine.containers.inspect(id);
    expect(state.status).toBe('running');
    process.kill(state.pid, 0);
    const { output } = await engine.execs.run(id, { cmd: ['echo', 'alive'] });
    expect(output.toString()).toBe('alive\n');
    const before = Date.now();
    for await (const record of engine.containers.logs(id, { follow: true, tail: 0 })) {
      expect(record.data.toString()).toBe('tick\n');
      break;
    }
    expect(Date.now() - before).toBeLessThan(5000);
  });

  test('an end that happened meanwhile is reported with its exit code and time', async () => {
    const id = await makeContainer({ cmd: ['sh', '-c', 'sleep 0.5; echo bye; exit 42'] });
    const lines = startChild([{ call: 'containers.start', args: [id] }]);
    expect(await lines.next()).toBe('true');
    const { value } = await (async () => {
      await killChild();
      await delay(1200);
      return { value: Date.now() };
    })();
    const engine = await fixture.open();
    const { state } = await engine.containers.inspect(id);
    expect(state).toMatchObject({ status: 'exited', exitCode: 42, pid: 0 });
    expect(state.finishedAtMs).toBeLessThan(value - 300);
  });

  test('restart policies are honoured when the engine returns', async () => {
    const { containers } = fixture.engine;
    const cmd = ['sh', '-c', 'sleep 0.4; exit 1'];
    const made = await Promise.all(
      (['always', 'no', 'on-failure'] as const).map((name) =>
        containers.create({
          ...none,
          cmd,
          restartPolicy: { name, maximumRetryCount: name === 'on-failure' ? 5 : 0 },
        }),
      ),
    );
    await fixture.close();
    const lines = startChild(made.map(({ id }) => ({ call: 'containers.start', args: [id] })));
    for (let step = 0; step < 3; step += 1) {
      expect(await lines.next()).toBe('true');
    }
    await killChild();
    await delay(900);
    const engine = await fixture.open();
    const count = async (index: number): Promise<number> =>
      (await engine.containers.inspect(made[index]?.id ?? '')).restartCount;
    await until(async () => (await count(0)) >= 1 && (await count(2)) >= 1);
    expect(await count(1)).toBe(0);
  });

  test('what has ended for good while the engine was away stays ended', async () => {
    const { containers } = fixture.engine;
    const ends = (code: number) => ['sh', '-c', `sleep 0.3; exit ${String(code)}`];
    const done = await containers.create({ ...none, cmd: ends(0), restartPolicy: { name: 'on-failure' } });
    const twice = await containers.create({
      ...none,
      cmd: ends(3),
      restartPolicy: { name: 'on-failure', maximumRetryCount: 1 },
    });
    await containers.start(twice.id);
    await until(async () => (await containers.inspect(twice.id)).restartCount === 1);
    await until(async () => (await containers.inspect(twice.id)).state.status === 'exited');
    await fixture.close();
    const lines = startChild([
      { call: 'containers.start', args: [done.id] },
      { call: 'containers.inspect', args: [done.id] },
    ]);
    expect(await lines.next()).toBe('true');
    const { state: started } = JSON.parse(await lines.next()) as { state: { pid: number } };
    await killChild();
    await until(() => !existsSync(`/proc/${String(started.pid)}`));
    const engine = await fixture.open();
    for (const { id } of [done, twice]) {
      const { state, restartCount } = await engine.containers.inspect(id);
      expect({ status: state.status, restartCount }).toEqual({
        status: 'exited',
        restartCount: id === done.id ? 0 : 1,
      });
    }
  });

  test('a killed engine leaves nothing half done, whenever it is killed', async () => {
    const seed = Number(process.env['SKEP_SEED'] ?? '7');
    const prng = new Prng(seed);
    const rounds = Number(process.env['SKEP_ROUNDS'] ?? '12');
    await fixture.close();
    for (let round = 0; round < rounds; round += 1) {
      const name = `c${String(round)}`;
      const config = { ...none, name, cmd: ['sh', '-c', 'echo up; exec sleep 1000'] };
      const lines = startChild([
        { call: 'containers.create', args: [config] },
        { call: 'containers.start', args: [name] },
        { call: 'execs.run', args: [name, { cmd: ['true'] }] },
        { call: 'containers.stop', args: [name, { timeoutSeconds: 0 }] },
        { call: 'containers.start', args: [name] },
        { call: 'containers.remove', args: [name, { force: true }] },
      ]);
      const steps = prng.nextInt(7);
      for (let step = 0; step < steps; step += 1) {
        await lines.next();
      }
      await delay(prng.nextInt(60));
      await killChild();
      const engine = await fixture.open();
      const found = (await engine.containers.list({ all: true })).filter((each) => each.name === name);
      expect(found.length, `seed ${String(seed)} round ${String(round)}`).toBeLessThanOrEqual(1);
      const [container] = found;
      if (container !== undefined) {
        // Whatever it is, it can be started, used and removed.
        await engine.containers.start(container.id);
        expect((await engine.execs.run(container.id, { cmd: ['true'] })).exitCode).toBe(0);
        await engine.containers.remove(container.id, { force: true });
      }
      // A conmon that was cut off needs a moment to notice.
      await until(() => fixture.leftovers().length === 0).catch(() => undefined);
      expect(fixture.leftovers(), `seed ${String(seed)} round ${String(round)}`).toEqual([]);
      await fixture.close();
    }
  });
});
