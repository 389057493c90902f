import { SwarmError, type ErrorCode } from '@skep/kernel';

interface Waiting {
  readonly deadlineTick: number;
  readonly isDone: () => boolean;
  readonly answer: (error?: unknown) => void;
  readonly late: readonly [ErrorCode, string];
}

/** Requests of the main thread that wait for something to become true. */
export class RequestBook {
  #waiting: Waiting[] = [];
  #tick = 0;

  /** Answers when `isDone`, or with the error `late` after `ticks`. An error thrown by `isDone` is the answer. */
  add(ticks: number, request: Omit<Waiting, 'deadlineTick'>): void {
    this.#waiting.push({ ...request, deadlineTick: this.#tick + ticks });
    this.check();
  }

  tick(): void {
    this.#tick += 1;
    this.check();
  }

  /** Called when anything has changed. */
  check(): void {
    this.#waiting = this.#waiting.filter((request) => !this.#settle(request));
  }

  #settle(request: Waiting): boolean {
    try {
      if (request.isDone()) {
        request.answer();
        return true;
      }
    } catch (error) {
      request.answer(error);
      return true;
    }
    if (this.#tick >= request.deadlineTick) {
      request.answer(new SwarmError(...request.late));
      return true;
    }
    return false;
  }
}
