import {
  TASK_STATE_ORDER,
  isTerminalState,
  matchesConstraint,
  parseConstraints,
  type Node,
  type Service,
  type Task,
} from '@skep/model';
import type { NodeSet } from '@skep/orchestrator';
import { isTaskCurrent } from '@skep/orchestrator';
import type { ReadTx, StoreEvent } from '@skep/store';

/** What the checks remember from one entry to the next. */
export interface CheckMemory {
  /** Tasks that were on a node when it was called down: they may run unheard of. */
  readonly lost: Set<string>;
  /** Services that have had a start-first policy: their slots may hold two running tasks for a while. */
  readonly startFirst: Set<string>;
}

/** What must hold after every applied entry. Answers the first breach as a sentence. */
export function breachOf(tx: ReadTx, events: readonly StoreEvent[], memory: CheckMemory): string | undefined {
  for (const event of events) {
    if (event.kind === 'node' && event.new?.status.state !== 'ready') {
      tx.tasksByNode(event.id).forEach(({ id }) => memory.lost.add(id));
    }
    if (event.kind === 'service' && event.new !== undefined && isStartFirst(event.new)) {
      memory.startFirst.add(event.id);
    }
    if (event.kind !== 'task' || event.old === undefined || event.new === undefined) {
      continue;
    }
    const [before, after] = [event.old, event.new];
    if (TASK_STATE_ORDER[after.status.state] < TASK_STATE_ORDER[before.status.state]) {
      return `task ${after.id} went back from ${before.status.state} to ${after.status.state}`;
    }
    if (TASK_STATE_ORDER[after.desiredState] < TASK_STATE_ORDER[before.desiredState]) {
      return `task ${after.id} is wanted ${after.desiredState} after ${before.desiredState}`;
    }
    if (before.nodeId !== undefined && before.nodeId !== after.nodeId) {
      return `task ${after.id} moved from ${before.nodeId} to ${String(after.nodeId)}`;
    }
  }
  return doubleAddress(tx) ?? doubleNetwork(tx) ?? doubleRun(tx, memory);
}

function doubleAddress(tx: ReadTx): string | undefined {
  const seen = new Map<string, string>();
  const claim = (networkId: string, address: string, owner: string): string | undefined => {
    const key = `${networkId} ${address}`;
    const other = seen.get(key);
    seen.set(key, owner);
    return other === undefined ? undefined : `${owner} and ${other} both have ${address}`;
  };
  for (const service of tx.list('service')) {
    for (const { networkId, address } of service.endpoint?.virtualIps ?? []) {
      const breach = claim(networkId, address, `service ${service.spec.name}`);
      if (breach !== undefined) {
        return breach;
      }
    }
  }
  for (const task of tx.list('task')) {
    for (const { networkId, addresses } of isTerminalState(task.status.state) ? [] : task.networks) {
      for (const address of addresses) {
        const breach = claim(networkId, address, `task ${task.id}`);
        if (breach !== undefined) {
          return breach;
        }
      }
    }
  }
  return undefined;
}

function doubleNetwork(tx: ReadTx): string | undefined {
  const seen = new Set<string>();
  for (const { vni, ipam } of tx.list('network')) {
    for (const key of [`vni ${String(vni)}`, ...(ipam ?? []).map(({ subnet }) => subnet)]) {
      if (vni !== undefined && seen.has(key)) {
        return `two networks have ${key}`;
      }
      seen.add(key);
    }
  }
  return undefined;
}

/** Stop-first: one place of a service never has two tasks at work, on nodes that can be heard. */
function doubleRun(tx: ReadTx, memory: CheckMemory): string | undefined {
  const working = new Map<string, string>();
  for (const task of tx.list('task')) {
    const service = tx.get('service', task.serviceId);
    const isAtWork = task.status.state === 'running' || task.status.state === 'starting';
    if (!isAtWork || service === undefined || isExcused(service, task, memory)) {
      continue;
    }
    const key = `${task.serviceId}/${String(task.slot)}/${task.slot === 0 ? (task.nodeId ?? '') : ''}`;
    const other = working.get(key);
    if (other !== undefined) {
      return `tasks ${task.id} and ${other} both run in ${service.spec.name}.${String(task.slot)}`;
    }
    working.set(key, task.id);
  }
  return undefined;
}

/** Slots that were taken away may be filled while the old task still stops. */
function isExcused(service: Service, task: Task, { lost, startFirst }: CheckMemory): boolean {
  const isGone = service.pendingDelete === true || task.desiredState === 'remove';
  return isGone || lost.has(task.id) || startFirst.has(service.id);
}

function isStartFirst(service: Service): boolean {
  return service.spec.update?.order === 'start-first' || service.spec.rollback?.order === 'start-first';
}

/** What must hold once everything has calmed down. Answers the first thing that is not as it should be. */
export function unsettled(tx: ReadTx): string | undefined {
  for (const service of tx.list('service')) {
    const problem = service.pendingDelete === true ? 'is not gone' : serviceProblem(tx, service);
    if (problem !== undefined) {
      return `service ${service.spec.name} ${problem}`;
    }
  }
  for (const task of tx.list('task')) {
    const isWanted = TASK_STATE_ORDER[task.desiredState] <= TASK_STATE_ORDER.running;
    const node = task.nodeId === undefined ? undefined : tx.get('node', task.nodeId);
    if (!isWanted && !isTerminalState(task.status.state) && node?.status.state !== 'down') {
      return `task ${task.id} is ${task.status.state} although wanted ${task.desiredState}`;
    }
    if (tx.get('service', task.serviceId) === undefined) {
      return `task ${task.id} has no service`;
    }
  }
  const leaving = tx
    .list('network')
    .find((network) => network.pendingDelete === true || network.ipam === undefined);
  return leaving === undefined ? undefined : `network ${leaving.spec.name} is neither gone nor there`;
}

function serviceProblem(tx: ReadTx, service: Service): string | undefined {
  const running = tx
    .tasksByService(service.id)
    .filter((task) => task.desiredState === 'running' && task.status.state === 'running');
  const wanted = tx
    .tasksByService(service.id)
    .filter((task) => TASK_STATE_ORDER[task.desiredState] <= TASK_STATE_ORDER.running);
  const { mode } = service.spec;
  const fit = tx.list('node').filter((node) => fits(service, node));
  const count = mode.type === 'replicated' ? mode.replicas : fit.filter(isOpen).length;
  if (mode.type === 'replicated' && fit.filter(isOpen).length === 0) {
    return undefined;
  }
  if (running.length !== count || wanted.length !== count) {
    return `has ${String(running.length)} running and ${String(wanted.length)} wanted tasks of ${String(count)}`;
  }
  const misplaced = running.find(({ nodeId }) => !fit.some(({ id }) => id === nodeId));
  if (misplaced !== undefined) {
    return `runs on ${String(misplaced.nodeId)}, where it may not`;
  }
  const isPaused = service.updateStatus?.state.endsWith('paused') === true;
  if (!isPaused && running.some((task) => !isTaskCurrent(service, task))) {
    return 'has outdated tasks';
  }
  const isUnderWay =
    service.updateStatus?.state === 'updating' || service.updateStatus?.state === 'rollback_started';
  return isUnderWay ? 'is still being updated' : undefined;
}

const isOpen = (node: Node): boolean => node.spec.availability === 'active';

/** May keep tasks: not down, not drained, allowed by constraints. */
function fits(service: Service, node: Node): boolean {
  const constraints = parseConstraints(service.spec.task.placement?.constraints ?? []);
  return (
    node.status.state === 'ready' &&
    node.spec.availability !== 'drain' &&
    constraints.ok &&
    constraints.value.every((constraint) =>
      matchesConstraint(constraint, {
        id: node.id,
        hostname: '',
        role: node.spec.role,
        ip: '',
        os: '',
        architecture: '',
        labels: node.spec.labels ?? {},
        engineLabels: {},
      }),
    )
  );
}

/** The scheduler's summary of the nodes as text, to compare one that was kept up with one made anew. */
export function describeNodes(nodes: NodeSet): string {
  return [...nodes.all()]
    .map(
      (info) =>
        `${info.id} ${String(info.freeNanoCpus)} ${String(info.freeMemoryBytes)} ${String(info.taskCount)}`,
    )
    .sort()
    .join('\n');
}
