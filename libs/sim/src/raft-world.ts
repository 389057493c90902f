import { Prng } from '@skep/kernel';
import {
  bootstrapState,
  isVoter,
  type Member,
  type MemberChange,
  type Message,
  type RaftNode,
} from '@skep/raft';

import { startUnlessDamaged } from './checkers/anytime-damage-is-refused.ts';
import { RaftSafety } from './checkers/raft-safety.ts';
import { Violation } from './checkers/violation.ts';
import { EventQueue } from './event-queue.ts';
import { drawScenario, type Scenario } from './scenario.ts';
import { SimApplication } from './sim-application.ts';
import { SimMember } from './sim-member.ts';
import { SimNetwork } from './sim-network.ts';
import type { RaftPlant } from './plants.ts';
import { TraceHash } from './trace-hash.ts';

/** What a run came to. */
export interface RaftRun {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly simulatedMs: number;
  readonly committed: number;
  readonly leaders: number;
  readonly messages: number;
  readonly crashes: number;
  readonly reads: number;
  readonly membershipChanges: number;
  /** Torn tails that a start has repaired, and damaged logs that one has refused. */
  readonly repairs: number;
  readonly refusals: number;
  /** Simulated time from the end of all faults until all agreed. */
  readonly convergedAfterMs: number;
  readonly traceHash: string;
}

const MEMBERS_MAX = 14;
const LOG_CHECK_MS = 500;
const LIVENESS_CHECK_MS = 200;
const CALM_PROPOSAL_MS = 1000;

function memberOf(raftId: number): Member {
  return { raftId, nodeId: `node-${String(raftId)}`, addr: `10.0.0.${String(raftId)}:2377` };
}

/** A group of members, its network and disks, its clients, and those who do harm to it; all from one seed. */
export class RaftWorld {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly #queue = new EventQueue();
  readonly #random: Prng;
  readonly #network: SimNetwork;
  readonly #members = new Map<number, SimMember<SimApplication>>();
  readonly #safety = new RaftSafety();
  readonly #trace = new TraceHash();
  readonly #plant: RaftPlant | undefined;
  #refusalCount = 0;
  #crashCount = 0;
  #proposalCount = 0;
  #membershipCount = 0;
  #lastRaftId: number;
  #isHarmful = true;

  constructor(seed: number, plant?: RaftPlant) {
    this.seed = seed;
    this.#plant = plant;
    const root = new Prng(seed);
    this.scenario = drawScenario(root.fork('scenario'));
    this.#random = root.fork('world');
    this.#network = new SimNetwork({
      queue: this.#queue,
      random: root.fork('network'),
      faults: this.scenario,
      deliver: (message) => {
        this.#deliver(message);
      },
      onLost: (message) => {
        this.#reportSnapshot(message, false);
      },
    });
    const founders = Array.from({ length: this.scenario.voters }, (_, i) => memberOf(i + 1));
    this.#lastRaftId = founders.length;
    const stored = bootstrapState(founders);
    for (const { raftId } of founders) {
      this.#addMember(raftId).disk.format(stored);
    }
  }

  #addMember(raftId: number): SimMember<SimApplication> {
    const member = new SimMember<SimApplication>(raftId, {
      queue: this.#queue,
      random: new Prng(this.seed).fork(`member ${String(raftId)}`),
      scenario: this.scenario,
      clockDriftShare: this.scenario.clockDriftShare,
      newApplication: () => new SimApplication(),
      plant: this.#plant,
      observer: {
        onSend: (message) => {
          this.#safety.onMessage(message);
          this.#trace.note(this.#queue.nowMs, message.type, message.from, message.to, message.term);
          return this.#network.send(message);
        },
        onLeader: (leader) => {
          this.#safety.onLeader(leader.running);
          this.#huntLeader(leader);
        },
        onCommitted: (who, entry) => {
          this.#safety.onCommitted(who.running, entry);
        },
        onApplied: (who) => {
          this.#onApplied(who);
        },
        onRead: (_who, context, logIndex) => {
          this.#safety.reads.onRead(context, logIndex);
        },
      },
    });
    this.#members.set(raftId, member);
    return member;
  }

  #onApplied({ raftId, application }: SimMember<SimApplication>): void {
    const { logIndex, digest } = application;
    this.#trace.note(raftId, logIndex, digest);
    this.#safety.onApplied(raftId, logIndex, digest);
  }

  #deliver(message: Message): void {
    const member = this.#members.get(message.to);
    const isUp = member?.isUp === true;
    if (isUp) {
      member.receive(message);
    }
    this.#reportSnapshot(message, isUp);
  }

  /** The sender of a snapshot learns what became of it, as from a connection that breaks or ends well. */
  #reportSnapshot(message: Message, hasArrived: boolean): void {
    if (message.type === 'snapshot') {
      const sender = this.#members.get(message.from);
      sender?.node?.reportSnapshot(message.to, hasArrived);
      sender?.pump();
    }
  }

  /**
   * Runs the safety phase, then the liveness phase.
   * @throws Violation when a property does not hold, whatever else when the code under test crashes.
   */
  run(): RaftRun {
    for (const member of this.#members.values()) {
      member.start();
    }
    this.#startClients();
    this.#startHarm();
    this.#every(LOG_CHECK_MS, () => {
      this.#checkLogs();
    });
    while (this.#queue.step(this.scenario.safetyMs)) {
      // Everything happens inside of the events.
    }
    const convergedAfterMs = this.#converge();
    return {
      seed: this.seed,
      scenario: this.scenario,
      simulatedMs: this.#queue.nowMs,
      committed: this.#safety.lastCommitted,
      leaders: this.#safety.leaderCount,
      messages: this.#network.sentCount,
      crashes: this.#crashCount,
      reads: this.#safety.reads.count,
      membershipChanges: this.#membershipCount,
      repairs: [...this.#members.values()].reduce((sum, { disk }) => sum + disk.repairCount, 0),
      refusals: this.#refusalCount,
      convergedAfterMs,
      traceHash: this.#trace.value,
    };
  }

  #checkLogs(): void {
    const nodes = [...this.#members.values()]
      .map((member) => member.node)
      .filter((node) => node !== undefined);
    this.#safety.checkLogs(nodes);
  }

  #every(periodMs: number, run: () => void): void {
    this.#queue.after(periodMs, () => {
      run();
      this.#every(periodMs, run);
    });
  }

  /** Calls `run` at random times, `perMinute` on average, as long as harm may be done. */
  #sometimes(perMinute: number, run: () => void): void {
    if (perMinute <= 0) {
      return;
    }
    const delayMs = Math.ceil((-Math.log(1 - this.#random.nextFloat()) * 60_000) / perMinute);
    this.#queue.after(delayMs, () => {
      if (this.#isHarmful) {
        run();
        this.#sometimes(perMinute, run);
      }
    });
  }

  #startClients(): void {
    const periodMs = Math.ceil(1000 / this.scenario.proposalsPerSecond);
    this.#every(periodMs, () => {
      if (this.#isHarmful) {
        this.#propose();
      }
    });
    // In the calm after, a group with narrow limits first has to work off what has gathered.
    this.#every(CALM_PROPOSAL_MS, () => {
      if (!this.#isHarmful) {
        this.#propose();
      }
    });
    this.#sometimes(this.scenario.readsPerSecond * 60, () => {
      this.#read();
    });
  }

  #running(): readonly SimMember<SimApplication>[] {
    return [...this.#members.values()].filter((member) => member.isUp);
  }

  /** Someone who believes to lead; there may be several, or none. */
  #anyLeader(): SimMember<SimApplication> | undefined {
    const leaders = this.#running().filter((member) => member.node?.isLeader === true);
    return leaders.length === 0 ? undefined : this.#random.pick(leaders);
  }

  #propose(): void {
    const leader = this.#anyLeader();
    if (leader?.node === undefined) {
      return;
    }
    const count = 1 + this.#random.nextInt(3);
    const items = Array.from({ length: count }, () => {
      this.#proposalCount += 1;
      return new TextEncoder().encode(`p${String(this.#proposalCount)}`);
    });
    leader.node.proposeBatch(items);
    leader.pump();
  }

  #read(): void {
    const running = this.#running();
    if (running.length === 0) {
      return;
    }
    const member = this.#random.pick(running);
    member.read(this.#safety.reads.ask(this.#safety.lastCommitted));
  }

  #startHarm(): void {
    const { scenario } = this;
    this.#sometimes(scenario.crashPerMinute, () => {
      this.#crash();
    });
    this.#sometimes(scenario.partitionPerMinute, () => {
      this.#partition();
    });
    this.#sometimes(scenario.pausePerMinute, () => {
      this.#pause();
    });
    this.#sometimes(scenario.membershipPerMinute, () => {
      this.#changeMembership();
    });
    this.#sometimes(scenario.clockJumpPerMinute, () => {
      const running = this.#running();
      if (running.length > 0) {
        this.#random.pick(running).jump(1 + this.#random.nextInt(60));
      }
    });
    this.#sometimes(scenario.transferPerMinute, () => {
      this.#transfer();
    });
  }

  #crash(): void {
    const running = this.#running();
    if (running.length === 0) {
      return;
    }
    // Sometimes all at once: the lights go out.
    const isBlackout = this.#random.chance(this.scenario.blackoutShare);
    for (const member of isBlackout ? running : [this.#random.pick(running)]) {
      this.#crashMember(member);
    }
  }

  #crashMember(member: SimMember<SimApplication>): void {
    this.#crashCount += 1;
    member.crash();
    this.#trace.note(this.#queue.nowMs, 'crash', member.raftId);
    if (this.#random.chance(this.scenario.flipShare)) {
      member.disk.flipBit(this.#random);
    }
    this.#startLater(member);
  }

  /** What is damaged is refused, and reads well again at the next attempt. */
  #startLater(member: SimMember<SimApplication>): void {
    this.#queue.after(50 + this.#random.nextInt(8_000), () => {
      if (member.isUp) {
        return;
      }
      if (!startUnlessDamaged(member)) {
        this.#refusalCount += 1;
        member.disk.unflip();
        this.#startLater(member);
      }
    });
  }

  /** Leaders that die young leave entries behind that are on some members and not committed. */
  #huntLeader(leader: SimMember<SimApplication>): void {
    if (this.#isHarmful && this.#random.chance(this.scenario.huntedLeaderShare)) {
      this.#queue.after(this.#random.nextInt(1_000), () => {
        if (leader.isUp && this.#isHarmful) {
          this.#crashMember(leader);
        }
      });
    }
  }

  #partition(): void {
    const ids = this.#random.shuffle([...this.#members.keys()]);
    const leader = this.#anyLeader();
    const isLeaderAlone = leader !== undefined && this.#random.chance(0.4);
    const size = 1 + this.#random.nextInt(Math.max(1, ids.length - 1));
    const side = isLeaderAlone ? [leader.raftId] : ids.slice(0, size);
    const others = ids.filter((raftId) => !side.includes(raftId));
    this.#network.partition(side, others, this.#random.chance(0.3));
    this.#queue.after(1_000 + this.#random.nextInt(12_000), () => {
      this.#network.heal();
    });
  }

  #pause(): void {
    const running = this.#running();
    if (running.length === 0) {
      return;
    }
    const member = this.#random.pick(running);
    member.pause();
    this.#queue.after(500 + this.#random.nextInt(6_000), () => {
      member.resume();
      member.pump();
    });
  }

  #transfer(): void {
    const running = this.#running();
    const asked = running.length === 0 ? undefined : this.#random.pick(running);
    asked?.node?.transferLeadership(this.#random.pick([...this.#members.keys()]));
    asked?.pump();
  }

  #changeMembership(): void {
    const leader = this.#anyLeader();
    if (leader?.node === undefined) {
      return;
    }
    const count = this.#random.chance(0.3) ? 2 + this.#random.nextInt(2) : 1;
    const changes = new Map<number, MemberChange>();
    for (let i = 0; i < count; i += 1) {
      const change = this.#drawChange(leader.node);
      if (change !== undefined) {
        changes.set(change.kind === 'remove' ? change.raftId : change.member.raftId, change);
      }
    }
    if (changes.size === 0) {
      return;
    }
    const transition = this.#random.pick(['auto', 'auto', 'joint'] as const);
    const proposed = leader.node.proposeMembership({ transition, changes: [...changes.values()] });
    if (proposed.ok) {
      this.#membershipCount += 1;
      for (const raftId of changes.keys()) {
        if (!this.#members.has(raftId)) {
          this.#addMember(raftId).start();
        }
      }
    }
    leader.pump();
  }

  #drawChange(node: RaftNode): MemberChange | undefined {
    const { members, voters, learners } = node.membership;
    const isRoom =
      this.#lastRaftId < MEMBERS_MAX && members.length < this.scenario.voters + this.scenario.spares;
    const kind = this.#random.pick(['add', 'promote', 'promote', 'remove', 'demote', 'update']);
    const any = members.length === 0 ? undefined : this.#random.pick(members);
    if (kind === 'add' && isRoom) {
      this.#lastRaftId += 1;
      const member = memberOf(this.#lastRaftId);
      return { kind: this.#random.pick(['addLearner', 'addVoter']), member };
    }
    if (kind === 'promote' && learners.length > 0) {
      return { kind: 'addVoter', member: memberOf(this.#random.pick(learners)) };
    }
    if (any === undefined || voters.length < 2) {
      return undefined;
    }
    switch (kind) {
      case 'remove':
        return { kind: 'remove', raftId: any.raftId };
      case 'demote':
        return isVoter(node.membership, any.raftId) ? { kind: 'addLearner', member: any } : undefined;
      case 'update':
        return { kind: 'update', member: { ...any, addr: `${any.addr}9` } };
      default:
        return undefined;
    }
  }

  /** eventually_allAgree: once nothing goes wrong any more, all members come to the same state. */
  #converge(): number {
    this.#isHarmful = false;
    this.#network.calm();
    for (const member of this.#members.values()) {
      member.calm();
      member.resume();
      member.disk.unflip();
      if (!member.isUp) {
        member.start();
      }
      member.pump();
    }
    const startedMs = this.#queue.nowMs;
    const committedBefore = this.#safety.lastCommitted;
    const deadlineMs = startedMs + this.scenario.livenessMs;
    while (this.#queue.nowMs < deadlineMs) {
      const untilMs = this.#queue.nowMs + LIVENESS_CHECK_MS;
      while (this.#queue.step(untilMs)) {
        // Everything happens inside of the events.
      }
      if (this.#isConverged(committedBefore)) {
        this.#checkLogs();
        return this.#queue.nowMs - startedMs;
      }
    }
    throw new Violation('eventually_allAgree', this.#describe());
  }

  #isConverged(committedBefore: number): boolean {
    const leaders = this.#running().filter((member) => member.node?.isLeader === true);
    const leader = leaders[0]?.node;
    if (leader === undefined || leaders.length > 1 || this.#safety.lastCommitted <= committedBefore) {
      return false;
    }
    const { membership, commit, term } = leader.status();
    const isSettled = membership.votersOutgoing.length === 0;
    return (
      isSettled &&
      membership.members.every(({ raftId }) => {
        const member = this.#members.get(raftId);
        const status = member?.node?.status();
        // Clients go on proposing, so "equal" means: nearly as far as the leader, in its term.
        return status?.term === term && (member?.application.logIndex ?? 0) + 10 >= commit;
      })
    );
  }

  #describe(): string {
    const lines = [...this.#members.values()].map((member) => {
      const status = member.node?.status();
      return `${String(member.raftId)}: ${JSON.stringify(status)}`;
    });
    return `no agreement after ${String(this.scenario.livenessMs)} ms of calm\n${lines.join('\n')}`;
  }

  /** The entry that everyone agreed on at an index, for tests. */
  get lastCommitted(): number {
    return this.#safety.lastCommitted;
  }
}
