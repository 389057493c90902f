/** Wall-clock time in whole milliseconds since the epoch. */
export type TimestampMs = number;

/** Where a shell gets its time. Pure code takes a {@link TimestampMs} as an argument instead. */
export interface Clock {
  /** Wall-clock time; may jump. */
  nowMs(): TimestampMs;
  /** Monotonic time for measuring durations; its zero has no meaning. */
  monotonicMs(): number;
}

/** A clock that stands still until it is told to move; for tests. */
export class ManualClock implements Clock {
  #nowMs: number;

  constructor(startMs: TimestampMs = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): TimestampMs {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  advance(durationMs: number): void {
    this.#nowMs += durationMs;
  }
}
