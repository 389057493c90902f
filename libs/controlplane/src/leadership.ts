/** A part of the control plane that runs only on the leader. */
export interface LeaderPart {
  start(): void;
  stop(): void;
}

/**
 * Turns the leader's parts on when this manager leads and has applied the first entry of its own term (before that
 * its state may be older than what was promised to clients), and off when it leads no more.
 */
export class Leadership {
  readonly #parts: readonly LeaderPart[];
  #isLeading = false;
  #isElected = false;
  #term = 0;
  #appliedTerm = 0;

  constructor(parts: readonly LeaderPart[]) {
    this.#parts = parts;
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** Raft says who leads. */
  observe(status: { readonly isElected: boolean; readonly term: number }): void {
    if (this.#isLeading && status.term !== this.#term) {
      // Lost and won again between two looks.
      this.#set(false);
    }
    this.#isElected = status.isElected;
    this.#term = status.term;
    this.#judge();
  }

  /** The last entry applied is of this term. */
  applied(term: number): void {
    this.#appliedTerm = term;
    this.#judge();
  }

  stop(): void {
    this.#isElected = false;
    this.#judge();
  }

  #judge(): void {
    this.#set(this.#isElected && this.#appliedTerm === this.#term);
  }

  #set(isLeading: boolean): void {
    if (isLeading === this.#isLeading) {
      return;
    }
    this.#isLeading = isLeading;
    const parts = isLeading ? this.#parts : this.#parts.toReversed();
    for (const part of parts) {
      if (isLeading) {
        part.start();
      } else {
        part.stop();
      }
    }
  }
}
