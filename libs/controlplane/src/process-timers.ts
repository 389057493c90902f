import type { Timers } from '@skep/kernel';

/** The timers of the running process. They do not keep it alive. */
export const processTimers: Timers = {
  after: (delayMs, run) => {
    if (delayMs <= 0) {
      const immediate = setImmediate(run);
      return () => {
        clearImmediate(immediate);
      };
    }
    // setTimeout fires at once above this; looking again early does no harm.
    const timeout = setTimeout(run, Math.min(delayMs, 2 ** 31 - 1));
    timeout.unref();
    return () => {
      clearTimeout(timeout);
    };
  },
};
