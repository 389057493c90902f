import { useSyncExternalStore } from 'react';

/** One timer for the whole page: everything that says "2 min ago" wakes together, once a second. */
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let nowMs = Date.now();
let skewMs = 0;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    nowMs = Date.now() + skewMs;
    for (const each of listeners) {
      each();
    }
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Ages are counted on the managers' clock, so that a browser with a wrong clock does not show tasks of the future. */
export function setClockSkew(milliseconds: number): void {
  skewMs = milliseconds;
  nowMs = Date.now() + skewMs;
}

/** The managers' time in milliseconds, rounded down to `everyMs`; renders again only when that changes. */
export function useNow(everyMs: number): number {
  return useSyncExternalStore(
    subscribe,
    () => nowMs - (nowMs % everyMs),
    () => 0,
  );
}
