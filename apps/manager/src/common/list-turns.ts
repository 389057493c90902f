import { SwarmError } from '@skep/kernel';

export interface ListTurnLimits {
  /** Answers that are made or sent at one time. */
  readonly running: number;
  /** Requests that wait for their turn; more are refused. */
  readonly waiting: number;
}

const RETRY_AFTER_SECONDS = 2;

/**
 * Turns for lists that are large: each stops everything else for a moment and fills memory until it is sent, so few are
 * made at a time, and what is short comes in between.
 */
export class ListTurns {
  readonly #limits: ListTurnLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: ListTurnLimits) {
    this.#limits = limits;
  }

  /**
   * Resolves when it is this request's turn, with the function that ends it.
   * @throws SwarmError `resource_exhausted` (with `retryAfterSeconds`) when too many wait.
   */
  async take(): Promise<() => void> {
    if (this.#running >= this.#limits.running) {
      if (this.#waiting.length >= this.#limits.waiting) {
        throw new SwarmError('resource_exhausted', 'too many long lists are asked for at a time; try again', {
          details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
        });
      }
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else {
      this.#running += 1;
    }
    let isOver = false;
    return () => {
      if (!isOver) {
        isOver = true;
        this.#end();
      }
    };
  }

  /** The next one takes over the place. */
  #end(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#running -= 1;
    } else {
      setImmediate(next);
    }
  }
}
