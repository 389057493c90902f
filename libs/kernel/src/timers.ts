/** Timers as a port: a shell passes those of its process, a simulation its own. */
export interface Timers {
  /**
   * Calls `run` once after `delayMs` (0: as soon as what is under way now is over). Answers the function that cancels it.
   */
  after(delayMs: number, run: () => void): () => void;
}

/** Calls `run` each time `periodMs` has passed, until the answered function is called. */
export function every(timers: Timers, periodMs: number, run: () => void): () => void {
  let cancel = timers.after(periodMs, beat);
  let isOver = false;
  function beat(): void {
    cancel = timers.after(periodMs, beat);
    if (!isOver) {
      run();
    }
  }
  return () => {
    isOver = true;
    cancel();
  };
}
