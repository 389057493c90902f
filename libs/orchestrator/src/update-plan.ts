import type { Service, Task, UpdateState } from '@skep/model';

import { isRollback, rolloutPolicy, type RolloutPolicy } from './rollout-policy.ts';
import { isAlive, isRunning, type Slot, type SlotFacts } from './slot.ts';
import { isTaskCurrent } from './spec-change.ts';
import { wakeAt, type NewTask, type TaskPlan } from './task-plan.ts';

interface Rollout {
  readonly service: Service;
  readonly policy: RolloutPolicy;
  readonly startedAtMs: number;
  readonly isRollback: boolean;
  readonly nowMs: number;
  readonly plan: TaskPlan;
}

/** How far the rollout is with one slot. */
interface SlotProgress {
  readonly facts: SlotFacts;
  /** `dirty`: to be replaced; `moving`: its new task is not running yet; `done`: it ran, or ended. */
  readonly phase: 'dirty' | 'moving' | 'done';
  /** When a slot replaced by this rollout was done with. */
  readonly doneAtMs?: number;
  readonly failedTask?: Task;
}

/**
 * One step of a rolling update. Everything is read from the tasks, so that a new leader goes on where the old one was.
 * At most `parallelism` slots are between their old and new task or within `delay` of having started; new tasks that
 * end by themselves before they have run for `monitor` count as failures; the failure action follows when more than
 * the tolerated share of slots failed. Finished when all slots are done and the last has been watched for `monitor`.
 */
export function planUpdate(
  service: Service,
  slots: readonly SlotFacts[],
  context: { readonly nowMs: number; readonly plan: TaskPlan },
): void {
  const { nowMs, plan } = context;
  const rollout = rolloutOf(service, nowMs, plan);
  const progress = slots.map((facts) => progressOf(facts, rollout));
  stopReplaced(progress, plan);
  const dirty = progress.filter(({ phase }) => phase === 'dirty');
  const state = service.updateStatus?.state;
  if (state === 'paused' || state === 'rollback_paused') {
    return;
  }
  const isUnderWay = state === 'updating' || state === 'rollback_started';
  if (!isUnderWay && dirty.length === 0) {
    return;
  }
  if (!isUnderWay) {
    plan.updateStatus = { state: 'updating', startedAtMs: nowMs, message: 'update in progress' };
  }
  if (actOnFailures(progress, rollout)) {
    return;
  }
  replaceNext(dirty, progress, rollout);
  if (dirty.length === 0 && isUnderWay) {
    finishWhenWatched(progress, rollout);
  }
}

function rolloutOf(service: Service, nowMs: number, plan: TaskPlan): Rollout {
  return {
    service,
    policy: rolloutPolicy(service),
    startedAtMs: service.updateStatus?.startedAtMs ?? nowMs,
    isRollback: isRollback(service),
    nowMs,
    plan,
  };
}

function progressOf(facts: SlotFacts, rollout: Rollout): SlotProgress {
  const { service } = rollout;
  const hasCurrent = facts.current.length > 0 || facts.hasSuccessor;
  if (!hasCurrent && (facts.outdated.length > 0 || isFinishedOutdated(facts, service))) {
    return { facts, phase: 'dirty' };
  }
  const ofRollout = facts.slot.tasks.filter((task) => task.specVersion === service.specVersion);
  const doneTimes = ofRollout.map((task) => doneTime(task, hasCurrent)).filter((time) => time !== undefined);
  const failedTask = ofRollout.find((task) => isFailure(task, rollout));
  const isDone =
    doneTimes.length > 0 || facts.current.some(isRunning) || (ofRollout.length === 0 && !facts.hasSuccessor);
  return {
    facts,
    phase: isDone ? 'done' : 'moving',
    ...(doneTimes.length > 0 ? { doneAtMs: Math.min(...doneTimes) } : {}),
    ...(failedTask === undefined ? {} : { failedTask }),
  };
}

function isFinishedOutdated(facts: SlotFacts, service: Service): boolean {
  const [latest] = facts.slot.tasks;
  return facts.isFinished && latest !== undefined && !isTaskCurrent(service, latest);
}

/**
 * When a task's fate was known: it ran, or it ended without. One that was told to stop before it ran (its node was drained)
 * leaves that to the task that follows it, or its place in the batch would be given away while nobody serves.
 */
function doneTime(task: Task, isFollowed: boolean): number | undefined {
  if (task.startedAtMs !== undefined) {
    return task.startedAtMs;
  }
  const isLeftToNext = isFollowed && !hasEndedByItself(task);
  return isAlive(task) || isLeftToNext ? undefined : task.endedAtMs;
}

function hasEndedByItself({ status: { state } }: Task): boolean {
  return state === 'failed' || state === 'rejected' || state === 'complete';
}

/** A new task that ended by itself before it had run for the monitor period. */
function isFailure(task: Task, { policy }: Rollout): boolean {
  if (!hasEndedByItself(task)) {
    return false;
  }
  const ranMs = task.startedAtMs === undefined ? 0 : (task.endedAtMs ?? 0) - task.startedAtMs;
  return ranMs <= policy.monitorNs / 1e6;
}

/** Start-first: the old task goes once the new one runs. Also ends what a rollback makes superfluous. */
function stopReplaced(progress: readonly SlotProgress[], plan: TaskPlan): void {
  for (const { facts } of progress) {
    if (facts.outdated.length > 0 && facts.current.some(isRunning)) {
      facts.outdated.forEach(({ id }) => plan.stop.push({ taskId: id, desiredState: 'shutdown' }));
    }
  }
}

/** Pauses or rolls back when too many failed; true when the rollout stops here. */
function actOnFailures(progress: readonly SlotProgress[], rollout: Rollout): boolean {
  const { policy, service, plan, nowMs, startedAtMs } = rollout;
  const isGoingBack = rollout.isRollback;
  const failed = progress.flatMap(({ failedTask }) => failedTask ?? []);
  const [task] = failed;
  if (
    task === undefined ||
    policy.failureAction === 'continue' ||
    failed.length * 1000 <= policy.maxFailurePerMille * progress.length
  ) {
    return false;
  }
  const cause = `due to failure or early termination of task ${task.id}`;
  const attributes = { failed: String(failed.length), total: String(progress.length) };
  if (policy.failureAction === 'rollback' && !isGoingBack && service.previousSpec !== undefined) {
    plan.isRollingBack = true;
    plan.updateStatus = {
      state: 'rollback_started',
      startedAtMs: nowMs,
      message: `update rolled back ${cause}`,
    };
    plan.events.push({
      action: 'rollout.rolled-back',
      severity: 'error',
      message: plan.updateStatus.message,
      attributes,
    });
    return true;
  }
  const state: UpdateState = isGoingBack ? 'rollback_paused' : 'paused';
  plan.updateStatus = {
    state,
    startedAtMs,
    message: `${isGoingBack ? 'rollback' : 'update'} paused ${cause}`,
  };
  plan.events.push({
    action: 'rollout.paused',
    severity: 'error',
    message: plan.updateStatus.message,
    attributes,
  });
  return true;
}

function replaceNext(
  dirty: readonly SlotProgress[],
  progress: readonly SlotProgress[],
  { policy, nowMs, plan }: Rollout,
): void {
  if (dirty.length === 0) {
    return;
  }
  const delayMs = policy.delayNs / 1e6;
  let busy = 0;
  for (const { phase, doneAtMs } of progress) {
    const isCooling = doneAtMs !== undefined && doneAtMs + delayMs > nowMs;
    if (phase === 'moving' || isCooling) {
      busy += 1;
    }
    if (isCooling) {
      wakeAt(plan, doneAtMs + delayMs);
    }
  }
  const room = policy.parallelism === 0 ? dirty.length : Math.max(0, policy.parallelism - busy);
  // Slots that do not serve anyway go first.
  const order = [...dirty].sort(
    (a, b) =>
      Number(a.facts.outdated.some(isRunning)) - Number(b.facts.outdated.some(isRunning)) ||
      compareSlots(a.facts.slot, b.facts.slot),
  );
  order.slice(0, room).forEach(({ facts }) => replaceSlot(facts, policy, plan));
}

function compareSlots(a: Slot, b: Slot): number {
  return a.slot - b.slot || (a.key < b.key ? -1 : 1);
}

function replaceSlot({ slot, outdated, stopping }: SlotFacts, policy: RolloutPolicy, plan: TaskPlan): void {
  const place: Pick<NewTask, 'slot' | 'nodeId'> =
    slot.nodeId === undefined ? { slot: slot.slot } : { slot: 0, nodeId: slot.nodeId };
  if (policy.order === 'start-first') {
    plan.create.push({ ...place, desiredState: 'running' });
    return;
  }
  outdated.forEach(({ id }) => plan.stop.push({ taskId: id, desiredState: 'shutdown' }));
  const hasToWait = stopping.length > 0 || outdated.some(({ nodeId }) => nodeId !== undefined);
  plan.create.push({ ...place, desiredState: hasToWait ? 'ready' : 'running' });
}

function finishWhenWatched(progress: readonly SlotProgress[], rollout: Rollout): void {
  const { policy, plan, nowMs, startedAtMs } = rollout;
  if (progress.some(({ phase, facts }) => phase === 'moving' || facts.outdated.length > 0)) {
    return;
  }
  const lastMs = Math.max(0, ...progress.map(({ doneAtMs }) => doneAtMs ?? 0));
  const watchedAtMs = lastMs + policy.monitorNs / 1e6;
  if (lastMs > 0 && watchedAtMs > nowMs) {
    wakeAt(plan, watchedAtMs);
    return;
  }
  const what = rollout.isRollback ? 'rollback' : 'update';
  plan.updateStatus = {
    state: rollout.isRollback ? 'rollback_completed' : 'completed',
    startedAtMs,
    completedAtMs: nowMs,
    message: `${what} completed`,
  };
  plan.events.push({ action: 'rollout.completed', severity: 'info', message: `${what} completed` });
}
