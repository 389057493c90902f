import { describe, expect, test } from 'vitest';

import { faultTolerance, problemsOf, verdictOf } from './attention.ts';
import type { NodeRow, ServiceRow, TaskRow } from './rows.ts';
import { nodeState, slotsOf, stackState, START_GRACE_MS, summarise, taskState } from './state.ts';

const NOW = 1_000_000_000;

function task(part: Partial<TaskRow> & { readonly state?: TaskRow['status']['state'] } = {}): TaskRow {
  const { state = 'running', ...rest } = part;
  return {
    id: 't1',
    version: 1,
    createdAtMs: NOW - 600_000,
    updatedAtMs: NOW,
    serviceId: 's',
    serviceName: 'web',
    slot: 1,
    nodeId: 'n1',
    image: 'web:1',
    specVersion: 1,
    status: { state, atMs: NOW, message: state },
    desiredState: 'running',
    networks: [],
    ...rest,
  };
}

function node(part: Partial<NodeRow> = {}): NodeRow {
  return {
    id: 'n1',
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    spec: { role: 'worker', availability: 'active' },
    status: { state: 'ready', addr: '10.0.0.1' },
    ...part,
  };
}

function service(part: Partial<ServiceRow> = {}, replicas = 2): ServiceRow {
  return {
    id: 's',
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    spec: { name: 'web', task: { container: { image: 'web:1' } }, mode: { type: 'replicated', replicas } },
    specVersion: 1,
    ...part,
  };
}

const summary = (
  of: ServiceRow,
  tasks: readonly TaskRow[],
  nodes: readonly NodeRow[] = [node()],
  nowMs = NOW,
) => summarise(of, tasks, (id) => nodes.find((each) => each.id === id), nowMs);

describe('task', () => {
  test.each([
    [task(), 'task.running', 'ok'],
    [
      task({ status: { state: 'running', atMs: 0, message: '', container: { health: 'starting' } } }),
      'task.checking',
      'go',
    ],
    [
      task({ status: { state: 'running', atMs: 0, message: '', container: { health: 'unhealthy' } } }),
      'task.unhealthy',
      'bad',
    ],
    [task({ desiredState: 'shutdown' }), 'task.stopping', 'off'],
    [task({ state: 'rejected' }), 'task.rejected', 'bad'],
    [task({ state: 'complete', desiredState: 'complete' }), 'task.complete', 'off'],
    [task({ state: 'pending' }), 'task.pending', 'wait'],
  ] as const)('%#: %s', (row, label, family) => {
    expect(taskState(row)).toMatchObject({ label, family });
  });

  test('on a node that does not answer is unknown, unless it had ended', () => {
    const down = node({ status: { state: 'down', addr: '' } });
    expect(taskState(task(), down).label).toBe('task.unknown');
    expect(taskState(task({ state: 'failed' }), down).label).toBe('task.failed');
  });
});

describe('slots', () => {
  test('hold the newest wanted attempt and the rest as history', () => {
    const slots = slotsOf([
      task({ id: 'a', createdAtMs: 1, state: 'failed', desiredState: 'shutdown' }),
      task({ id: 'b', createdAtMs: 2 }),
      task({ id: 'c', slot: 2, createdAtMs: 3 }),
    ]);
    expect(slots.map((slot) => [slot.key, slot.current?.id, slot.history.map(({ id }) => id)])).toEqual([
      ['1', 'b', ['a']],
      ['2', 'c', []],
    ]);
  });

  test('of a global service are its nodes', () => {
    const slots = slotsOf([
      task({ id: 'a', slot: 0, nodeId: 'n2' }),
      task({ id: 'b', slot: 0, nodeId: 'n1' }),
    ]);
    expect(slots.map((slot) => slot.key)).toEqual(['n1', 'n2']);
  });
});

describe('service', () => {
  test('is healthy when every slot is', () => {
    const found = summary(service(), [task(), task({ id: 't2', slot: 2 })]);
    expect(found).toMatchObject({
      healthy: 2,
      desired: 2,
      bar: ['ok', 'ok'],
      state: { label: 'service.healthy' },
    });
  });

  test('starts quietly within the grace, and is down after it', () => {
    const fresh = [
      task({ state: 'starting', createdAtMs: NOW }),
      task({ id: 't2', slot: 2, state: 'starting', createdAtMs: NOW }),
    ];
    expect(summary(service(), fresh).state.label).toBe('service.starting');
    expect(summary(service(), fresh, [node()], NOW + START_GRACE_MS).state.label).toBe('service.down');
  });

  test('is degraded at once when a slot fails over and over', () => {
    const tasks = [
      task(),
      task({ id: 'old', slot: 2, state: 'failed', desiredState: 'shutdown', createdAtMs: NOW - 5_000 }),
      task({ id: 'new', slot: 2, state: 'starting', createdAtMs: NOW }),
    ];
    const found = summary(service(), tasks);
    expect(found.state).toMatchObject({ label: 'service.degraded', params: { healthy: 1, desired: 2 } });
    expect(found.culprit?.id).toBe('old');
  });

  test('says how many tasks cannot be placed', () => {
    const pending = task({
      id: 't2',
      slot: 2,
      status: { state: 'pending', atMs: NOW, message: '', reason: { code: 'sched.constraint' } },
    });
    expect(summary(service(), [task(), pending]).state).toMatchObject({
      label: 'service.unplaced',
      family: 'warn',
      params: { count: 1 },
    });
  });

  test('shows missing slots as waiting', () => {
    expect(summary(service({}, 3), [task()]).bar).toEqual(['ok', 'wait', 'wait']);
  });

  test.each([
    ['updating', 'service.updating', 'go'],
    ['paused', 'service.paused', 'warn'],
    ['rollback_started', 'service.rollingBack', 'warn'],
    ['rollback_paused', 'service.rollbackPaused', 'bad'],
    ['rollback_completed', 'service.rolledBack', 'warn'],
    ['completed', 'service.healthy', 'ok'],
  ] as const)('in update state %s says %s', (state, label, family) => {
    const of = service({ updateStatus: { state, startedAtMs: 0, message: '' } }, 1);
    expect(summary(of, [task()]).state).toMatchObject({ label, family });
  });

  test('counts the tasks of the new version as updated', () => {
    const of = service({ specVersion: 2, updateStatus: { state: 'updating', startedAtMs: 0, message: '' } });
    const tasks = [task({ specVersion: 2 }), task({ id: 't2', slot: 2, specVersion: 1 })];
    expect(summary(of, tasks).state.params).toEqual({ done: 1, total: 2 });
  });

  test('scaled to nothing is off, and a finished job is done', () => {
    expect(summary(service({}, 0), []).state).toMatchObject({ label: 'service.zero', family: 'off' });
    const job = service();
    const of: ServiceRow = {
      ...job,
      spec: { ...job.spec, mode: { type: 'replicated-job', maxConcurrent: 1, totalCompletions: 1 } },
    };
    expect(summary(of, [task({ state: 'complete', desiredState: 'complete' })]).state.label).toBe(
      'service.jobDone',
    );
  });
});

test('a stack is as well as its worst service', () => {
  const well = summary(service({}, 1), [task()]).state;
  const bad = summary(service(), []).state;
  expect(stackState([well, bad, bad])).toMatchObject({
    family: 'bad',
    label: 'stack.bad',
    params: { count: 2 },
  });
  expect(stackState([well])).toMatchObject({ family: 'ok', label: 'stack.ok' });
  expect(stackState([])).toMatchObject({ family: 'off', label: 'stack.empty' });
});

const manager = (id: string, reachability: 'reachable' | 'unreachable') =>
  node({
    id,
    spec: { role: 'manager', availability: 'active' },
    manager: { raftId: 1, addr: '', reachability, isLeader: false },
  });

test.each([
  [3, 0, 1],
  [3, 1, 0],
  [5, 0, 2],
  [1, 0, 0],
])('of %i managers with %i away, %i more may fail', (count, away, tolerance) => {
  const nodes = Array.from({ length: count }, (_, index) =>
    manager(`m${String(index)}`, index < away ? 'unreachable' : 'reachable'),
  );
  expect(faultTolerance(nodes).tolerance).toBe(tolerance);
});

test('problems come gravest first, each once', () => {
  const down = node({ id: 'n9', status: { state: 'down', addr: '' } });
  const nodes = [manager('m1', 'reachable'), manager('m2', 'reachable'), manager('m3', 'unreachable'), down];
  const of = service();
  const services = [{ service: of, summary: summary(of, []) }];
  const problems = problemsOf({ nodes, services, quorum: false });
  expect(problems.map(({ kind }) => kind)).toEqual(['quorum', 'manager', 'service', 'node']);
  expect(verdictOf({ nodes, services, quorum: true })).toMatchObject({
    family: 'bad',
    servicesDown: 1,
    nodesDown: 1,
  });
  expect(nodeState(down).label).toBe('node.down');
});
