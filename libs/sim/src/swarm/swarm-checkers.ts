import type { AppliedEntry, ReadTx } from '@skep/store';

import { checkGivenOnce } from '../checkers/anytime-nothing-given-twice.ts';
import { AnytimeSlotRunsOne } from '../checkers/anytime-slot-runs-one.ts';
import { checkTaskMoves } from '../checkers/anytime-task-only-moves-on.ts';
import { AnytimeTaskRunsOnce } from '../checkers/anytime-task-runs-once.ts';
import { AnytimeUpdatePolicyHolds } from '../checkers/anytime-update-policy-holds.ts';

/** All checkers of what the cluster does, fed with each log entry once: by the first manager that applies it. */
export class SwarmCheckers {
  readonly #slots = new AnytimeSlotRunsOne();
  readonly #policy = new AnytimeUpdatePolicyHolds();
  readonly #tasks = new AnytimeTaskRunsOnce();
  #checkedIndex = 0;

  /** Tasks that have run so far. */
  get taskCount(): number {
    return this.#tasks.count;
  }

  onApplied(tx: ReadTx, { logIndex, events }: AppliedEntry): void {
    if (logIndex <= this.#checkedIndex) {
      return;
    }
    this.#checkedIndex = logIndex;
    if (events.length > 0) {
      checkTaskMoves(events);
      this.#slots.onApplied(tx, events);
      this.#policy.onApplied(tx, events);
      if (events.some(({ kind }) => kind === 'task' || kind === 'service' || kind === 'network')) {
        checkGivenOnce(tx);
      }
    }
  }

  onStarted(host: number, taskId: string): void {
    this.#tasks.onStarted(host, taskId);
    this.#slots.onStarted(taskId);
  }

  onEnded(taskId: string): void {
    this.#slots.onEnded(taskId);
  }
}
