/** The longest delay of `setTimeout`; it takes a longer one for none at all. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/**
 * Calls `run` once when the wall clock shows `atMs` (since the epoch, fractions too) or later, however far that is and
 * never before: timers count whole milliseconds and may fire a little early by the wall clock.
 * @returns the function that cancels it.
 */
export function callAt(atMs: number, run: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const leftMs = Math.ceil(atMs - Date.now());
    timer = setTimeout(
      () => {
        if (Date.now() >= atMs) {
          run();
        } else {
          arm();
        }
      },
      Math.max(0, Math.min(leftMs, DELAY_MAX_MS)),
    );
  };
  arm();
  return () => {
    clearTimeout(timer);
  };
}
