import type { DialManager } from '@skep/agent/worker';
import { Prng, newObjectId } from '@skep/kernel';
import type { Message } from '@skep/raft';

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
import { askToJoin, type Between } from './joining.ts';
import { ManagerProcess } from './manager-process.ts';
import { followRole } from './roles.ts';
import { createSimCluster } from './create-sim-cluster.ts';
import { Requests } from './requests.ts';
import { SimAgent } from './sim-agent.ts';
import { SimConnections } from './sim-connections.ts';
import { SimEngine } from './sim-engine.ts';
import { HostClock, type SimHost } from './sim-host.ts';
import { SimManager, addressOf } from './sim-manager.ts';
import { SwarmCheckers } from './swarm-checkers.ts';
import { plantedForAgent, plantedForManager } from './swarm-plants.ts';
import { drawSwarmScenario, type SwarmScenario } from './swarm-scenario.ts';
import { Users, mendAll } from './users.ts';

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
  /** Managers that were taken into the group. */
  readonly joins: number;
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
const JOINED_RAFT_IDS = 100;
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
  readonly requests = new Requests(this);
  readonly #root: Prng;
  readonly #safety = new RaftSafety();
  readonly #checkers = new SwarmCheckers();
  readonly #raftPlant: RaftPlant | undefined;
  readonly #swarmPlant: SwarmPlant | undefined;
  readonly #users: Users;
  isHarmful = true;
  crashCount = 0;
  refusalCount = 0;
  /** Where members run; those who join get ids far from the founders'. */
  readonly #hostOfMember = new Map<number, SimHost>();
  #lastRaftId = JOINED_RAFT_IDS;
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
      hostOf: (raftId) => this.#hostOfMember.get(raftId)?.number ?? 0,
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
    const managerProcess = newProcess();
    const agent = new SimAgent({
      host: number,
      nodeId,
      address,
      role: () => host.role,
      roleWanted: (role) => {
        followRole(this, host, role);
      },
      process,
      engine: this.#newEngine(number, random.fork('engine')),
      random: random.fork('agent'),
      plant: this.#swarmPlant,
      nowMs: () => clock.nowMs(),
      managers: this.#managerAddresses(),
      dial: this.#dialFrom(number, process),
    });
    const manager = new ManagerProcess({
      process: managerProcess,
      newMember: (raftId) => this.#newMember(host, raftId),
      askToJoin: (onTaken) => {
        askToJoin(this.#between, host, onTaken);
      },
    });
    const role = number <= this.scenario.managers ? 'manager' : 'worker';
    const host: SimHost = { number, nodeId, address, clock, agent, manager, role };
    return host;
  }

  get #between(): Between {
    const { queue, random, hosts } = this;
    const isCut = (from: number, to: number): boolean => this.network.isCut(from, to);
    return { queue, random, latencyMs: this.scenario.latencyMs, hosts, isCut };
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
        this.#check(() => this.#checkers.onStarted(host, taskId));
      },
      onEnded: (_host, { taskId, exitCode }) => {
        this.trace.note(this.queue.nowMs, 'end', taskId, exitCode);
        this.#checkers.onEnded(taskId);
      },
    });
  }

  /** Where managers are at first, as an agent knows them. */
  #managerAddresses(): { readonly nodeId: string; readonly addr: string }[] {
    return Array.from({ length: this.scenario.managers }, (_, i) => ({
      nodeId: `node${String(i + 1)}`,
      addr: addressOf(i + 1),
    }));
  }

  #newMember(host: SimHost, raftId: number): SimMember<SimManager> {
    const random = this.#root.fork(`manager ${String(raftId)}`);
    const { process } = host.manager;
    this.#hostOfMember.set(raftId, host);
    const member: SimMember<SimManager> = new SimMember<SimManager>(raftId, {
      queue: this.queue,
      random,
      scenario: this.scenario,
      clockDriftShare: this.scenario.clockDriftShare,
      plant: this.#raftPlant,
      process,
      newApplication: () =>
        new SimManager({
          nodeId: host.nodeId,
          addr: addressOf(host.number),
          process,
          clock: host.clock,
          random: random.fork(`control plane ${String(process.life)}`),
          plant: this.#swarmPlant,
          newRaftId: () => {
            this.#lastRaftId += 1;
            return this.#lastRaftId;
          },
          pump: () => {
            member.pump();
          },
          onApplied: (store, applied) => {
            this.#check(() => this.#checkers.onApplied(store.view(), applied));
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
    return member;
  }

  #compareState({ raftId, application }: SimMember<SimManager>): void {
    const { logIndex, replica } = application;
    if (logIndex % DIGEST_EVERY === 0) {
      const digest = replica.store.digest();
      this.trace.note(raftId, logIndex, digest);
      this.#safety.onApplied(raftId, logIndex, digest);
    }
  }

  #dialFrom(number: number, process: SimProcess): DialManager {
    const random = this.#root.fork(`plants ${String(number)}`);
    const chance = (): number => random.nextFloat();
    return (addr) => {
      const target = this.hosts.find((host) => addressOf(host.number) === addr);
      const host = this.hosts[number - 1];
      if (target === undefined || host === undefined) {
        throw new Error(`${addr} is no host`);
      }
      const { nodeId, address, role } = host;
      return this.connections.dial({
        agent: { host: number, process, life: process.life, nodeId, address, role },
        manager: {
          host: target.number,
          process: target.manager.process,
          accept: (channel) => {
            if (target.manager.plane === undefined) {
              channel.close();
            } else {
              target.manager.plane.accept(channel);
            }
          },
        },
        toAgent: (frame) => plantedForAgent(this.#swarmPlant, frame, chance),
        toManager: (frame, answer) => plantedForManager(this.#swarmPlant, frame, { chance, answer }),
      });
    };
  }

  /** A checker's word inside of code that catches what is thrown must not be lost. */
  #check(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What happens beside the events must not fail unseen. */
  guard(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#fail(error);
    });
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
    const member = this.#memberOf(message.to);
    const isUp = member?.isUp === true;
    if (isUp) {
      member.receive(message);
    }
    this.#reportSnapshot(message, isUp);
  }

  /** The member with this id; undefined when its disk was thrown away. */
  #memberOf(raftId: number): SimMember<SimManager> | undefined {
    const member = this.#hostOfMember.get(raftId)?.manager.member;
    return member?.raftId === raftId ? member : undefined;
  }

  #reportSnapshot(message: Message, hasArrived: boolean): void {
    if (message.type === 'snapshot') {
      const sender = this.#memberOf(message.from);
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
      changes: this.requests.acknowledgedCount,
      tasks: this.#checkers.taskCount,
      sessions: this.connections.count,
      joins: this.#lastRaftId - JOINED_RAFT_IDS,
      repairs: this.hosts.reduce((sum, { manager }) => sum + (manager.member?.disk.repairCount ?? 0), 0),
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
    this.every(LOG_CHECK_MS, () => {
      const nodes = this.hosts
        .map(({ manager }) => manager.member?.node)
        .filter((node) => node !== undefined);
      this.#safety.checkLogs(nodes);
    });
    this.every(CHECKPOINT_MS, () => {
      this.hosts.forEach(({ agent }) => agent.checkpoint());
    });
    const [first, ...others] = this.hosts;
    first?.manager.found({ raftId: 1, nodeId: first.nodeId, addr: addressOf(first.number) });
    let isCreated = false;
    this.requests.insist(
      (tx) => createSimCluster(tx, this.hosts),
      () => {
        isCreated = true;
      },
    );
    await this.#passUntilTrue('clusterIsSetUp', () => isCreated);
    others.filter(({ role }) => role === 'manager').forEach(({ manager }) => manager.start());
    await this.#passUntilTrue('managersHaveJoined', () => {
      const members = this.anyLeader()?.members ?? [];
      return members.filter(({ role }) => role === 'voter').length === this.scenario.managers;
    });
    this.hosts.forEach(({ agent }) => agent.start());
  }

  /** @throws Violation when it does not become true in time. */
  async #passUntilTrue(property: string, isTrue: () => boolean): Promise<void> {
    const deadlineMs = this.queue.nowMs + SETUP_MS;
    while (!isTrue()) {
      if (this.queue.nowMs >= deadlineMs) {
        throw new Violation(`eventually_${property}`, `not within ${String(SETUP_MS)} ms`);
      }
      await this.#passUntil(this.queue.nowMs + LIVENESS_CHECK_MS);
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
      this.guard(this.requests.command(this.#users.next()));
    });
  }

  /** Someone who believes to lead; there may be several, or none. */
  anyLeader(): SimManager | undefined {
    const leading = this.hosts
      .filter(({ manager }) => !manager.process.isPaused)
      .map(({ manager }) => manager.plane)
      .filter((plane) => plane?.isLeading === true);
    return leading.length === 0 ? undefined : this.random.pick(leading);
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
      manager.member?.disk.unflip();
      manager.member?.calm();
      if (manager.isWanted && !manager.process.isUp) {
        manager.start();
      }
      manager.resume();
    }
    const startedMs = this.queue.nowMs;
    const mending = { isDone: false };
    this.requests.insist(mendAll, () => {
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
