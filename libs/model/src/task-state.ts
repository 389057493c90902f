import { z } from 'zod';

/**
 * Life of a task, in order (Swarm's task model). A task's state never goes back; a restart is a new task. The numbers
 * leave room so that new states fit between.
 */
export const TASK_STATE_ORDER = {
  new: 0,
  pending: 64,
  assigned: 192,
  accepted: 256,
  preparing: 320,
  ready: 384,
  starting: 448,
  running: 512,
  complete: 576,
  shutdown: 640,
  failed: 704,
  rejected: 768,
  remove: 800,
  orphaned: 832,
} as const;

export type TaskState = keyof typeof TASK_STATE_ORDER;

export const TaskState = z.enum(Object.keys(TASK_STATE_ORDER) as [TaskState, ...TaskState[]]);

/** Negative when `a` comes before `b` in a task's life, positive when after, 0 when equal. */
export function compareTaskStates(a: TaskState, b: TaskState): number {
  return TASK_STATE_ORDER[a] - TASK_STATE_ORDER[b];
}

/** Whether a task may go from `from` to `to`: only forward. */
export function canAdvance(from: TaskState, to: TaskState): boolean {
  return compareTaskStates(from, to) < 0;
}

/** Whether the task's container has ended or never will run: complete, shutdown, failed, rejected, remove, orphaned. */
export function isTerminalState(state: TaskState): boolean {
  return compareTaskStates(state, 'running') > 0;
}
