import type { SwarmError } from '@skep/kernel';
import {
  compareTaskStates,
  isTerminalState,
  type ContainerStatus,
  type Task,
  type TaskReason,
  type TaskState,
  type TaskStatus,
} from '@skep/model';

/** The container of a task as the engine shows it. */
export type ObservedContainer =
  | { readonly kind: 'none' }
  | { readonly kind: 'created'; readonly id: string }
  | {
      readonly kind: 'running';
      readonly id: string;
      readonly pid: number;
      readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
    }
  | {
      readonly kind: 'exited';
      readonly id: string;
      readonly exitCode: number;
      readonly isOomKilled: boolean;
      /** Why it never ran, else empty. */
      readonly error: string;
    };

/** All that decides a task's next step on its node. */
export interface TaskSituation {
  readonly task: Task;
  /** False once the assignment was removed: the container goes too. */
  readonly isWanted: boolean;
  /** The last status of this node for the task. */
  readonly status: TaskStatus;
  readonly container: ObservedContainer;
  /** Whether this node has asked the container to stop. */
  readonly isStopping: boolean;
  readonly nowMs: number;
}

export type TaskStep =
  /** Only the status changes. */
  | { readonly kind: 'report'; readonly status: TaskStatus }
  /** Pull the image and create the container. */
  | { readonly kind: 'prepare' }
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** Delete the container. */
  | { readonly kind: 'remove' }
  /** Nothing of the task is left on this node. */
  | { readonly kind: 'forget' }
  /** Wait for a change of the assignment or of the container. */
  | { readonly kind: 'wait' };

const WAIT: TaskStep = { kind: 'wait' };

function containerStatusOf(container: ObservedContainer): ContainerStatus | undefined {
  switch (container.kind) {
    case 'none':
      return undefined;
    case 'created':
      return { containerId: container.id };
    case 'running':
      return {
        containerId: container.id,
        pid: container.pid,
        ...(container.health === 'none' ? {} : { health: container.health }),
      };
    case 'exited':
      return {
        containerId: container.id,
        exitCode: container.exitCode,
        ...(container.isOomKilled ? { oomKilled: true } : {}),
      };
  }
}

interface StatusParts {
  readonly state: TaskState;
  readonly message: string;
  readonly err?: string;
  readonly reason?: TaskReason;
}

function report(situation: TaskSituation, parts: StatusParts): TaskStep {
  const container = containerStatusOf(situation.container) ?? situation.status.container;
  const { hostPorts } = situation.status;
  return {
    kind: 'report',
    status: {
      ...parts,
      atMs: situation.nowMs,
      ...(container === undefined ? {} : { container }),
      ...(hostPorts === undefined ? {} : { hostPorts }),
    },
  };
}

/** Why an ended container counts as failed; undefined when it ended well. */
function exitFailure(
  container: Extract<ObservedContainer, { kind: 'exited' }>,
): { err: string; reason: TaskReason } | undefined {
  const code = String(container.exitCode);
  if (container.isOomKilled) {
    return { err: `task: non-zero exit (${code}): out of memory`, reason: { code: 'run.oom' } };
  }
  if (container.error !== '') {
    return { err: container.error, reason: startReason(container.exitCode) };
  }
  if (container.exitCode !== 0) {
    return { err: `task: non-zero exit (${code})`, reason: { code: 'run.exit', params: { code } } };
  }
  return undefined;
}

function startReason(exitCode: number): TaskReason {
  switch (exitCode) {
    case 127:
      return { code: 'start.command' };
    case 126:
      return { code: 'start.permission' };
    default:
      return { code: 'start.runtime' };
  }
}

/** The next step of a task whose container is no longer wanted running (shutdown, removal). */
function stepDown(situation: TaskSituation): TaskStep {
  const { container, isStopping, isWanted, status } = situation;
  if (container.kind === 'running') {
    return isStopping ? WAIT : { kind: 'stop' };
  }
  if (!isTerminalState(status.state) && isWanted) {
    return report(situation, { state: 'shutdown', message: 'shutdown' });
  }
  if (isWanted) {
    return WAIT;
  }
  return container.kind === 'none' ? { kind: 'forget' } : { kind: 'remove' };
}

function stepStarting(situation: TaskSituation): TaskStep {
  const { container } = situation;
  switch (container.kind) {
    case 'created':
      return { kind: 'start' };
    case 'running':
      return runningStep(situation, container.health);
    case 'exited':
      return ended(situation, container);
    case 'none':
      return lost(situation);
  }
}

function runningStep(
  situation: TaskSituation,
  health: 'none' | 'starting' | 'healthy' | 'unhealthy',
): TaskStep {
  if (health === 'unhealthy') {
    return situation.isStopping ? WAIT : { kind: 'stop' };
  }
  if (situation.status.state === 'starting' && health !== 'starting') {
    return report(situation, { state: 'running', message: 'started' });
  }
  return WAIT;
}

function ended(
  situation: TaskSituation,
  container: Extract<ObservedContainer, { kind: 'exited' }>,
): TaskStep {
  if (situation.isStopping) {
    // Stopped by this node although it was wanted running: only an unhealthy container is.
    return report(situation, {
      state: 'failed',
      message: 'unhealthy container',
      err: 'task: unhealthy container',
      reason: { code: 'run.health' },
    });
  }
  const failure = exitFailure(container);
  return failure === undefined
    ? report(situation, { state: 'complete', message: 'finished' })
    : report(situation, { state: 'failed', message: 'started', ...failure });
}

function lost(situation: TaskSituation): TaskStep {
  return report(situation, {
    state: 'failed',
    message: 'started',
    err: 'task: the container is gone',
    reason: { code: 'engine.unknown' },
  });
}

/**
 * What a node must do next for a task: one step at a time, so that each is reported and can be interrupted. The order
 * of states is Swarm's; a state never goes back.
 */
export function nextStep(situation: TaskSituation): TaskStep {
  const { task, status, container, isWanted } = situation;
  if (!isWanted || compareTaskStates(task.desiredState, 'running') > 0) {
    return stepDown(situation);
  }
  if (isTerminalState(status.state)) {
    return WAIT;
  }
  switch (status.state) {
    case 'new':
    case 'pending':
    case 'assigned':
      return report(situation, { state: 'accepted', message: 'accepted' });
    case 'accepted':
      return report(situation, { state: 'preparing', message: 'preparing' });
    case 'preparing':
      return container.kind === 'none'
        ? { kind: 'prepare' }
        : report(situation, { state: 'ready', message: 'prepared' });
    case 'ready':
      return compareTaskStates(task.desiredState, 'running') < 0
        ? WAIT
        : report(situation, { state: 'starting', message: 'starting' });
    case 'starting':
      return stepStarting(situation);
    default:
      return stepRunning(situation);
  }
}

function stepRunning(situation: TaskSituation): TaskStep {
  const { container } = situation;
  switch (container.kind) {
    case 'running':
      return runningStep(situation, container.health);
    case 'exited':
      return ended(situation, container);
    case 'created':
    case 'none':
      return lost(situation);
  }
}

/** Reason code of an error the engine gave, by what was being done. */
function reasonOf(error: SwarmError, step: 'prepare' | 'start'): TaskReason {
  const reason = error.details['reason'];
  if (typeof reason === 'string') {
    return { code: reason };
  }
  if (step === 'prepare') {
    return { code: error.code === 'unauthenticated' ? 'image.auth' : imageReason(error) };
  }
  return { code: 'start.runtime' };
}

function imageReason(error: SwarmError): string {
  switch (error.code) {
    case 'not_found':
      return 'image.notfound';
    case 'resource_exhausted':
      return 'image.ratelimit';
    case 'unavailable':
    case 'deadline_exceeded':
      return 'image.network';
    default:
      return 'start.runtime';
  }
}

/** The status after a step that failed for good: REJECTED before the container was to start, FAILED from then on. */
export function failedStatus(
  situation: TaskSituation,
  step: 'prepare' | 'start',
  error: SwarmError,
): TaskStatus {
  const state: TaskState = step === 'prepare' ? 'rejected' : 'failed';
  const container = containerStatusOf(situation.container) ?? situation.status.container;
  return {
    state,
    atMs: situation.nowMs,
    message: step === 'prepare' ? 'preparing' : 'starting',
    err: error.message,
    reason: reasonOf(error, step),
    ...(container === undefined ? {} : { container }),
  };
}
