import { formatDurationMs } from '@skep/kernel';
import { effectiveRestartPolicy, type Service, type Task, type TaskReason } from '@skep/model';

type Policy = ReturnType<typeof effectiveRestartPolicy>;

/** Restarts in a row from which on a task is said to be in a crash loop. */
const CRASH_LOOP_COUNT = 3;

export type RestartDecision =
  | {
      readonly action: 'restart';
      readonly delayMs: number;
      readonly restarts: NonNullable<Task['restarts']>;
      readonly reason?: TaskReason;
    }
  /** The place stays empty: the policy does not restart such an end. */
  | { readonly action: 'leave' }
  /** The place stays empty: the attempts are used up. */
  | { readonly action: 'give-up'; readonly attempts: number };

/**
 * Whether a task that ended by itself is replaced (a restart is a new task in the same slot). Counted attempts are
 * those since the window began; a window of 0 never ends. Swarm slides its window, here it begins with the first
 * restart in it, so that one number on the task is enough and a new leader knows it.
 */
export function decideRestart(service: Service, task: Task, nowMs: number): RestartDecision {
  const policy = effectiveRestartPolicy(service.spec.task.restart);
  if (!isRestartable(service, policy, task)) {
    return { action: 'leave' };
  }
  const former = restartsInWindow(policy, task, nowMs);
  if (policy.maxAttempts > 0 && former.count >= policy.maxAttempts) {
    return { action: 'give-up', attempts: policy.maxAttempts };
  }
  const restarts = { count: former.count + 1, sinceMs: former.sinceMs };
  const delayMs = policy.delayNs / 1e6;
  if (restarts.count < CRASH_LOOP_COUNT) {
    return { action: 'restart', delayMs, restarts };
  }
  const params = {
    n: String(restarts.count),
    t: formatDurationMs(nowMs - restarts.sinceMs),
    d: formatDurationMs(delayMs),
  };
  return { action: 'restart', delayMs, restarts, reason: { code: 'run.crashloop', params } };
}

function isRestartable(service: Service, policy: Policy, task: Task): boolean {
  const isJob = service.spec.mode.type === 'replicated-job' || service.spec.mode.type === 'global-job';
  const isDone = task.status.state === 'complete';
  switch (policy.condition) {
    case 'none':
      return false;
    case 'on-failure':
      return !isDone;
    case 'any':
      return !(isJob && isDone);
  }
}

function restartsInWindow(policy: Policy, task: Task, nowMs: number): NonNullable<Task['restarts']> {
  const { restarts } = task;
  const isOver =
    policy.windowNs > 0 && restarts !== undefined && nowMs - restarts.sinceMs > policy.windowNs / 1e6;
  return restarts === undefined || isOver ? { count: 0, sinceMs: nowMs } : restarts;
}

/** Whether a task that its node can no longer run (down, drained, constraint) is made anew elsewhere. */
export function isReplaceable(service: Service): boolean {
  return effectiveRestartPolicy(service.spec.task.restart).condition !== 'none';
}
