import {
  applyAssignments,
  emptyAssignmentState,
  type AssignmentState,
  type WorkerMemory,
} from '@skep/agent/worker';
import type { TaskStatus } from '@skep/model';
import type { AssignmentChange } from '@skep/wire';

interface Content {
  readonly assignments: AssignmentState;
  readonly statuses: Map<string, { readonly status: TaskStatus; readonly isAcked: boolean }>;
}

function copyOf({ assignments, statuses }: Content): Content {
  const { tasks, networks, peers, services, endpoints } = assignments;
  return {
    assignments: {
      tasks: new Map(tasks),
      networks: new Map(networks),
      peers: new Map(peers),
      services: new Map(services),
      endpoints: new Map(endpoints),
      // Never written: they come anew with the next session.
      secrets: new Map(),
      configs: new Map(),
    },
    statuses: new Map(statuses),
  };
}

/**
 * What a worker has on its disk. A crash of the process loses nothing of it; when the power goes, the last writes may
 * be gone, as with a database that syncs at checkpoints.
 */
export class SimMemory implements WorkerMemory {
  /** Mistake: what was reported of tasks is not read again. */
  readonly #forgetsStatuses: boolean;
  #content: Content = { assignments: emptyAssignmentState(), statuses: new Map() };
  #durable = copyOf(this.#content);

  constructor(mistakes: { readonly forgetsStatuses: boolean }) {
    this.#forgetsStatuses = mistakes.forgetsStatuses;
  }

  /** Everything written so far survives the loss of power. */
  checkpoint(): void {
    this.#durable = copyOf(this.#content);
  }

  powerLoss(): void {
    this.#content = copyOf(this.#durable);
  }

  load(): AssignmentState {
    return copyOf(this.#content).assignments;
  }

  loadStatuses(): Map<string, { readonly status: TaskStatus; readonly isAcked: boolean }> {
    return new Map(this.#forgetsStatuses ? [] : this.#content.statuses);
  }

  save(changes: readonly AssignmentChange[], options: { readonly isComplete: boolean }): void {
    applyAssignments(this.#content.assignments, {
      t: 'assignments',
      mode: options.isComplete ? 'complete' : 'incremental',
      resultsIn: '',
      changes: [...changes],
    });
  }

  saveStatuses(updates: readonly { readonly taskId: string; readonly status: TaskStatus }[]): void {
    for (const { taskId, status } of updates) {
      this.#content.statuses.set(taskId, { status, isAcked: false });
    }
  }

  markAcked(taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      const known = this.#content.statuses.get(taskId);
      if (known !== undefined) {
        this.#content.statuses.set(taskId, { ...known, isAcked: true });
      }
    }
  }

  forgetTask(taskId: string): void {
    this.#content.statuses.delete(taskId);
  }

  clear(): void {
    this.#content = { assignments: emptyAssignmentState(), statuses: new Map() };
  }
}
