import { TASK_STATE_ORDER, type Node, type Task } from '@skep/model';

import { byNewest, isAlive, isWanted } from './slot.ts';

/** After this long on a node that is down, tasks are given up (Swarm's 24 h). */
export const ORPHAN_AFTER_MS = 24 * 3600 * 1000;

export interface ReapPlan {
  /** Tasks to forget. */
  readonly remove: string[];
  /** Tasks whose node is gone for good, or has been down for a day. */
  readonly orphan: string[];
}

export interface ReapInput {
  /** Tasks of one service. */
  readonly tasks: readonly Task[];
  readonly node: (id: string) => Node | undefined;
  /** Tasks kept per slot, the one that runs included; the cluster's `taskHistoryRetentionLimit`. */
  readonly historyLimit: number;
  readonly nowMs: number;
  /** The run of a job: its completed tasks are its result and stay. */
  readonly jobIteration?: number;
}

/**
 * Which tasks can be forgotten: those marked for removal that have ended (or never reached a node), and the oldest
 * ended ones of a slot beyond the history limit.
 */
export function planReap(input: ReapInput): ReapPlan {
  const plan: ReapPlan = { remove: [], orphan: [] };
  const history = new Map<string, Task[]>();
  for (const task of input.tasks) {
    if (isOrphan(task, input)) {
      plan.orphan.push(task.id);
    }
    if (isRemovable(task, input.node)) {
      plan.remove.push(task.id);
    } else if (input.jobIteration === undefined || (task.jobIteration ?? 0) !== input.jobIteration) {
      const key = task.slot === 0 ? (task.nodeId ?? '') : String(task.slot);
      const members = history.get(key);
      if (members === undefined) {
        history.set(key, [task]);
      } else {
        members.push(task);
      }
    }
  }
  for (const tasks of history.values()) {
    if (tasks.length > Math.max(1, input.historyLimit) || input.historyLimit === 0) {
      reapSlot(tasks, input.historyLimit, plan);
    }
  }
  return plan;
}

/** A task that was told to vanish and whose container cannot be there (any more). */
function isRemovable(task: Task, node: ReapInput['node']): boolean {
  if (task.desiredState !== 'remove') {
    return false;
  }
  const hasReachedNode = TASK_STATE_ORDER[task.status.state] >= TASK_STATE_ORDER.assigned;
  return !isAlive(task) || !hasReachedNode || (task.nodeId !== undefined && node(task.nodeId) === undefined);
}

function isOrphan(task: Task, { node, nowMs }: ReapInput): boolean {
  if (task.nodeId === undefined || !isAlive(task)) {
    return false;
  }
  const host = node(task.nodeId);
  if (host === undefined) {
    return true;
  }
  const downSinceMs = host.status.state === 'down' ? host.status.sinceMs : undefined;
  return downSinceMs !== undefined && nowMs - downSinceMs >= ORPHAN_AFTER_MS;
}

function reapSlot(tasks: readonly Task[], historyLimit: number, plan: ReapPlan): void {
  const ordered = [...tasks].sort(byNewest);
  const kept = ordered.filter((task) => isWanted(task) || isAlive(task)).length;
  let room = Math.max(0, historyLimit - kept);
  for (const task of ordered) {
    if (isWanted(task) || isAlive(task)) {
      continue;
    }
    if (room > 0) {
      room -= 1;
    } else {
      plan.remove.push(task.id);
    }
  }
}
