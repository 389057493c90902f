import type { Prng } from '@skep/kernel';

import type { SimMember } from '../sim-member.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimAgent } from './sim-agent.ts';
import type { SimManager } from './sim-manager.ts';

/** Simulated time zero as wall clocks show it. */
const EPOCH_MS = 1_750_000_000_000;

/** The clock of a host: as fast as its processes' timers, and set forward and back by those who may. */
export class HostClock {
  readonly #process: SimProcess;
  #offsetMs = 0;

  constructor(process: SimProcess) {
    this.#process = process;
  }

  nowMs(): number {
    return EPOCH_MS + Math.floor(this.#process.monotonicMs()) + this.#offsetMs;
  }

  monotonicMs(): number {
    return this.#process.monotonicMs();
  }

  jump(random: Prng): void {
    this.#offsetMs += random.nextInt(30_000) - 15_000;
  }
}

/** One host of a simulated cluster. */
export interface SimHost {
  readonly number: number;
  readonly nodeId: string;
  readonly address: string;
  readonly clock: HostClock;
  readonly agent: SimAgent;
  /** On the first hosts. */
  readonly manager: { readonly process: SimProcess; readonly member: SimMember<SimManager> } | undefined;
}

/** The control plane that runs on a host now. */
export function controlPlaneOf(host: SimHost): SimManager | undefined {
  return host.manager?.member.isUp === true ? host.manager.member.application : undefined;
}
