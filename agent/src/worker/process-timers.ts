import type { Timers } from '@skep/kernel';

/** The timers of the running process. */
export const processTimers: Timers = {
  after: (delayMs, run) => {
    if (delayMs <= 0) {
      const immediate = setImmediate(run);
      return () => {
        clearImmediate(immediate);
      };
    }
    const timeout = setTimeout(run, delayMs);
    return () => {
      clearTimeout(timeout);
    };
  },
};
