const FIRST_MS = 50;
const LONGEST_MS = 1_000;

/**
 * How long to wait before dialling a peer again: doubles with each failure in a row from 50 ms to 1 s, of which the
 * second half is drawn, so that members that lost each other at once do not all come back at once, and none waits so
 * little that it hammers.
 * @param failures - failures in a row before this attempt; 0 right after a connection that had been up.
 * @param random - in [0, 1).
 * @returns milliseconds.
 */
export function reconnectDelayMs(failures: number, random: number): number {
  const longest = Math.min(FIRST_MS * 2 ** Math.min(failures, 30), LONGEST_MS);
  return longest * (0.5 + random / 2);
}
