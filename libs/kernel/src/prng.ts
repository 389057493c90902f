import { assert } from './assert.ts';

const MASK_64 = (1n << 64n) - 1n;

/**
 * A seeded pseudo-random generator (splitmix64; Steele, Lea and Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014). Not for secrets. Decisions take one as an argument, so that a run can be repeated.
 */
export class Prng {
  #state: bigint;

  constructor(seed: number | bigint) {
    this.#state = BigInt(seed) & MASK_64;
  }

  /** The next 64 random bits. */
  nextBits64(): bigint {
    this.#state = (this.#state + 0x9e3779b97f4a7c15n) & MASK_64;
    let z = this.#state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK_64;
    return z ^ (z >> 31n);
  }

  /** A number in [0, 1) with 53 random bits. */
  nextFloat(): number {
    return Number(this.nextBits64() >> 11n) / 2 ** 53;
  }

  /** An integer in [0, bound). `bound` must be a positive safe integer. */
  nextInt(bound: number): number {
    assert(
      Number.isSafeInteger(bound) && bound > 0,
      `bound must be a positive integer, got ${String(bound)}`,
    );
    return Math.floor(this.nextFloat() * bound);
  }

  /** True with the given probability in [0, 1]. */
  chance(probability: number): boolean {
    return this.nextFloat() < probability;
  }

  /** One element of a non-empty list. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.nextInt(items.length)];
    return item as T;
  }

  /** A new list in random order (Fisher and Yates); the given one stays as it is. */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i -= 1) {
      const j = this.nextInt(i + 1);
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  }

  /**
   * An independent generator named by `label`. A draw from the fork does not move this one, so that adding a draw in
   * one place of a simulation leaves all others as they were.
   */
  fork(label: string): Prng {
    let hash = 0xcbf29ce484222325n;
    for (const byte of new TextEncoder().encode(label)) {
      hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK_64;
    }
    return new Prng(this.#state ^ hash);
  }
}
