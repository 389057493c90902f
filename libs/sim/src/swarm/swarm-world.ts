import type { DialManager } from '@skep/agent/worker';
import { Prng, isSwarmError, newObjectId } from '@skep/kernel';
import { defaultClusterSpec } from '@skep/model';
import { createCluster } from '@skep/orchestrator';
import { bootstrapState, type Message } from '@skep/raft';
import type { WriteTx } from '@skep/store';

import { RaftSafety } from '../checkers/raft-safety.ts';
import { Violation } from '../checkers/violation.ts';
import { EventQueue } from '../event-queue.ts';
import { isRaftPlant, isSwarmPlant, type RaftPlant, type SwarmPlant } from '../plants.ts';
import { sometimes } from '../poisson.ts';
import { SimMember } from '../sim-member.ts';
import { SimNetwork } from '../sim-network.ts';
import { SimProcess } from '../sim-process.ts';
import { TraceHash } from '../trace-hash.ts';
import { notComeRight, problemOf } from './coming-right.ts';
import { startHarm } from './harm.ts';
import { SimAgent } from './sim-agent.ts';
import { SimConnections } from './sim-connections.ts';
import { SimEngine } from './sim-engine.ts';
import { HostClock, controlPlaneOf, type SimHost } from './sim-host.ts';
import { SimManager, addressOf } from './sim-manager.ts';
import { SwarmCheckers } from './swarm-checkers.ts';
import { plantedForAgent, plantedForManager } from './swarm-plants.ts';
import { drawSwarmScenario, type SwarmScenario } from './swarm-scenario.ts';
import { Users, mendAll, type Command } from './users.ts';

/** What a run came to. */
export interface SwarmRun {
  readonly seed: number;
  readonly scenario: SwarmScenario;
  readonly simulatedMs: number;
  readonly committed: number;
  readonly leaders: number;
  readonly messages: number;
  readonly crashes: number;
  /** Changes of users that were acknowledged. */
  readonly changes: number;
  /** Tasks whose process ran. */
  readonly tasks: number;
  readonly sessions: number;
  readonly repairs: number;
  readonly refusals: number;
  /** Simulated time from the end of all faults until everything was as it should be. */
  readonly convergedAfterMs: number;
  readonly traceHash: string;
}

const SETUP_MS = 60_000;
const LOG_CHECK_MS = 1_000;
const LIVENESS_CHECK_MS = 500;
const CHECKPOINT_MS = 1_000;
const RETRY_MS = 250;
/** Indexes at which the states of the managers are compared. */
const DIGEST_EVERY = 3;

/**
 * A whole cluster in one process: managers with the real Raft, store, loops and dispatcher, and hosts with the real
 * worker above a simulated engine; users, and those who do harm; all from one seed.
 */
export class SwarmWorld {
  readonly seed: number;
  readonly scenario: SwarmScenario;
  readonly queue = new EventQueue();
  readonly random: Prng;
  readonly network: SimNetwork;
  readonly hosts: readonly SimHost[];
  readonly connections: SimConnections;
  readonly trace = new TraceHash();
  readonly #root: Prng;
  readonly #safety = new RaftSafety();
  readonly #checkers = new SwarmCheckers();
  readonly #raftPlant: RaftPlant | undefined;
  readonly #swarmPlant: SwarmPlant | undefined;
  readonly #users: Users;
  isHarmful = true;
  crashCount = 0;
  refusalCount = 0;
  #changeCount = 0;
  #commandCount = 0;
  #failure: unknown;

  constructor(seed: number, plant?: RaftPlant | SwarmPlant) {
    this.seed = seed;
    this.#raftPlant = plant !== undefined && isRaftPlant(plant) ? plant : undefined;
    this.#swarmPlant = plant !== undefined && isSwarmPlant(plant) ? plant : undefined;
    this.#root = new Prng(seed);
    this.scenario = drawSwarmScenario(this.#root.fork('swarm scenario'));
    this.random = this.#root.fork('swarm world');
    this.network = new SimNetwork({
      queue: this.queue,
      random: this.#root.fork('network'),
      faults: this.scenario,
      deliver: (message) => this.#deliver(message),
      onLost: (message) => this.#reportSnapshot(message, false),
    });
    this.connections = new SimConnections({
      queue: this.queue,
      random: this.#root.fork('connections'),
      latencyMs: this.scenario.latencyMs,
      isCut: (from, to) => this.network.isCut(from, to),
      trace: (from, to, bytes) => this.trace.note(this.queue.nowMs, from, to, bytes),
    });
    this.hosts = Array.from({ length: this.scenario.hosts }, (_, i) => this.#newHost(i + 1));
    const ids = this.#root.fork('ids');
    const newId = (): string =>
      newObjectId((count) => Uint8Array.from({ length: count }, () => ids.nextInt(256)));
    const nodeIds = this.hosts.map(({ nodeId }) => nodeId);
    this.#users = new Users(this.#root.fork('users'), { newId }, nodeIds);
  }

  #newHost(number: number): SimHost {
    const random = this.#root.fork(`host ${String(number)}`);
    const lateness = random.fork('timers');
    const newProcess = (): SimProcess => new SimProcess(this.queue, () => lateness.nextInt(3));
    const process = newProcess();
    const clock = new HostClock(process);
    const nodeId = `node${String(number)}`;
    const address = `10.1.0.${String(number)}`;
    process.setClockRate(1 + (random.nextFloat() * 2 - 1) * this.scenario.clockDriftShare);
    const isManager = number <= this.scenario.managers;
    const agent = new SimAgent({
      host: number,
      nodeId,
      address,
      isManager,
      process,
      engine: this.#newEngine(number, random.fork('engine')),
      random: random.fork('agent'),
      plant: this.#swarmPlant,
      nowMs: () => clock.nowMs(),
      managers: this.#managerAddresses(),
      dial: this.#dialFrom(number, { nodeId, address, isManager }, process),
    });
    const manager = isManager ? this.#newManager(number, newProcess(), clock) : undefined;
    return { number, nodeId, address, clock, agent, manager };
  }

  #newEngine(host: number, random: Prng): SimEngine {
    const { engineMs, pullFailureShare, startFailureShare } = this.scenario;
    return new SimEngine({
      host,
      queue: this.queue,
      random,
      engineMs,
      pullFailureShare,
      startFailureShare,
      plant: this.#swarmPlant,
      onStarted: (_host, { taskId }) => {
        this.trace.note(this.queue.nowMs, 'start', taskId);
        this.#guard(() => this.#checkers.onStarted(host, taskId));
      },
      onEnded: (_host, { taskId, exitCode }) => {
        this.trace.note(this.queue.nowMs, 'end', taskId, exitCode);
        this.#checkers.onEnded(taskId);
      },
    });
  }

  #managerAddresses(): { readonly nodeId: string; readonly addr: string }[] {
    return Array.from({ length: this.scenario.managers }, (_, i) => ({
      nodeId: `node${String(i + 1)}`,
      addr: addressOf(i + 1),
    }));
  }

  #newManager(
    host: number,
    process: SimProcess,
    clock: HostClock,
  ): { readonly process: SimProcess; readonly member: SimMember<SimManager> } {
    const random = this.#root.fork(`manager ${String(host)}`);
    const member: SimMember<SimManager> = new SimMember<SimManager>(host, {
      queue: this.queue,
      random,
      scenario: this.scenario,
      clockDriftShare: this.scenario.clockDriftShare,
      plant: this.#raftPlant,
      process,
      newApplication: () =>
        new SimManager({
          host,
          process,
          clock,
          random: random.fork(`control plane ${String(process.life)}`),
          plant: this.#swarmPlant,
          managers: () => this.#managerAddresses(),
          pump: () => {
            member.pump();
          },
          onApplied: (store, applied) => {
            this.#guard(() => this.#checkers.onApplied(store.view(), applied));
          },
          onFatal: (error) => this.#fail(error),
        }),
      observer: {
        onSend: (message) => this.#onSend(message),
        onLeader: ({ running }) => {
          this.#safety.onLeader(running);
        },
        onCommitted: ({ running }, entry) => {
          this.#safety.onCommitted(running, entry);
        },
        onApplied: (who) => {
          this.#compareState(who);
        },
        onRead: () => undefined,
      },
    });
    const founders = this.#managerAddresses().map(({ nodeId, addr }, i) => ({ raftId: i + 1, nodeId, addr }));
    member.disk.format(bootstrapState(founders));
    return { process, member };
  }

  #compareState({ raftId, application }: SimMember<SimManager>): void {
    const { logIndex, replica } = application;
    if (logIndex % DIGEST_EVERY === 0) {
      const digest = replica.store.digest();
      this.trace.note(raftId, logIndex, digest);
      this.#safety.onApplied(raftId, logIndex, digest);
    }
  }

  #dialFrom(
    host: number,
    node: { readonly nodeId: string; readonly address: string; readonly isManager: boolean },
    process: SimProcess,
  ): DialManager {
    const random = this.#root.fork(`plants ${String(host)}`);
    const chance = (): number => random.nextFloat();
    return (addr) => {
      const index = this.#managerAddresses().findIndex((manager) => manager.addr === addr);
      const target = this.hosts[index];
      if (target?.manager === undefined) {
        throw new Error(`${addr} is no manager`);
      }
      return this.connections.dial({
        agent: { host, process, life: process.life, ...node },
        manager: {
          host: target.number,
          process: target.manager.process,
          accept: (channel) => controlPlaneOf(target)?.accept(channel),
        },
        toAgent: (frame) => plantedForAgent(this.#swarmPlant, frame, chance),
        toManager: (frame, answer) => plantedForManager(this.#swarmPlant, frame, { chance, answer }),
      });
    };
  }

  /** A checker's word inside of code that catches what is thrown must not be lost. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
  }

  #onSend(message: Message): boolean {
    this.#safety.onMessage(message);
    this.trace.note(this.queue.nowMs, message.type, message.from, message.to, message.term);
    return this.network.send(message);
  }

  #deliver(message: Message): void {
    const member = this.hosts[message.to - 1]?.manager?.member;
    const isUp = member?.isUp === true;
    if (isUp) {
      member.receive(message);
    }
    this.#reportSnapshot(message, isUp);
  }

  #reportSnapshot(message: Message, hasArrived: boolean): void {
    if (message.type === 'snapshot') {
      const sender = this.hosts[message.from - 1]?.manager?.member;
      sender?.node?.reportSnapshot(message.to, hasArrived);
      sender?.pump();
    }
  }

  /**
   * Sets the cluster up, runs the safety phase, then the liveness phase.
   * @throws Violation when a property does not hold, whatever else when the code under test crashes.
   */
  async run(): Promise<SwarmRun> {
    await this.#setUp();
    this.#startUsers();
    startHarm(this);
    const endMs = this.queue.nowMs + this.scenario.safetyMs;
    await this.#passUntil(endMs);
    const convergedAfterMs = await this.#converge();
    return {
      seed: this.seed,
      scenario: this.scenario,
      simulatedMs: this.queue.nowMs,
      committed: this.#safety.lastCommitted,
      leaders: this.#safety.leaderCount,
      messages: this.network.sentCount,
      crashes: this.crashCount,
      changes: this.#changeCount,
      tasks: this.#checkers.taskCount,
      sessions: this.connections.count,
      repairs: this.hosts.reduce((sum, { manager }) => sum + (manager?.member.disk.repairCount ?? 0), 0),
      refusals: this.refusalCount,
      convergedAfterMs,
      traceHash: this.trace.value,
    };
  }

  /** Runs all events up to a time, each with everything that its promises lead to. */
  async #passUntil(untilMs: number): Promise<void> {
    while (this.queue.step(untilMs)) {
      await settled();
      if (this.#failure !== undefined) {
        throw this.#failure as Error;
      }
    }
  }

  async #setUp(): Promise<void> {
    for (const { manager } of this.hosts) {
      manager?.member.start();
    }
    this.every(LOG_CHECK_MS, () => {
      const nodes = this.hosts
        .map(({ manager }) => manager?.member.node)
        .filter((node) => node !== undefined);
      this.#safety.checkLogs(nodes);
    });
    this.every(CHECKPOINT_MS, () => {
      this.hosts.forEach(({ agent }) => agent.checkpoint());
    });
    let isSetUp = false;
    this.#insist(
      (tx) => this.#createCluster(tx),
      () => {
        isSetUp = true;
      },
    );
    const deadlineMs = this.queue.nowMs + SETUP_MS;
    while (!isSetUp) {
      if (this.queue.nowMs >= deadlineMs) {
        throw new Violation('eventually_clusterIsSetUp', 'no manager could create the cluster');
      }
      await this.#passUntil(this.queue.nowMs + LIVENESS_CHECK_MS);
    }
    this.hosts.forEach(({ agent }) => agent.start());
  }

  #createCluster(tx: WriteTx): void {
    if (tx.cluster() !== undefined) {
      return;
    }
    createCluster(
      tx,
      {
        id: 'cluster',
        spec: defaultClusterSpec(),
        ca: { certificatePem: '', keyPem: '', fingerprint: '' },
        joinTokens: { worker: '', manager: '' },
        addressPools: ['10.0.0.0/8'],
        subnetPrefixLength: 24,
        dataPathPort: 4789,
      },
      { newId: () => 'ingress' },
    );
    for (const { nodeId, manager } of this.hosts) {
      const role = manager === undefined ? 'worker' : 'manager';
      const spec = { role, availability: 'active', labels: { zone: nodeId } } as const;
      tx.create('node', { id: nodeId, spec, status: { state: 'unknown', addr: '' } });
    }
  }

  every(periodMs: number, run: () => void): void {
    this.queue.after(periodMs, () => {
      run();
      this.every(periodMs, run);
    });
  }

  #startUsers(): void {
    const outside = { queue: this.queue, random: this.random, isOn: () => this.isHarmful };
    sometimes(outside, this.scenario.commandsPerMinute, () => {
      this.#command(this.#users.next()).catch((error: unknown) => {
        this.#fail(error);
      });
    });
  }

  /** A change by whoever believes to lead; true when it was acknowledged. */
  async #command(command: Command): Promise<boolean> {
    const leading = this.hosts.filter(
      (host) => controlPlaneOf(host)?.isLeading === true && host.manager?.process.isPaused !== true,
    );
    const leader = leading.length === 0 ? undefined : controlPlaneOf(this.random.pick(leading));
    if (leader === undefined) {
      return false;
    }
    this.#commandCount += 1;
    const requestId = `user-${String(this.#commandCount)}`;
    try {
      const actor = { name: 'user', from: 'sim', via: 'system' } as const;
      await leader.replica.update({ actor, requestId }, command);
      this.#changeCount += 1;
      return true;
    } catch (error) {
      if (!isSwarmError(error)) {
        throw error;
      }
      this.trace.note(requestId, error.code);
      return false;
    }
  }

  /** Tries a change until it is acknowledged. */
  #insist(command: Command, onDone: () => void): void {
    let isDone = false;
    const attempt = (): void => {
      if (isDone) {
        return;
      }
      this.#command(command)
        .then((isOk) => {
          if (isOk && !isDone) {
            isDone = true;
            onDone();
          }
        })
        .catch((error: unknown) => {
          this.#fail(error);
        });
      this.queue.after(RETRY_MS, attempt);
    };
    attempt();
  }

  /** Faults end; then everything has to come to be as the users want it, and nothing may be left over. */
  async #converge(): Promise<number> {
    this.isHarmful = false;
    this.network.calm();
    for (const { agent, manager } of this.hosts) {
      agent.engine.calm();
      agent.process.resume();
      if (!agent.process.isUp) {
        agent.start();
      }
      if (manager !== undefined) {
        manager.member.disk.unflip();
        manager.member.calm();
        if (!manager.member.isUp) {
          manager.member.start();
        }
        manager.member.resume();
      }
    }
    const startedMs = this.queue.nowMs;
    const mending = { isDone: false };
    this.#insist(mendAll, () => {
      mending.isDone = true;
    });
    const deadlineMs = startedMs + this.scenario.livenessMs;
    while (this.queue.nowMs < deadlineMs) {
      await this.#passUntil(this.queue.nowMs + LIVENESS_CHECK_MS);
      if (mending.isDone && problemOf(this.hosts) === undefined) {
        return this.queue.nowMs - startedMs;
      }
    }
    throw notComeRight(this.hosts, this.scenario.livenessMs);
  }
}

/** Lets everything run that waits for nothing but promises. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
