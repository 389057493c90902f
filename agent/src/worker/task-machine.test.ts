import { describe, expect, test } from 'vitest';

import { SwarmError } from '@skep/kernel';
import type { Task, TaskState, TaskStatus } from '@skep/model';

import { failedStatus, nextStep, type ObservedContainer, type TaskSituation } from './task-machine.ts';

const NOW = 1_000;
const none: ObservedContainer = { kind: 'none' };
const created: ObservedContainer = { kind: 'created', id: 'c1' };
const running: ObservedContainer = { kind: 'running', id: 'c1', pid: 7, health: 'none' };
const exited = (exitCode: number, extra: object = {}): ObservedContainer => ({
  kind: 'exited',
  id: 'c1',
  exitCode,
  isOomKilled: false,
  error: '',
  ...extra,
});

function situation(
  state: TaskState,
  desiredState: TaskState,
  container: ObservedContainer,
  extra: Partial<TaskSituation> = {},
): TaskSituation {
  const status: TaskStatus = { state, atMs: 1, message: '' };
  const task: Task = {
    id: 't1',
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    serviceId: 's1',
    serviceName: 'web',
    slot: 1,
    nodeId: 'n1',
    spec: { container: { image: 'busybox' } },
    specVersion: 1,
    status: { state: 'assigned', atMs: 0, message: '' },
    desiredState,
    networks: [],
  };
  return { task, isWanted: true, status, container, isStopping: false, nowMs: NOW, ...extra };
}

describe('nextStep', () => {
  test.each<[string, TaskSituation, string]>([
    ['an assigned task is accepted', situation('assigned', 'running', none), 'report accepted'],
    ['an accepted task is prepared', situation('accepted', 'running', none), 'report preparing'],
    ['preparing makes the container', situation('preparing', 'running', none), 'prepare'],
    ['a made container is ready', situation('preparing', 'running', created), 'report ready'],
    ['a ready task waits while it should only be ready', situation('ready', 'ready', created), 'wait'],
    ['a ready task starts when it may', situation('ready', 'running', created), 'report starting'],
    ['starting starts', situation('starting', 'running', created), 'start'],
    ['a started container runs', situation('starting', 'running', running), 'report running'],
    [
      'a container that is not yet healthy is still starting',
      situation('starting', 'running', { ...running, health: 'starting' }),
      'wait',
    ],
    [
      'a healthy container runs',
      situation('starting', 'running', { ...running, health: 'healthy' }),
      'report running',
    ],
    [
      'an unhealthy container is stopped',
      situation('running', 'running', { ...running, health: 'unhealthy' }),
      'stop',
    ],
    ['a running task waits', situation('running', 'running', running), 'wait'],
    ['exit code 0 completes', situation('running', 'running', exited(0)), 'report complete'],
    ['any other exit code fails', situation('running', 'running', exited(3)), 'report failed'],
    ['a container that vanished fails', situation('running', 'running', none), 'report failed'],
    ['shutdown stops a running container', situation('running', 'shutdown', running), 'stop'],
    ['and waits for it to end', situation('running', 'shutdown', running, { isStopping: true }), 'wait'],
    ['an ended container is shut down', situation('running', 'shutdown', exited(143)), 'report shutdown'],
    [
      'a task that never started is shut down at once',
      situation('accepted', 'shutdown', none),
      'report shutdown',
    ],
    ['a finished task stays as it is', situation('complete', 'shutdown', exited(0)), 'wait'],
    [
      'its container goes with the assignment',
      situation('complete', 'shutdown', exited(0), { isWanted: false }),
      'remove',
    ],
    [
      'an unwanted running container is stopped first',
      situation('running', 'running', running, { isWanted: false }),
      'stop',
    ],
    ['then nothing is left', situation('shutdown', 'shutdown', none, { isWanted: false }), 'forget'],
    ['desired remove shuts down too', situation('running', 'remove', exited(0)), 'report shutdown'],
  ])('%s', (_name, given, expected) => {
    const step = nextStep(given);
    expect(step.kind === 'report' ? `report ${step.status.state}` : step.kind).toBe(expected);
  });

  test('an exit says why, in Swarm words and with a code', () => {
    const failed = nextStep(situation('running', 'running', exited(3)));
    expect(failed).toMatchObject({
      kind: 'report',
      status: {
        err: 'task: non-zero exit (3)',
        reason: { code: 'run.exit', params: { code: '3' } },
        container: { containerId: 'c1', exitCode: 3 },
        atMs: NOW,
      },
    });
    const oom = nextStep(situation('running', 'running', exited(137, { isOomKilled: true })));
    expect(oom).toMatchObject({ status: { reason: { code: 'run.oom' }, container: { oomKilled: true } } });
  });

  test('a stopped unhealthy container fails for its health', () => {
    const step = nextStep(situation('running', 'running', exited(143), { isStopping: true }));
    expect(step).toMatchObject({ status: { state: 'failed', reason: { code: 'run.health' } } });
  });
});

test('failedStatus rejects before the start and fails from then on', () => {
  const error = new SwarmError('not_found', 'No such image: nope:latest');
  expect(failedStatus(situation('preparing', 'running', none), 'prepare', error)).toMatchObject({
    state: 'rejected',
    err: 'No such image: nope:latest',
    reason: { code: 'image.notfound' },
  });
  expect(
    failedStatus(situation('starting', 'running', created), 'start', new SwarmError('internal', 'x')),
  ).toMatchObject({ state: 'failed', reason: { code: 'start.runtime' } });
});
