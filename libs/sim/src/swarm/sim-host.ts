import type { Prng } from '@skep/kernel';
import type { NodeRole } from '@skep/model';

import type { SimProcess } from '../sim-process.ts';
import type { ManagerProcess } from './manager-process.ts';
import type { SimAgent } from './sim-agent.ts';

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
  readonly manager: ManagerProcess;
  /** What its certificate says. */
  role: NodeRole;
}
