import { SwarmError } from '@skep/kernel';

/**
 * Runs a job one pass at a time. All who ask while a pass runs share the next one, so that each asker gets a pass that
 * began after it asked, and a burst of askers costs two passes.
 */
export class SharedPass {
  readonly #job: () => Promise<void>;
  readonly #closedReason: string;
  #running: Promise<void> | undefined;
  #next: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  /** @param closedReason what those hear who ask after {@link close} */
  constructor(job: () => Promise<void>, closedReason: string) {
    this.#job = job;
    this.#closedReason = closedReason;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Settles as the pass that began after this call does. @throws SwarmError `cancelled` after {@link close}. */
  run(): Promise<void> {
    if (this.#isClosed) {
      return Promise.reject(this.#closedError());
    }
    if (this.#running === undefined) {
      return this.#start();
    }
    this.#next ??= Promise.withResolvers();
    return this.#next.promise;
  }

  /** Waits for the pass that runs; the one that was to follow is cancelled. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running?.catch(() => undefined);
  }

  #start(): Promise<void> {
    const pass = this.#job().finally(() => {
      this.#running = undefined;
      this.#startNext();
    });
    this.#running = pass;
    return pass;
  }

  /**
   * In the same turn in which the pass before ended: whoever asks in between, such as a caller that has just been
   * answered, must find a pass running, or two would run at once.
   */
  #startNext(): void {
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) {
      return;
    }
    if (this.#isClosed) {
      next.reject(this.#closedError());
    } else {
      next.resolve(this.#start());
    }
  }

  #closedError(): SwarmError {
    return new SwarmError('cancelled', this.#closedReason);
  }
}
