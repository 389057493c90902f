import { Worker, type DialManager, type WorkerOptions } from '@skep/agent/worker';
import type { Prng } from '@skep/kernel';
import type { NodeDescription, NodeRole } from '@skep/model';
import type { ManagerAddress } from '@skep/wire';

import type { SwarmPlant } from '../plants.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimEngine } from './sim-engine.ts';
import { SimMemory } from './sim-memory.ts';
import { silentLog } from './silent-log.ts';

export interface AgentOutside {
  readonly host: number;
  readonly nodeId: string;
  readonly address: string;
  readonly role: () => NodeRole;
  /** The managers say what the node should be. */
  readonly roleWanted: (role: NodeRole) => void;
  readonly process: SimProcess;
  readonly engine: SimEngine;
  readonly random: Prng;
  readonly plant: SwarmPlant | undefined;
  readonly nowMs: () => number;
  readonly managers: readonly ManagerAddress[];
  readonly dial: DialManager;
}

const PLAIN_TLS = { certificatePem: '', keyPem: '', caPem: '' };

/** The agent of one host: the real worker above a simulated engine, in one life after another. */
export class SimAgent {
  readonly host: number;
  readonly nodeId: string;
  readonly process: SimProcess;
  readonly engine: SimEngine;
  readonly #outside: AgentOutside;
  readonly #memory: SimMemory;
  #managers: readonly ManagerAddress[];
  #worker: Worker | undefined;

  constructor(outside: AgentOutside) {
    this.#outside = outside;
    this.#memory = new SimMemory({ forgetsStatuses: outside.plant === 'restartEndedTask' });
    this.host = outside.host;
    this.nodeId = outside.nodeId;
    this.process = outside.process;
    this.engine = outside.engine;
    this.#managers = outside.managers;
  }

  get isConnected(): boolean {
    return this.process.isUp && this.#worker?.isConnected === true;
  }

  start(): void {
    const { process, random, engine, dial, nowMs } = this.#outside;
    process.start();
    this.#worker = new Worker({
      engine: engine.api(process),
      networks: {
        setClusterState: () => new Promise((resolve) => process.post(1 + random.nextInt(20), resolve)),
        clearClusterState: () => Promise.resolve(),
      },
      store: this.#memory,
      log: silentLog,
      runtime: { nowMs, random: () => random.nextFloat(), timers: process, dial },
      parallelStarts: 4,
      describe: () => Promise.resolve(this.#description()),
      state: () => this.#state(),
      identity: () => Promise.resolve(PLAIN_TLS),
      welcomed: () => undefined,
      managersChanged: (managers) => {
        this.#managers = managers;
      },
      roleWanted: this.#outside.roleWanted,
      removed: () => {
        throw new Error(`${this.nodeId} was told that it is not part of the cluster`);
      },
    });
    void this.#worker.start();
  }

  /** SIGKILL of the agent: its containers go on. */
  crash(): void {
    this.process.crash();
  }

  /** The host goes off. */
  powerLoss(): void {
    this.process.crash();
    this.#memory.powerLoss();
    this.engine.powerLoss();
  }

  checkpoint(): void {
    this.#memory.checkpoint();
  }

  #description(): NodeDescription {
    return {
      hostname: this.nodeId,
      platform: { os: 'linux', architecture: 'x86_64' },
      resources: { nanoCpus: 8e9, memoryBytes: 16 * 1024 ** 3 },
      engine: { version: '1' },
    };
  }

  #state(): ReturnType<WorkerOptions['state']> {
    const { nodeId, address, role } = this.#outside;
    return {
      v: 1,
      nodeId,
      clusterId: 'cluster',
      role: role(),
      managers: [...this.#managers],
      advertiseAddr: address,
      dataPathPort: 4789,
      listenAddr: address,
    };
  }
}
