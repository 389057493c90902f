import type { Prng } from '@skep/kernel';

import type { EventQueue } from './event-queue.ts';

/** Calls `run` at random times, `perMinute` on average, as long as `isOn` says so. */
export function sometimes(
  outside: { readonly queue: EventQueue; readonly random: Prng; readonly isOn: () => boolean },
  perMinute: number,
  run: () => void,
): void {
  if (perMinute <= 0) {
    return;
  }
  const delayMs = Math.ceil((-Math.log(1 - outside.random.nextFloat()) * 60_000) / perMinute);
  outside.queue.after(delayMs, () => {
    if (outside.isOn()) {
      run();
      sometimes(outside, perMinute, run);
    }
  });
}
