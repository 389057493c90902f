import { hash, verify } from '@node-rs/argon2';
import { Injectable } from '@nestjs/common';

import { SwarmError } from '@skep/kernel';

/** Number of Argon2id in the binding's list of algorithms, which is a const enum and cannot be imported. */
const ARGON2ID = 2;

/** OWASP's second recommendation for Argon2id: 19 MiB, 2 passes, 1 lane. */
const PARAMETERS = { algorithm: ARGON2ID, memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 };

/** Hashes at work at a time, and waiting: each takes 19 MiB. */
const CONCURRENCY_MAX = 2;
const WAITING_MAX = 32;

/** Hashes and checks passwords, a few at a time so that sign-ins cannot exhaust the manager's memory. */
@Injectable()
export class PasswordHasher {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #decoy: Promise<string> | undefined;

  /** Argon2id in PHC string form. */
  hash(password: string): Promise<string> {
    return this.#withTurn(() => hash(password, PARAMETERS));
  }

  /** Whether `password` is the one behind `phc`; without a hash it takes as long and is false. */
  async verify(phc: string | undefined, password: string): Promise<boolean> {
    if (phc === undefined) {
      this.#decoy ??= this.hash('a password nobody has');
      const decoy = await this.#decoy;
      await this.#withTurn(() => verify(decoy, password));
      return false;
    }
    return this.#withTurn(() => verify(phc, password));
  }

  async #withTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= CONCURRENCY_MAX) {
      if (this.#waiting.length >= WAITING_MAX) {
        throw new SwarmError('resource_exhausted', 'too many sign-ins at once; try again in a few seconds');
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}
