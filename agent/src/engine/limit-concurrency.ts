export type Limiter = <T>(work: () => Promise<T>) => Promise<T>;

/** Runs at most `count` pieces of work at a time, in the order they were given. */
export function limitConcurrency(count: number): Limiter {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    while (running >= count) {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}
