import { SwarmError } from '@skep/kernel';
import type { ExitStatus } from './container-api.ts';

type Moment = 'exit' | 'removed';

interface Waiter {
  readonly moments: readonly Moment[];
  readonly resolve: (status: ExitStatus) => void;
  readonly reject: (error: unknown) => void;
}

/** People and parts that wait for containers to end or to be removed. */
export class ExitWaiters {
  readonly #waiters = new Map<string, Set<Waiter>>();

  /** Settles at the next of `moments` of this container. */
  wait(containerId: string, moments: readonly Moment[], signal?: AbortSignal): Promise<ExitStatus> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(containerId) ?? new Set<Waiter>();
      this.#waiters.set(containerId, waiters);
      const settle = (): void => {
        signal?.removeEventListener('abort', abort);
        waiters.delete(waiter);
        if (waiters.size === 0) {
          this.#waiters.delete(containerId);
        }
      };
      const abort = (): void => {
        settle();
        reject(new SwarmError('cancelled', 'the wait was cancelled'));
      };
      const waiter: Waiter = {
        moments,
        resolve: (status) => {
          settle();
          resolve(status);
        },
        reject: (error: unknown) => {
          settle();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      waiters.add(waiter);
      if (signal?.aborted === true) {
        abort();
      } else {
        signal?.addEventListener('abort', abort);
      }
    });
  }

  /** Tells all who wait for this moment. */
  settle(containerId: string, moment: Moment, status: ExitStatus): void {
    for (const waiter of [...(this.#waiters.get(containerId) ?? [])]) {
      if (waiter.moments.includes(moment)) {
        waiter.resolve(status);
      }
    }
  }

  /** Ends all waits, when the engine closes. */
  close(): void {
    for (const waiters of [...this.#waiters.values()]) {
      for (const waiter of [...waiters]) {
        waiter.reject(new SwarmError('unavailable', 'the engine is closing'));
      }
    }
  }
}
