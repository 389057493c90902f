import { Inject, Injectable } from '@nestjs/common';

import { SwarmError, type Clock } from '@skep/kernel';

import { CLOCK } from '../tokens.ts';

/** Failures that cost nothing, then the wait doubles from one second up to a quarter of an hour. */
const FREE_FAILURES = 5;
const WAIT_MS_MAX = 15 * 60_000;
const FORGET_MS = 30 * 60_000;
/** Keys remembered at most; the oldest is forgotten first. */
const KEYS_MAX = 10_000;

interface Failures {
  count: number;
  lastMs: number;
}

/** Slows down guessing of passwords and set-up tokens, by account and by address. Kept on each manager by itself. */
@Injectable()
export class SignInThrottle {
  readonly #failures = new Map<string, Failures>();

  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  /** @throws SwarmError `resource_exhausted` with `details.retryAfterSeconds` while one of the keys must wait. */
  check(keys: readonly string[]): void {
    const waitMs = Math.max(0, ...keys.map((key) => this.#waitMs(key)));
    if (waitMs > 0) {
      const retryAfterSeconds = Math.ceil(waitMs / 1000);
      throw new SwarmError(
        'resource_exhausted',
        `too many failed sign-ins; try again in ${String(retryAfterSeconds)} s`,
        { details: { retryAfterSeconds } },
      );
    }
  }

  failed(keys: readonly string[]): void {
    const nowMs = this.clock.monotonicMs();
    for (const key of keys) {
      const count = (this.#failures.get(key)?.count ?? 0) + 1;
      this.#failures.delete(key);
      this.#failures.set(key, { count, lastMs: nowMs });
    }
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= KEYS_MAX) {
        break;
      }
      this.#failures.delete(oldest);
    }
  }

  succeeded(keys: readonly string[]): void {
    for (const key of keys) {
      this.#failures.delete(key);
    }
  }

  #waitMs(key: string): number {
    const failures = this.#failures.get(key);
    if (failures === undefined) {
      return 0;
    }
    const sinceMs = this.clock.monotonicMs() - failures.lastMs;
    if (sinceMs > FORGET_MS) {
      this.#failures.delete(key);
      return 0;
    }
    const over = failures.count - FREE_FAILURES;
    return over < 0 ? 0 : Math.min(WAIT_MS_MAX, 1000 * 2 ** over) - sinceMs;
  }
}
