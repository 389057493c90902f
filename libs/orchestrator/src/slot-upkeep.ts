import type { Task } from '@skep/model';

import { constraintsOf, unfitFor, unfitReason, type Unfit } from './node-fitness.ts';
import { decideRestart, isReplaceable } from './restart-policy.ts';
import { rolloutPolicy } from './rollout-policy.ts';
import { isTaskCurrent } from './spec-change.ts';
import { isAlive, isWanted, slotFacts, stoppingTasks, type Slot, type SlotFacts } from './slot.ts';
import { wakeAt, type NewTask, type ReconcileInput, type TaskPlan } from './task-plan.ts';

export interface Upkeep {
  readonly facts: SlotFacts;
  /** A task made for this slot by this plan. */
  readonly made: NewTask | undefined;
  /** The slot has, or will get, a task; or it is finished for good. */
  readonly isOccupied: boolean;
}

/**
 * Looks after the tasks of one slot: ends those that are over or cannot stay where they are, and makes the next one as
 * the restart policy says.
 */
export function keepUpSlot(slot: Slot, input: ReconcileInput, plan: TaskPlan): Upkeep {
  const { service } = input;
  const wanted: Task[] = [];
  const successors: { readonly task: NewTask; readonly isOfCurrent: boolean }[] = [];
  for (const task of slot.tasks.filter(isWanted)) {
    const unfit = isAlive(task) ? unfitOf(task, input) : undefined;
    if (isAlive(task) ? unfit === undefined : isBeforeItsTime(task, input, plan)) {
      wanted.push(task);
      continue;
    }
    const successor =
      unfit === undefined
        ? replaceEnded(slot, task, input, plan)
        : replaceUnfit(slot, task, { input, plan, unfit });
    if (successor !== undefined) {
      successors.push({ task: successor, isOfCurrent: isTaskCurrent(service, task) });
    }
  }
  // Beside an old task that still serves, only the end of a new one calls for another new one, and only start-first.
  const mayJoin = rolloutPolicy(service).order === 'start-first';
  const isReplaced = wanted.some((task) => isTaskCurrent(service, task));
  const successor = isReplaced
    ? undefined
    : successors.find(({ isOfCurrent }) => wanted.length === 0 || (isOfCurrent && mayJoin))?.task;
  const made = successor === undefined ? undefined : afterStopping(slot, successor, input);
  if (made !== undefined) {
    plan.create.push(made);
  }
  const isFinished = wanted.length === 0 && made === undefined && isSlotFinished(slot, input);
  const facts = slotFacts(slot, {
    service,
    wanted,
    isFinished,
    hasSuccessor: made !== undefined,
    node: input.node,
  });
  return { facts, made, isOccupied: wanted.length > 0 || made !== undefined || isFinished };
}

/**
 * A task that waited for its restart delay and ended before it was over, while being prepared (an image that is not
 * there): its successor has to wait for that time, or the delay would have no effect.
 */
function isBeforeItsTime({ startAfterMs }: Task, { nowMs }: ReconcileInput, plan: TaskPlan): boolean {
  if (startAfterMs === undefined || startAfterMs <= nowMs) {
    return false;
  }
  wakeAt(plan, startAfterMs);
  return true;
}

/** Where an older task of the slot still stops, the new one has to wait for it. */
function afterStopping(slot: Slot, made: NewTask, { node }: ReconcileInput): NewTask {
  return made.desiredState === 'running' && stoppingTasks(slot, node).length > 0
    ? { ...made, desiredState: 'ready' }
    : made;
}

function unfitOf(task: Task, input: ReconcileInput): Unfit | undefined {
  if (task.nodeId === undefined) {
    return undefined;
  }
  return unfitFor(input.node(task.nodeId), constraintsOf(input.service.spec.task.placement));
}

function placeOf(slot: Slot): Pick<NewTask, 'slot' | 'nodeId'> {
  return slot.nodeId === undefined ? { slot: slot.slot } : { slot: 0, nodeId: slot.nodeId };
}

function replaceEnded(slot: Slot, task: Task, input: ReconcileInput, plan: TaskPlan): NewTask | undefined {
  const { service, nowMs } = input;
  const decision = decideRestart(service, task, nowMs);
  noteEnd(task, plan);
  if (decision.action === 'give-up') {
    const reason = { code: 'run.maxattempts', params: { n: String(decision.attempts) } };
    plan.stop.push({ taskId: task.id, desiredState: 'shutdown', reason });
    plan.events.push({
      action: 'task.gave-up',
      severity: 'error',
      taskId: task.id,
      message: `${service.spec.name}: gave up after ${String(decision.attempts)} attempts`,
    });
    return undefined;
  }
  plan.stop.push({ taskId: task.id, desiredState: 'shutdown' });
  if (decision.action === 'leave') {
    return undefined;
  }
  return {
    ...placeOf(slot),
    restarts: decision.restarts,
    ...(decision.reason === undefined ? {} : { reason: decision.reason }),
    ...(decision.delayMs > 0
      ? { desiredState: 'ready', startAfterMs: nowMs + decision.delayMs }
      : { desiredState: 'running' }),
  };
}

/** What people call the place of a task; those of a global service have no number. */
function placeName({ serviceName, slot }: Task): string {
  return slot === 0 ? serviceName : `${serviceName}.${String(slot)}`;
}

function noteEnd(task: Task, plan: TaskPlan): void {
  if (task.status.state === 'failed' || task.status.state === 'rejected') {
    plan.events.push({
      action: `task.${task.status.state}`,
      severity: 'warning',
      taskId: task.id,
      message: `${placeName(task)}: ${task.status.err ?? task.status.message}`,
      attributes: {
        service: task.serviceName,
        slot: String(task.slot),
        ...(task.nodeId === undefined ? {} : { node: task.nodeId }),
        ...(task.status.reason === undefined ? {} : { reason: task.status.reason.code }),
      },
    });
  }
}

/** The task is not at fault: its successor starts without delay, and counts as no restart. */
function replaceUnfit(
  slot: Slot,
  task: Task,
  context: { readonly input: ReconcileInput; readonly plan: TaskPlan; readonly unfit: Unfit },
): NewTask | undefined {
  const { input, plan, unfit } = context;
  const node = task.nodeId === undefined ? undefined : input.node(task.nodeId);
  const reason = unfitReason(unfit, node, input.service);
  plan.stop.push({ taskId: task.id, desiredState: 'shutdown', reason });
  // A global service leaves a node that it may not be on; it is not moved.
  if (slot.nodeId !== undefined || !isReplaceable(input.service)) {
    return undefined;
  }
  const canReportEnd = unfit === 'drain' || unfit === 'constraint';
  return {
    slot: slot.slot,
    desiredState: canReportEnd ? 'ready' : 'running',
    ...(task.restarts === undefined ? {} : { restarts: task.restarts }),
  };
}

/** A slot whose newest task ended and whose place the restart policy does not fill again. */
function isSlotFinished(slot: Slot, { service, nowMs }: ReconcileInput): boolean {
  const [latest] = slot.tasks;
  if (latest === undefined || latest.desiredState === 'remove') {
    return false;
  }
  if (isAlive(latest)) {
    return !isReplaceable(service);
  }
  return decideRestart(service, latest, nowMs).action !== 'restart';
}

/** How long a successor waits at most for its predecessor to stop, beyond the stop grace period. */
export const STOP_WAIT_EXTRA_MS = 60_000;
