import { stackOf } from './rows.ts';
import type { NodeRow, ServiceRow, TaskRow } from './rows.ts';

/** The six colour families of states; inside a family the glyph tells the states apart (console.md 18.3). */
export type Family = 'ok' | 'go' | 'wait' | 'warn' | 'bad' | 'off';

export type Glyph =
  | 'running'
  | 'starting'
  | 'preparing'
  | 'pending'
  | 'assigned'
  | 'updating'
  | 'paused'
  | 'rolled-back'
  | 'failed'
  | 'rejected'
  | 'unknown'
  | 'stopped'
  | 'complete'
  | 'attention';

/** A state as people see it. `label` is a key under `states` in the messages; `params` fill it. */
export interface ViewState {
  readonly family: Family;
  readonly glyph: Glyph;
  readonly label: string;
  readonly params?: Readonly<Record<string, string | number>>;
}

function view(family: Family, glyph: Glyph, label: string, params?: ViewState['params']): ViewState {
  return params === undefined ? { family, glyph, label } : { family, glyph, label, params };
}

const HEALTH_STATES: Readonly<Record<string, ViewState>> = {
  starting: view('go', 'starting', 'task.checking'),
  unhealthy: view('bad', 'failed', 'task.unhealthy'),
};

const TASK_STATES: Readonly<Record<TaskRow['status']['state'], ViewState>> = {
  new: view('wait', 'pending', 'task.new'),
  pending: view('wait', 'pending', 'task.pending'),
  assigned: view('wait', 'assigned', 'task.assigned'),
  accepted: view('wait', 'assigned', 'task.accepted'),
  preparing: view('go', 'preparing', 'task.preparing'),
  ready: view('go', 'starting', 'task.ready'),
  starting: view('go', 'starting', 'task.starting'),
  running: view('ok', 'running', 'task.running'),
  complete: view('off', 'complete', 'task.complete'),
  shutdown: view('off', 'stopped', 'task.shutdown'),
  failed: view('bad', 'failed', 'task.failed'),
  rejected: view('bad', 'rejected', 'task.rejected'),
  remove: view('off', 'stopped', 'task.remove'),
  orphaned: view('bad', 'unknown', 'task.orphaned'),
};

const ENDED = new Set<TaskRow['status']['state']>([
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'remove',
  'orphaned',
]);

export function isEnded(task: TaskRow): boolean {
  return ENDED.has(task.status.state);
}

/** Whether the control plane still wants this task to run (or to complete, for a job). */
export function isWanted(task: TaskRow): boolean {
  return !ENDED.has(task.desiredState) || task.desiredState === 'complete';
}

export function taskState(task: TaskRow, node?: NodeRow): ViewState {
  const { state, container } = task.status;
  const isLost = node?.status.state === 'down' || node?.status.state === 'unknown';
  if (isLost && !isEnded(task) && task.nodeId !== undefined) {
    return view('bad', 'unknown', 'task.unknown');
  }
  if (state === 'running') {
    if (!isWanted(task)) {
      return view('off', 'running', 'task.stopping');
    }
    return HEALTH_STATES[container?.health ?? 'none'] ?? TASK_STATES.running;
  }
  return TASK_STATES[state];
}

/** One place a task may stand: a slot number, or a node for global services. The newest wanted attempt comes first. */
export interface Slot {
  readonly key: string;
  readonly slot: number;
  readonly nodeId: string | undefined;
  readonly current: TaskRow | undefined;
  readonly history: readonly TaskRow[];
}

function newestFirst(a: TaskRow, b: TaskRow): number {
  return b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1);
}

/** Groups the tasks of one service by slot; slots in order, global ones by node id. */
export function slotsOf(tasks: readonly TaskRow[]): readonly Slot[] {
  const groups = new Map<string, TaskRow[]>();
  for (const task of tasks) {
    const key = task.slot > 0 ? String(task.slot) : (task.nodeId ?? task.id);
    const group = groups.get(key) ?? [];
    group.push(task);
    groups.set(key, group);
  }
  const slots = [...groups].map(([key, group]): Slot => {
    const sorted = group.toSorted(newestFirst);
    const current = sorted.find((task) => isWanted(task)) ?? sorted.find((task) => !isEnded(task));
    const first = sorted[0];
    return {
      key,
      slot: first?.slot ?? 0,
      nodeId: first?.nodeId,
      current,
      history: sorted.filter((task) => task !== current),
    };
  });
  return slots.toSorted((a, b) => a.slot - b.slot || (a.key < b.key ? -1 : 1));
}

export interface ServiceSummary {
  readonly state: ViewState;
  readonly desired: number;
  readonly healthy: number;
  readonly slots: readonly Slot[];
  /** Families of the slots in order, missing ones as `wait`: the slot bar. */
  readonly bar: readonly Family[];
  /** The task whose reason speaks for the service, when it is not well. */
  readonly culprit: TaskRow | undefined;
  readonly unplaced: number;
  readonly isJob: boolean;
  readonly stack: string | undefined;
}

/** Tasks may take this long to come up before a service counts as degraded. */
export const START_GRACE_MS = 15_000;

export function desiredCount(service: ServiceRow, slots: readonly Slot[]): number {
  const { mode } = service.spec;
  switch (mode.type) {
    case 'replicated':
      return mode.replicas;
    case 'replicated-job':
      return mode.totalCompletions;
    case 'global':
    case 'global-job':
      return slots.filter((slot) => slot.current !== undefined).length;
  }
}

function isHealthy(task: TaskRow | undefined, isJob: boolean, node: NodeRow | undefined): boolean {
  if (task === undefined) {
    return false;
  }
  if (isJob) {
    return task.status.state === 'complete';
  }
  return isWanted(task) && taskState(task, node).family === 'ok';
}

/** The latest attempt of a slot that ended badly and has no healthy successor. */
function failureOf(slot: Slot): TaskRow | undefined {
  const { current } = slot;
  if (current !== undefined && (current.status.state === 'failed' || current.status.state === 'rejected')) {
    return current;
  }
  if (current?.status.state === 'running' && current.status.container?.health !== 'unhealthy') {
    return undefined;
  }
  if (current?.status.container?.health === 'unhealthy') {
    return current;
  }
  const last = slot.history[0];
  return last?.status.state === 'failed' || last?.status.state === 'rejected' ? last : undefined;
}

function isUnplaced(task: TaskRow | undefined): boolean {
  return task?.status.state === 'pending' && (task.status.reason?.code.startsWith('sched.') ?? false);
}

interface Facts {
  readonly desired: number;
  readonly healthy: number;
  readonly failures: readonly TaskRow[];
  readonly unplaced: number;
  readonly isJob: boolean;
  readonly isInGrace: boolean;
}

function updateState(service: ServiceRow, facts: Facts, updated: number): ViewState | undefined {
  const counts = { done: updated, total: facts.desired };
  switch (service.updateStatus?.state) {
    case 'updating':
      return view('go', 'updating', 'service.updating', counts);
    case 'rollback_started':
      return view('warn', 'rolled-back', 'service.rollingBack', counts);
    case 'paused':
      return view('warn', 'paused', 'service.paused');
    case 'rollback_paused':
      return view('bad', 'paused', 'service.rollbackPaused');
    case 'rollback_completed':
    case 'completed':
    case undefined:
      return undefined;
  }
}

function healthState(service: ServiceRow, facts: Facts): ViewState {
  const counts = { healthy: facts.healthy, desired: facts.desired };
  const isShort = facts.healthy < facts.desired;
  const isLate = facts.failures.length > 0 || !facts.isInGrace;
  if (facts.isJob) {
    return isShort
      ? view('go', 'updating', 'service.jobRunning', counts)
      : view('ok', 'complete', 'service.jobDone');
  }
  if (facts.desired > 0 && facts.healthy === 0 && isLate) {
    return view('bad', 'failed', facts.unplaced === facts.desired ? 'service.unplaced' : 'service.down', {
      ...counts,
      count: facts.unplaced,
    });
  }
  if (facts.unplaced > 0) {
    return view('warn', 'attention', 'service.unplaced', { count: facts.unplaced });
  }
  if (isShort && isLate) {
    return view('warn', 'attention', 'service.degraded', counts);
  }
  if (isShort) {
    return view('go', 'starting', 'service.starting', counts);
  }
  if (service.updateStatus?.state === 'rollback_completed') {
    return view('warn', 'rolled-back', 'service.rolledBack');
  }
  return facts.desired === 0
    ? view('off', 'stopped', 'service.zero')
    : view('ok', 'running', 'service.healthy');
}

export type NodeLookup = (id: string) => NodeRow | undefined;

/** Everything the console says of a service, from the service and its tasks (console.md appendix F). */
export function summarise(
  service: ServiceRow,
  tasks: readonly TaskRow[],
  nodeOf: NodeLookup,
  nowMs: number,
): ServiceSummary {
  const all = slotsOf(tasks);
  const slots = all.filter((slot) => slot.current !== undefined);
  const isJob = service.spec.mode.type.endsWith('-job');
  const desired = desiredCount(service, all);
  const nodeOfTask = (task: TaskRow | undefined) =>
    task?.nodeId === undefined ? undefined : nodeOf(task.nodeId);
  const shown = isJob ? all : slots;
  const healthy = shown.filter((slot) =>
    isHealthy(slot.current ?? slot.history[0], isJob, nodeOfTask(slot.current)),
  ).length;
  const failures = slots.flatMap((slot) => failureOf(slot) ?? []);
  const waiting = slots.filter((slot) => !isHealthy(slot.current, isJob, nodeOfTask(slot.current)));
  const youngest = Math.max(service.updatedAtMs, ...waiting.map((slot) => slot.current?.createdAtMs ?? 0));
  const unplacedTasks = slots.flatMap((slot) =>
    slot.current !== undefined && isUnplaced(slot.current) ? slot.current : [],
  );
  const updated = slots.filter(
    (slot) => slot.current?.specVersion === service.specVersion && taskState(slot.current).family === 'ok',
  ).length;
  const facts: Facts = {
    desired,
    healthy,
    failures,
    unplaced: unplacedTasks.length,
    isJob,
    isInGrace: nowMs - youngest < START_GRACE_MS,
  };
  const state =
    service.pendingDelete === true
      ? view('off', 'stopped', 'service.removing')
      : (updateState(service, facts, updated) ?? healthState(service, facts));
  const bar = shown.map((slot): Family => {
    const task = slot.current ?? slot.history[0];
    return task === undefined ? 'wait' : taskState(task, nodeOfTask(task)).family;
  });
  while (bar.length < Math.min(desired, 1000)) {
    bar.push('wait');
  }
  return {
    state,
    desired,
    healthy,
    slots: shown,
    bar,
    culprit: state.family === 'ok' || state.family === 'off' ? undefined : (failures[0] ?? unplacedTasks[0]),
    unplaced: unplacedTasks.length,
    isJob,
    stack: stackOf(service.spec.labels),
  };
}

export function nodeState(node: NodeRow): ViewState {
  switch (node.status.state) {
    case 'down':
    case 'disconnected':
      return view('bad', 'failed', 'node.down');
    case 'unknown':
      return view('bad', 'unknown', 'node.unknown');
    case 'ready':
      break;
  }
  if (node.manager?.reachability === 'unreachable') {
    return view('warn', 'attention', 'node.managerUnreachable');
  }
  switch (node.spec.availability) {
    case 'drain':
      return view('warn', 'paused', 'node.drain');
    case 'pause':
      return view('warn', 'paused', 'node.pause');
    case 'active':
      return view('ok', 'running', 'node.ready');
  }
}

const GRAVITY: readonly Family[] = ['off', 'ok', 'wait', 'go', 'warn', 'bad'];

/** Negative when `a` is graver than `b`: sorts the worst first. */
export function compareGravity(a: Family, b: Family): number {
  return GRAVITY.indexOf(b) - GRAVITY.indexOf(a);
}

const STACK_STATES: Readonly<Record<Family, { readonly glyph: Glyph; readonly label: string }>> = {
  bad: { glyph: 'failed', label: 'stack.bad' },
  warn: { glyph: 'attention', label: 'stack.warn' },
  go: { glyph: 'updating', label: 'stack.go' },
  wait: { glyph: 'pending', label: 'stack.go' },
  ok: { glyph: 'running', label: 'stack.ok' },
  off: { glyph: 'stopped', label: 'stack.off' },
};

/** A stack is as well as its worst service, and says how many are so. */
export function stackState(services: readonly ViewState[]): ViewState {
  const worst = services.toSorted((a, b) => compareGravity(a.family, b.family))[0];
  if (worst === undefined) {
    return view('off', 'stopped', 'stack.empty');
  }
  const { glyph, label } = STACK_STATES[worst.family];
  const count = services.filter(({ family }) => family === worst.family).length;
  return view(worst.family, glyph, label, { count });
}
