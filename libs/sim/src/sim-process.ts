import type { Timers } from '@skep/kernel';

import type { EventQueue } from './event-queue.ts';

/**
 * A process on a simulated host: what it was about to do is gone after a crash, and waits while it stands still (as
 * under SIGSTOP). Its timers run at the speed of its own clock.
 */
export class SimProcess implements Timers {
  readonly #queue: EventQueue;
  readonly #random: () => number;
  /** How fast its clock runs; 1 is right. */
  #rate = 1;
  #offsetMs = 0;
  /** Counts starts, so that what was scheduled before a crash does nothing after it. */
  #life = 0;
  #isUp = false;
  #isPaused = false;
  #inbox: (() => void)[] = [];

  constructor(queue: EventQueue, random: () => number = () => 0) {
    this.#queue = queue;
    this.#random = random;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get life(): number {
    return this.#life;
  }

  start(): void {
    this.#life += 1;
    this.#isUp = true;
    this.#isPaused = false;
    this.#inbox = [];
  }

  crash(): void {
    this.#life += 1;
    this.#isUp = false;
    this.#isPaused = false;
    this.#inbox = [];
  }

  pause(): void {
    this.#isPaused = this.#isUp;
  }

  resume(): void {
    this.#isPaused = false;
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const run of inbox) {
      run();
    }
  }

  /** Its clock is set to another speed; time goes on from where it was. */
  setClockRate(rate: number): void {
    this.#offsetMs = this.monotonicMs() - this.#queue.nowMs * rate;
    this.#rate = rate;
  }

  /** Milliseconds by its own clock. */
  monotonicMs(): number {
    return this.#queue.nowMs * this.#rate + this.#offsetMs;
  }

  /** Calls `run` after a while by its own clock, if it still lives then. */
  after(delayMs: number, run: () => void): () => void {
    let isCancelled = false;
    // A little later than asked for, as timers are.
    const lateMs = delayMs > 0 ? this.#random() : 0;
    this.post(Math.max(0, Math.ceil(delayMs / this.#rate) + lateMs), () => {
      if (!isCancelled) {
        run();
      }
    });
    return () => {
      isCancelled = true;
    };
  }

  /** Calls `run` after `delayMs` of the world's time: now or when it goes on; never in another life. */
  post(delayMs: number, run: () => void): void {
    const life = this.#life;
    this.#queue.after(delayMs, () => {
      this.whenAwake(run, life);
    });
  }

  /** Runs now, or when the process goes on; never in another life. */
  whenAwake(run: () => void, life = this.#life): void {
    const guarded = (): void => {
      if (life === this.#life && this.#isUp) {
        run();
      }
    };
    if (this.#isPaused) {
      this.#inbox.push(guarded);
    } else {
      guarded();
    }
  }
}
