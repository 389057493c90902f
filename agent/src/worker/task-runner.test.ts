import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import { SwarmError, type Timers } from '@skep/kernel';
import type { Task, TaskState, TaskStatus } from '@skep/model';

import type { ContainerApi, ContainerDetails, ExitStatus } from '../engine/container-api.ts';
import type { ImageApi } from '../engine/image-api.ts';
import { ImagePuller } from './image-puller.ts';
import { processTimers } from './process-timers.ts';
import { Semaphore } from './semaphore.ts';
import type { ObservedContainer } from './task-machine.ts';
import { TaskRunner, type RunnerPorts } from './task-runner.ts';

const log = pino({ level: 'silent' });

/** An engine with one container, whose life the test decides. */
class FakeHost {
  readonly calls: string[] = [];
  readonly reports: string[] = [];
  readonly statuses: TaskStatus[] = [];
  hasImage = true;
  pullError: SwarmError | undefined;
  isForgotten = false;
  #isRunning = false;
  #exit: ((exit: ExitStatus) => void) | undefined;

  end(exitCode: number): void {
    this.#isRunning = false;
    this.#exit?.({ exitCode, isOomKilled: false, finishedAtMs: 0, error: '' });
  }

  get ports(): RunnerPorts {
    const containers: Partial<ContainerApi> = {
      create: ({ name }) => {
        this.calls.push(`create ${name ?? ''}`);
        return Promise.resolve({ id: 'c1', warnings: [] });
      },
      start: () => {
        this.calls.push('start');
        this.#isRunning = true;
        return Promise.resolve(true);
      },
      stop: () => {
        this.calls.push('stop');
        this.end(143);
        return Promise.resolve(true);
      },
      remove: () => {
        this.calls.push('remove');
        return Promise.resolve();
      },
      wait: () =>
        new Promise((resolve) => {
          this.#exit = resolve;
        }),
      inspect: () =>
        Promise.resolve({
          id: 'c1',
          ports: [],
          state: {
            status: this.#isRunning ? 'running' : 'exited',
            pid: 42,
            exitCode: 0,
            isOomKilled: false,
            error: '',
            startedAtMs: 0,
            finishedAtMs: 0,
            health: null,
          },
        } as unknown as ContainerDetails),
    };
    const images: Partial<ImageApi> = {
      has: () => Promise.resolve(this.hasImage),
      pull: () => {
        this.calls.push('pull');
        return this.pullError === undefined
          ? Promise.resolve({ digest: '', imageId: '', isNew: true, reference: '' })
          : Promise.reject(this.pullError);
      },
    };
    return {
      containers: containers as ContainerApi,
      puller: new ImagePuller(images as ImageApi, log, () => 0),
      starts: new Semaphore(1),
      node: () => ({ id: 'n1', hostname: 'h1', os: 'linux', architecture: 'x86_64' }),
      payloads: () => ({ secrets: new Map(), configs: new Map() }),
      networkReady: () => Promise.resolve(),
      report: (_taskId, status) => {
        this.reports.push(status.state);
        this.statuses.push(status);
      },
      forgotten: () => {
        this.isForgotten = true;
      },
      nowMs: () => 1,
      timers: processTimers,
      log,
    };
  }
}

function newTask(desiredState: TaskState, image = 'busybox@sha256:1'): Task {
  return {
    id: 't1',
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    serviceId: 's1',
    serviceName: 'web',
    slot: 1,
    nodeId: 'n1',
    spec: { container: { image } },
    specVersion: 1,
    status: { state: 'assigned', atMs: 0, message: '' },
    desiredState,
    networks: [],
  };
}

function run(
  host: FakeHost,
  task: Task,
  container: ObservedContainer = { kind: 'none' },
  status = task.status,
): TaskRunner {
  const runner = new TaskRunner(host.ports, { task, status, container });
  runner.poke();
  return runner;
}

async function until(check: () => boolean): Promise<void> {
  for (let turn = 0; !check(); turn += 1) {
    if (turn > 1_000) {
      throw new Error('what was waited for did not come');
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('TaskRunner', () => {
  test('takes a task from its assignment to its end, state by state', async () => {
    const host = new FakeHost();
    run(host, newTask('running'));
    await until(() => host.reports.includes('running'));
    expect(host.calls).toEqual(['create web.1.t1', 'start']);
    host.end(3);
    await until(() => host.reports.includes('failed'));
    expect(host.reports).toEqual(['accepted', 'preparing', 'ready', 'starting', 'running', 'failed']);
    expect(host.statuses.at(-1)).toMatchObject({
      err: 'task: non-zero exit (3)',
      container: { containerId: 'c1', exitCode: 3 },
    });
  });

  test('a task that should only be ready waits with its container made', async () => {
    const host = new FakeHost();
    const runner = run(host, newTask('ready'));
    await until(() => host.reports.includes('ready'));
    expect(host.calls).not.toContain('start');
    runner.assign(newTask('running'));
    await until(() => host.reports.includes('running'));
  });

  test('shutdown stops the container, removal of the assignment deletes it', async () => {
    const host = new FakeHost();
    const runner = run(host, newTask('running'));
    await until(() => host.reports.includes('running'));
    runner.assign(newTask('shutdown'));
    await until(() => host.reports.includes('shutdown'));
    expect(host.calls).not.toContain('remove');
    runner.unassign();
    await until(() => host.isForgotten);
    expect(host.calls.slice(-2)).toEqual(['stop', 'remove']);
  });

  test('between the end of its traffic and its signal to end other hosts get time to look away', async () => {
    const host = new FakeHost();
    const waits: { readonly delayMs: number; readonly run: () => void }[] = [];
    const timers: Timers = {
      after: (delayMs, run_) => {
        waits.push({ delayMs, run: run_ });
        return () => undefined;
      },
    };
    const networks = [{ networkId: 'front', addresses: ['10.0.1.3/24'], aliases: [] }];
    const task = { ...newTask('running'), networks };
    const runner = new TaskRunner(
      { ...host.ports, timers },
      { task, status: task.status, container: { kind: 'none' } },
    );
    runner.poke();
    await until(() => host.reports.includes('running'));
    runner.assign({ ...task, desiredState: 'shutdown' });
    await until(() => waits.length === 1);
    expect(host.calls).not.toContain('stop');
    expect(waits[0]?.delayMs).toBeGreaterThan(0);
    waits[0]?.run();
    await until(() => host.reports.includes('shutdown'));
    expect(host.calls).toContain('stop');
  });

  test('an image that cannot be pulled rejects the task', async () => {
    const host = new FakeHost();
    host.hasImage = false;
    host.pullError = new SwarmError('not_found', 'No such image: nope:latest');
    run(host, newTask('running', 'nope:latest'));
    await until(() => host.reports.includes('rejected'));
    expect(host.statuses.at(-1)).toMatchObject({
      err: 'No such image: nope:latest',
      reason: { code: 'image.notfound' },
    });
    expect(host.calls).toEqual(['pull']);
  });

  test('a tag that is here is used when its registry does not answer', async () => {
    const host = new FakeHost();
    host.pullError = new SwarmError('unavailable', 'no route to registry');
    run(host, newTask('running', 'busybox:latest'));
    await until(() => host.reports.includes('running'));
    expect(host.calls).toEqual(['pull', 'create web.1.t1', 'start']);
  });

  test('takes over a running container, and one that ended while nobody looked', async () => {
    const running: TaskStatus = { state: 'running', atMs: 0, message: 'started' };
    const adopted = new FakeHost();
    run(adopted, newTask('running'), { kind: 'running', id: 'c1', pid: 1, health: 'none' }, running);
    adopted.end(0);
    await until(() => adopted.reports.length > 0);
    expect(adopted.reports).toEqual(['complete']);

    const ended = new FakeHost();
    run(
      ended,
      newTask('running'),
      { kind: 'exited', id: 'c1', exitCode: 9, isOomKilled: false, error: '' },
      running,
    );
    await until(() => ended.reports.length > 0);
    expect(ended.reports).toEqual(['failed']);
    expect(ended.calls).toEqual([]);
  });
});
