import type { Task } from '@skep/model';
import {
  allocateNetwork,
  allocateService,
  allocateTask,
  applyTaskPlan,
  groupTasks,
  reapService,
  reconcileService,
  scheduleTasks,
  type AddressPicker,
} from '@skep/orchestrator';
import type { ReadTx, WriteTx } from '@skep/store';

import type { WakeTimes } from './wake-times.ts';
import type { WorkList } from './work-list.ts';

/** Most new tasks in one turn, so that a turn of a huge service neither blocks nor floods the log. */
export const TURN_CREATE_MAX = 2000;

/** Most tasks placed in one turn. */
const TURN_PLACE_MAX = 4000;

export interface TurnContext {
  readonly work: WorkList;
  readonly wakeTimes: WakeTimes;
  readonly picker: AddressPicker;
  readonly newId: () => string;
  /** Told of what could not be allocated. */
  readonly onProblem: (problem: {
    readonly kind: string;
    readonly id: string;
    readonly message: string;
  }) => void;
}

export interface TurnResult {
  /** Services that want another turn at once. */
  readonly unfinished: readonly string[];
  /** Tasks for which there is no address or node at the moment. */
  readonly unplacedCount: number;
}

/**
 * One turn of all loops over one transaction: allocate networks; reconcile services (orchestrators, restart and update
 * policies, constraint enforcer, reaper); allocate and schedule tasks. A task that is made here leaves in the same
 * entry with its addresses and its node. Calls only pure functions; what it decides is in the transaction.
 */
export function runTurn(tx: WriteTx, context: TurnContext): TurnResult {
  const { work } = context;
  allocateNetworks(tx, context);
  const unfinished: string[] = [];
  const created: Task[] = [];
  for (const serviceId of work.services) {
    if (created.length >= TURN_CREATE_MAX) {
      unfinished.push(serviceId);
      continue;
    }
    if (turnService(tx, serviceId, { ...context, created })) {
      unfinished.push(serviceId);
    }
  }
  const unplacedCount = placeTasks(tx, tasksToPlace(tx, created, work), context);
  releaseNetworks(tx);
  return { unfinished, unplacedCount };
}

function allocateNetworks(tx: WriteTx, { work, onProblem }: TurnContext): void {
  if (!work.hasNewNetworks) {
    return;
  }
  const networks = tx.list('network').sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  for (const network of networks) {
    const error = allocateNetwork(tx, network);
    if (error !== undefined) {
      onProblem({ kind: 'network', id: network.id, message: error.message });
    }
  }
}

/** Networks that wait for their last address to be given back. */
function releaseNetworks(tx: WriteTx): void {
  for (const network of tx.list('network')) {
    if (network.pendingDelete === true && tx.countAddresses(network.id) === 0) {
      tx.remove('network', network.id);
    }
  }
}

/** Reconciles one service; true when it wants another turn at once. */
function turnService(
  tx: WriteTx,
  serviceId: string,
  context: TurnContext & { readonly created: Task[] },
): boolean {
  const stored = tx.get('service', serviceId);
  if (stored === undefined) {
    context.wakeTimes.set(serviceId, undefined);
    dropTasks(tx, serviceId);
    return false;
  }
  const { service, error } = allocateService(tx, stored, context.picker);
  if (error !== undefined) {
    context.onProblem({ kind: 'service', id: serviceId, message: error.message });
  }
  const plan = reconcileService({
    service,
    tasks: tx.tasksByService(serviceId),
    node: (id) => tx.get('node', id),
    nodes: () => tx.list('node'),
    nowMs: tx.nowMs,
    createMax: TURN_CREATE_MAX - context.created.length,
  });
  context.created.push(...applyTaskPlan(tx, service, plan, context.newId));
  context.wakeTimes.set(serviceId, plan.wakeAtMs);
  reapService(tx, serviceId, tx.get('service', serviceId));
  return plan.hasMore === true;
}

/** Tasks that outlived their service. */
function dropTasks(tx: WriteTx, serviceId: string): void {
  for (const task of tx.tasksByService(serviceId)) {
    if (task.desiredState !== 'remove') {
      tx.patch('task', task.id, { desiredState: 'remove' });
    }
  }
  reapService(tx, serviceId, undefined);
}

/** New tasks, and those that waited if something happened that may help them; oldest first. */
function tasksToPlace(tx: ReadTx, created: readonly Task[], work: WorkList): Task[] {
  const waited: Task[] = [];
  if (work.isRetryDue) {
    for (const id of work.waiting) {
      const task = tx.get('task', id);
      if (task !== undefined) {
        waited.push(task);
      }
    }
    waited.sort((a, b) => a.createdAtMs - b.createdAtMs || a.slot - b.slot || (a.id < b.id ? -1 : 1));
  }
  return [...waited, ...created];
}

/** Answers how many tasks were left without address or node. */
function placeTasks(tx: WriteTx, tasks: readonly Task[], { work, picker }: TurnContext): number {
  const ready: Task[] = [];
  let left = Math.max(0, tasks.length - TURN_PLACE_MAX);
  for (const { id } of tasks.slice(0, TURN_PLACE_MAX)) {
    const task = tx.get('task', id);
    const service = task === undefined ? undefined : tx.get('service', task.serviceId);
    if (task === undefined || service === undefined || !isPlaceable(task)) {
      continue;
    }
    if (task.status.state === 'pending' || allocateTask(tx, service, task, picker)) {
      ready.push(tx.get('task', id) ?? task);
    } else {
      left += 1;
    }
  }
  for (const group of groupTasks(tx, ready)) {
    left += scheduleTasks(tx, work.nodes, group);
  }
  return left;
}

function isPlaceable(task: Task): boolean {
  const isWanted = task.desiredState === 'running' || task.desiredState === 'ready';
  return isWanted && (task.status.state === 'new' || task.status.state === 'pending');
}
