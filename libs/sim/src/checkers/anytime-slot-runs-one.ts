import type { Service, Task } from '@skep/model';
import type { ReadTx, StoreEvent } from '@skep/store';

import { Violation } from './violation.ts';

/**
 * anytime_slotRunsOne: where the old task has to stop first, a place of a service never has two processes, on hosts that
 * can be heard. Told by the engines, not by what was reported.
 */
export class AnytimeSlotRunsOne {
  /** Tasks that were on a node when it was called down: they may run unheard of. */
  readonly #lost = new Set<string>();
  /** Services that have had a start-first policy: their slots may hold two running tasks for a while. */
  readonly #startFirst = new Set<string>();
  readonly #running = new Map<string, Set<string>>();
  readonly #tasks = new Map<string, Task>();

  onApplied(tx: ReadTx, events: readonly StoreEvent[]): void {
    for (const event of events) {
      if (event.kind === 'node' && event.new?.status.state !== 'ready') {
        tx.tasksByNode(event.id).forEach(({ id }) => this.#lost.add(id));
      }
      if (event.kind === 'service' && event.new !== undefined && isStartFirst(event.new)) {
        this.#startFirst.add(event.id);
      }
      if (event.kind === 'task' && event.new !== undefined) {
        this.#tasks.set(event.id, event.new);
      }
    }
  }

  onStarted(taskId: string): void {
    const task = this.#tasks.get(taskId);
    if (task === undefined) {
      throw new Violation('anytime_slotRunsOne', `task ${taskId} runs and was never made`);
    }
    const key = keyOf(task);
    const running = this.#running.get(key) ?? new Set();
    this.#running.set(key, running);
    const other = [...running].find((id) => !this.#isExcused(id));
    if (other !== undefined && !this.#isExcused(taskId)) {
      throw new Violation(
        'anytime_slotRunsOne',
        `tasks ${taskId} and ${other} both run in ${task.serviceName}.${String(task.slot)}`,
      );
    }
    running.add(taskId);
  }

  onEnded(taskId: string): void {
    const task = this.#tasks.get(taskId);
    if (task !== undefined) {
      this.#running.get(keyOf(task))?.delete(taskId);
    }
  }

  /** Slots that were taken away may be filled while the old task still stops. */
  #isExcused(taskId: string): boolean {
    const task = this.#tasks.get(taskId);
    return (
      task === undefined ||
      task.desiredState === 'remove' ||
      this.#lost.has(taskId) ||
      this.#startFirst.has(task.serviceId)
    );
  }
}

function keyOf({ serviceId, slot, nodeId }: Task): string {
  return `${serviceId}/${String(slot)}/${slot === 0 ? (nodeId ?? '') : ''}`;
}

function isStartFirst(service: Service): boolean {
  return service.spec.update?.order === 'start-first' || service.spec.rollback?.order === 'start-first';
}
