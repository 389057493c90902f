import type { Node, Service, Task, TaskReason, UpdateStatus } from '@skep/model';

/** A task to be made. */
export interface NewTask {
  /** 1-based; 0 for global services. */
  readonly slot: number;
  /** Given for global services only: the scheduler checks it, but chooses no other. */
  readonly nodeId?: string;
  /** `ready`: prepared, and started once {@link TaskPlan.start} names it. */
  readonly desiredState: 'running' | 'ready';
  readonly startAfterMs?: number;
  readonly restarts?: NonNullable<Task['restarts']>;
  /** Why it does not start at once. */
  readonly reason?: TaskReason;
}

/** A task that shall not run any more. */
export interface StopTask {
  readonly taskId: string;
  /** `shutdown` keeps it as history, `remove` makes it vanish. */
  readonly desiredState: 'shutdown' | 'remove';
  /** Noted in the task's status beside what its node said last. */
  readonly reason?: TaskReason;
}

export interface PlannedEvent {
  readonly action: string;
  readonly severity: 'info' | 'warning' | 'error';
  readonly message: string;
  readonly taskId?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What has to change so that a service's tasks are what it wants. Data only: {@link applyTaskPlan} writes it. */
export interface TaskPlan {
  readonly create: NewTask[];
  readonly stop: StopTask[];
  /** Tasks whose wanted state goes from ready to running. */
  readonly start: string[];
  updateStatus?: UpdateStatus;
  /** Takes the previous spec back. */
  isRollingBack?: boolean;
  /** Time at which to look again although nothing happens. */
  wakeAtMs?: number;
  /** True when a limit was reached and the same call has more to do at once. */
  hasMore?: boolean;
  readonly events: PlannedEvent[];
}

export function emptyPlan(): TaskPlan {
  return { create: [], stop: [], start: [], events: [] };
}

/** Looks again at `atMs` at the latest. */
export function wakeAt(plan: TaskPlan, atMs: number): void {
  plan.wakeAtMs = Math.min(plan.wakeAtMs ?? Number.POSITIVE_INFINITY, atMs);
}

/** What a reconciliation may know. */
export interface ReconcileInput {
  readonly service: Service;
  /** All tasks of the service, in any order. */
  readonly tasks: readonly Task[];
  readonly node: (id: string) => Node | undefined;
  readonly nowMs: number;
  /** Most tasks to make in one go. */
  readonly createMax: number;
}
