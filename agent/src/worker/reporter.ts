import type { Timers } from '@skep/kernel';
import type { TaskStatus } from '@skep/model';
import type { AgentMessage } from '@skep/wire';

import { processTimers } from './process-timers.ts';

/** States that somebody waits for: they are sent at once. Others may wait a little to go along with them. */
const URGENT: ReadonlySet<string> = new Set([
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'ready',
]);
const HOLD_MS = 40;
const UPDATES_MAX = 2_000;

type StatusMessage = Extract<AgentMessage, { t: 'status' }>;

/** Where reports are kept until they are acknowledged. */
export interface ReportLog {
  saveStatuses(updates: readonly { readonly taskId: string; readonly status: TaskStatus }[]): void;
  markAcked(taskIds: readonly string[]): void;
}

/**
 * Tells the managers about tasks: the newest status of each, in batches, one batch on its way at a time, kept on disk
 * until the leader has acknowledged it as committed.
 */
export class Reporter {
  readonly #log: ReportLog;
  readonly #send: (message: StatusMessage) => boolean;
  readonly #waiting = new Map<string, TaskStatus>();
  #inFlight: { readonly batch: number; readonly updates: StatusMessage['updates'] } | undefined;
  #batch = 0;
  #isConnected = false;
  readonly #timers: Timers;
  #cancelHeld: (() => void) | undefined;
  #cancelUrgent: (() => void) | undefined;

  constructor(log: ReportLog, send: (message: StatusMessage) => boolean, timers: Timers = processTimers) {
    this.#log = log;
    this.#timers = timers;
    this.#send = send;
  }

  /** Reports that an earlier swarmd could not get acknowledged. */
  restore(statuses: ReadonlyMap<string, TaskStatus>): void {
    statuses.forEach((status, taskId) => this.#waiting.set(taskId, status));
  }

  report(taskId: string, status: TaskStatus): void {
    this.#waiting.set(taskId, status);
    if (URGENT.has(status.state)) {
      this.#cancelUrgent ??= this.#timers.after(0, () => {
        this.#cancelUrgent = undefined;
        this.#flush();
      });
    } else {
      this.#cancelHeld ??= this.#timers.after(HOLD_MS, () => {
        this.#cancelHeld = undefined;
        this.#flush();
      });
    }
  }

  /** Nothing more is to be said of a task whose assignment is gone. */
  forget(taskId: string): void {
    this.#waiting.delete(taskId);
  }

  connected(): void {
    this.#isConnected = true;
    this.#flush();
  }

  /** What was on its way is said again in the next session. */
  disconnected(): void {
    this.#isConnected = false;
    const lost = this.#inFlight;
    this.#inFlight = undefined;
    for (const { taskId, status } of lost?.updates ?? []) {
      if (!this.#waiting.has(taskId)) {
        this.#waiting.set(taskId, status);
      }
    }
  }

  acknowledged(batch: number): void {
    if (this.#inFlight?.batch !== batch) {
      return;
    }
    const taskIds = this.#inFlight.updates
      .map(({ taskId }) => taskId)
      .filter((taskId) => !this.#waiting.has(taskId));
    this.#inFlight = undefined;
    this.#log.markAcked(taskIds);
    this.#flush();
  }

  stop(): void {
    this.#cancelHeld?.();
    this.#cancelUrgent?.();
    this.#cancelHeld = undefined;
    this.#cancelUrgent = undefined;
    this.#persist([...this.#waiting].map(([taskId, status]) => ({ taskId, status })));
  }

  #persist(updates: readonly { readonly taskId: string; readonly status: TaskStatus }[]): void {
    if (updates.length > 0) {
      this.#log.saveStatuses(updates);
    }
  }

  #flush(): void {
    if (this.#waiting.size === 0) {
      return;
    }
    if (!this.#isConnected) {
      this.#persist([...this.#waiting].map(([taskId, status]) => ({ taskId, status })));
      return;
    }
    if (this.#inFlight !== undefined) {
      return;
    }
    const updates = [...this.#waiting].slice(0, UPDATES_MAX).map(([taskId, status]) => ({ taskId, status }));
    updates.forEach(({ taskId }) => this.#waiting.delete(taskId));
    this.#persist(updates);
    this.#batch += 1;
    this.#inFlight = { batch: this.#batch, updates };
    this.#send({ t: 'status', batch: this.#batch, updates });
  }
}
