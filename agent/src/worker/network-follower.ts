import type { Logger } from 'pino';

import { errorMessage, type Timers } from '@skep/kernel';

import type { NetworkApi } from '../network/network-api.ts';
import type { ClusterNetworkState } from '../network/state.ts';
import { processTimers } from './process-timers.ts';

/**
 * Brings the newest cluster state into the host's network, one application at a time: what comes while one is under
 * way is taken together.
 */
export class NetworkFollower {
  readonly #networks: Pick<NetworkApi, 'setClusterState'>;
  readonly #log: Logger;
  readonly #timers: Timers;
  #wanted: (() => ClusterNetworkState) | undefined;
  #running: Promise<void> | undefined;

  constructor(networks: Pick<NetworkApi, 'setClusterState'>, log: Logger, timers: Timers = processTimers) {
    this.#networks = networks;
    this.#log = log;
    this.#timers = timers;
  }

  /** `state` is asked for when it is applied, so it is the newest then. */
  follow(state: () => ClusterNetworkState): void {
    this.#wanted = state;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything that was to be followed until now is applied. */
  async ready(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // The assignments of one turn of the event loop go together.
    await new Promise<void>((resolve) => {
      this.#timers.after(0, resolve);
    });
    while (this.#wanted !== undefined) {
      const state = this.#wanted();
      this.#wanted = undefined;
      try {
        await this.#networks.setClusterState(state);
      } catch (error) {
        this.#log.warn({ err: errorMessage(error) }, 'network state was applied in part only');
      }
    }
  }
}
