import { setTimeout as delay } from 'node:timers/promises';

import type { Logger } from 'pino';

import { errorMessage } from '@skep/kernel';
import type { NodeRole } from '@skep/model';

const ROLE_RETRY_MS = 1_000;

export interface RoleFollowerPorts {
  readonly log: Logger;
  /** Undefined outside a swarm. */
  role(): NodeRole | undefined;
  /** Gets a new certificate and becomes what it says; answers that. */
  take(): Promise<NodeRole>;
}

/** Follows the role that the managers want for this node, again and again until it has it. */
export class RoleFollower {
  readonly #ports: RoleFollowerPorts;
  #wanted: NodeRole | undefined;
  #isFollowing = false;

  constructor(ports: RoleFollowerPorts) {
    this.#ports = ports;
  }

  follow(role: NodeRole): void {
    this.#wanted = role;
    if (this.#isFollowing) {
      return;
    }
    this.#isFollowing = true;
    void this.#run().finally(() => {
      this.#isFollowing = false;
    });
  }

  async #run(): Promise<void> {
    const { log } = this.#ports;
    const role = (): NodeRole | undefined => this.#ports.role();
    while (this.#wanted !== undefined && role() !== undefined && this.#wanted !== role()) {
      try {
        if ((await this.#ports.take()) !== this.#wanted) {
          await delay(ROLE_RETRY_MS);
        }
      } catch (error) {
        log.warn({ role: this.#wanted, err: errorMessage(error) }, 'wanted role could not be taken yet');
        await delay(ROLE_RETRY_MS);
      }
    }
  }
}
