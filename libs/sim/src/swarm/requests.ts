import type { UpdateContext } from '@skep/controlplane';
import { isSwarmError } from '@skep/kernel';

import type { SwarmWorld } from './swarm-world.ts';
import type { Command } from './users.ts';

/** Who asks, and under which id. */
export type UserContext = Pick<UpdateContext<never>, 'actor' | 'requestId'>;

const RETRY_MS = 250;

/** Requests of users to the managers, and how many of them were acknowledged. */
export class Requests {
  readonly #world: SwarmWorld;
  #count = 0;
  #acknowledgedCount = 0;

  constructor(world: SwarmWorld) {
    this.#world = world;
  }

  get acknowledgedCount(): number {
    return this.#acknowledgedCount;
  }

  /** A change by whoever believes to lead; true when it was acknowledged. */
  async command(command: Command): Promise<boolean> {
    const leader = this.#world.anyLeader();
    return leader !== undefined && (await this.asUser((context) => leader.replica.update(context, command)));
  }

  /** A change that a user asks for; true when it was acknowledged. */
  async asUser(change: (context: UserContext) => Promise<unknown>): Promise<boolean> {
    this.#count += 1;
    const requestId = `user-${String(this.#count)}`;
    try {
      await change({ actor: { name: 'user', from: 'sim', via: 'system' }, requestId });
      this.#acknowledgedCount += 1;
      return true;
    } catch (error) {
      if (!isSwarmError(error)) {
        throw error;
      }
      this.#world.trace.note(requestId, error.code);
      return false;
    }
  }

  /** Tries a change until it is acknowledged. */
  insist(command: Command, onDone: () => void): void {
    let isDone = false;
    const attempt = (): void => {
      if (isDone) {
        return;
      }
      this.#world.guard(
        this.command(command).then((isOk) => {
          if (isOk && !isDone) {
            isDone = true;
            onDone();
          }
        }),
      );
      this.#world.queue.after(RETRY_MS, attempt);
    };
    attempt();
  }
}
