import { Violation } from './violation.ts';

/** anytime_taskRunsOnce: no task's process is started a second time, on whatever host. */
export class AnytimeTaskRunsOnce {
  readonly #startedOn = new Map<string, number>();

  get count(): number {
    return this.#startedOn.size;
  }

  onStarted(host: number, taskId: string): void {
    const before = this.#startedOn.get(taskId);
    if (before !== undefined) {
      throw new Violation(
        'anytime_taskRunsOnce',
        `task ${taskId} was started on host ${String(before)} and again on host ${String(host)}`,
      );
    }
    this.#startedOn.set(taskId, host);
  }
}
