import type { Timers } from '@skep/kernel';
import type { TaskStatus } from '@skep/model';

/** Most task updates in one Raft entry. */
const UPDATES_MAX = 2_000;

/** One report of a node, as it waits for its Raft entry. */
export interface PendingReport {
  readonly nodeId: string;
  /** Session the report came by; reports of an older one are dropped when they are applied. */
  readonly epoch: number;
  readonly updates: readonly { readonly taskId: string; readonly status: TaskStatus }[];
  /** Called when the entry is committed (without an error) or refused. */
  readonly done: (error?: unknown) => void;
}

/**
 * Gathers reports of all nodes into one Raft entry at a time: the first goes at once, and what arrives while it is on
 * its way goes together with the next. So an idle cluster waits for nothing and a busy one writes few, large entries.
 */
export class StatusBatcher {
  readonly #commit: (reports: readonly PendingReport[]) => Promise<void>;
  readonly #timers: Timers;
  #waiting: PendingReport[] = [];
  #isBusy = false;

  constructor(commit: (reports: readonly PendingReport[]) => Promise<void>, timers: Timers) {
    this.#commit = commit;
    this.#timers = timers;
  }

  add(report: PendingReport): void {
    this.#waiting.push(report);
    if (!this.#isBusy) {
      this.#isBusy = true;
      // What arrives in the same turn of the event loop goes along.
      this.#timers.after(0, () => void this.#run());
    }
  }

  #take(): PendingReport[] {
    let count = 0;
    let updates = 0;
    for (const report of this.#waiting) {
      updates += report.updates.length;
      if (count > 0 && updates > UPDATES_MAX) {
        break;
      }
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const reports = this.#take();
      try {
        await this.#commit(reports);
        reports.forEach(({ done }) => {
          done();
        });
      } catch (error) {
        reports.forEach(({ done }) => {
          done(error);
        });
      }
    }
    this.#isBusy = false;
  }
}
