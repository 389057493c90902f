import { assert, present, type Prng } from '@skep/kernel';
import {
  RAFT_CONFIG_DEFAULTS,
  RaftNode,
  majorityOf,
  type Entry,
  type HardState,
  type Message,
  type Ready,
  type Snapshot,
} from '@skep/raft';

import type { EventQueue } from './event-queue.ts';
import type { RaftPlant } from './plants.ts';
import { plantedInput, plantedReady } from './raft-plants.ts';
import type { Scenario } from './scenario.ts';
import { SimDisk } from './sim-disk.ts';
import { SimProcess } from './sim-process.ts';

/** The state machine of a member. */
export interface MemberApplication {
  readonly logIndex: number;
  apply(entry: Entry): void;
  snapshot(): Uint8Array;
  restore(snapshot: Snapshot): void;
  /** Role, term or membership may have changed. */
  onReady?(node: RaftNode): void;
  onTick?(node: RaftNode): void;
}

/** What a member tells the world it lives in. */
export interface MemberObserver<A extends MemberApplication> {
  readonly onSend: (message: Message) => boolean;
  readonly onLeader: (member: SimMember<A>) => void;
  readonly onCommitted: (member: SimMember<A>, entry: Entry) => void;
  readonly onApplied: (member: SimMember<A>) => void;
  readonly onRead: (member: SimMember<A>, context: number, logIndex: number) => void;
}

/** What of the scenario concerns one member. */
export type MemberScenario = Pick<
  Scenario,
  | 'usePreVote'
  | 'inflightMessagesMax'
  | 'messageBytesMax'
  | 'writeMs'
  | 'slowDiskShare'
  | 'snapshotEveryEntries'
  | 'keepEntries'
  | 'segmentBytes'
>;

const TICK_MS = 100;
const HEARD_OF_LOSS_SHARE = 0.5;
const CALM_WRITE_MS = [1, 2] as const;

/**
 * A host of one {@link RaftNode}: does with its `Ready`s what the real driver does, on a simulated disk whose writes
 * take time and can be cut short by a crash.
 */
export class SimMember<A extends MemberApplication = MemberApplication> {
  readonly raftId: number;
  readonly disk: SimDisk;
  readonly process: SimProcess;
  readonly #random: Prng;
  readonly #scenario: MemberScenario;
  readonly #observer: MemberObserver<A>;
  readonly #newApplication: () => A;
  readonly #plant: RaftPlant | undefined;
  #node: RaftNode | undefined;
  #application: A;
  #writes: Ready[] = [];
  /** How many of them the write under way covers. */
  #writingCount = 0;
  #isWriting = false;
  /** Need not be durable by itself and goes with the next write. */
  #lazyHardState: HardState | undefined;
  #isCalm = false;
  /** Entries by index, for the one mistake that hands out what is not committed. */
  readonly #seen = new Map<number, Entry>();

  constructor(
    raftId: number,
    outside: {
      readonly queue: EventQueue;
      readonly random: Prng;
      readonly scenario: MemberScenario;
      readonly clockDriftShare: number;
      readonly observer: MemberObserver<A>;
      readonly newApplication: () => A;
      readonly plant: RaftPlant | undefined;
      readonly process?: SimProcess;
    },
  ) {
    this.raftId = raftId;
    this.#random = outside.random;
    this.#scenario = outside.scenario;
    this.#observer = outside.observer;
    this.#newApplication = outside.newApplication;
    this.#application = outside.newApplication();
    this.#plant = outside.plant;
    this.process = outside.process ?? new SimProcess(outside.queue);
    this.disk = new SimDisk(outside.scenario.segmentBytes, {
      acceptsDamage: outside.plant === 'acceptDamage',
    });
    this.process.setClockRate(1 + (this.#random.nextFloat() * 2 - 1) * outside.clockDriftShare);
  }

  /** The running node; undefined while the member is down. */
  get node(): RaftNode | undefined {
    return this.#node;
  }

  get application(): A {
    return this.#application;
  }

  get isUp(): boolean {
    return this.#node !== undefined;
  }

  /**
   * Starts from what is on the disk.
   * @throws SwarmError `data_loss` when the disk is damaged.
   */
  start(): void {
    assert(this.#node === undefined, 'a member that runs cannot be started');
    const stored = this.disk.load();
    this.process.start();
    this.#writes = [];
    this.#writingCount = 0;
    this.#isWriting = false;
    this.#lazyHardState = undefined;
    this.#application = this.#newApplication();
    const { snapshot } = this.disk;
    if (snapshot !== undefined) {
      this.#application.restore(snapshot);
    }
    const { usePreVote, inflightMessagesMax, messageBytesMax } = this.#scenario;
    this.#node = new RaftNode(
      {
        ...RAFT_CONFIG_DEFAULTS,
        raftId: this.raftId,
        random: this.#random.fork(`life ${String(this.process.life)}`),
        usePreVote,
        inflightMessagesMax,
        messageBytesMax,
      },
      stored,
    );
    this.#tickLater();
    this.pump();
  }

  /** Power loss. A write under way is on the disk, or not, or torn. */
  crash(): void {
    this.disk.crash(this.#random);
    this.#node = undefined;
    this.process.crash();
  }

  /** The process stands still (as under SIGSTOP): nothing in, nothing out, no ticks. */
  pause(): void {
    this.process.pause();
  }

  resume(): void {
    this.process.resume();
    this.pump();
  }

  /** From here on the disk is never slow. */
  calm(): void {
    this.#isCalm = true;
  }

  #tickLater(): void {
    this.process.after(TICK_MS, () => {
      this.#tick();
      this.#tickLater();
    });
  }

  #tick(): void {
    const node = this.#node;
    if (node !== undefined) {
      node.tick();
      this.#application.onTick?.(node);
      this.pump();
    }
  }

  /** The clock jumps ahead: as many ticks at once. */
  jump(ticks: number): void {
    this.process.whenAwake(() => {
      for (let i = 0; i < ticks; i += 1) {
        this.#tick();
      }
    });
  }

  receive(message: Message): void {
    this.process.whenAwake(() => {
      const node = this.#node;
      node?.step(plantedInput(this.#plant, node, message));
      this.pump();
    });
  }

  /** Asks for a linearizable read; `context` comes back with the answer. */
  read(context: number): void {
    const node = this.#node;
    if (this.#plant === 'readWithoutQuorum' && node?.isLeader === true) {
      this.#observer.onRead(this, context, node.status().commit);
      return;
    }
    node?.readIndex(context);
    this.pump();
  }

  /** Carries out everything that is ready. */
  pump(): void {
    const node = this.#node;
    while (node?.hasReady() === true && !this.process.isPaused && node === this.#node) {
      this.#carryOut(node, node.ready());
    }
  }

  #carryOut(node: RaftNode, ready: Ready): void {
    if (ready.softState?.role === 'leader') {
      this.#observer.onLeader(this);
    }
    this.#send(node, ready.messages);
    for (const entry of ready.committed) {
      this.#observer.onCommitted(this, entry);
      this.#apply(entry);
    }
    if (this.#plant === 'commitOldTermByCounting') {
      this.#countOldTerm(node, ready);
    }
    for (const read of ready.readStates) {
      this.#observer.onRead(this, read.context, read.logIndex);
    }
    this.#application.onReady?.(node);
    this.#writes.push(plantedReady(this.#plant, ready));
    if (this.#plant === 'sendBeforeWrite') {
      this.#send(node, ready.messagesAfterWrite);
    }
    if (this.#plant === 'selfAckBeforeWrite') {
      node.advance();
    }
    this.#startWrite(node);
    this.#maybeSnapshot(node);
  }

  #apply(entry: Entry): void {
    const chance = this.#plant === undefined ? 1 : this.#random.nextFloat();
    if (this.#plant !== 'skipEntry' || chance > 0.002) {
      this.#application.apply(entry);
    }
    if (this.#plant === 'applyTwice' && chance < 0.002) {
      this.#application.apply(entry);
    }
    this.#observer.onApplied(this);
  }

  /** Mistake: an entry of an older term counts as committed once a majority has it (paper, figure 8). */
  #countOldTerm(node: RaftNode, ready: Ready): void {
    ready.entries.forEach((entry) => this.#seen.set(entry.logIndex, entry));
    const { followers, commit, term, membership } = node.status();
    if (!node.isLeader || membership.votersOutgoing.length > 0) {
      return;
    }
    const matches = membership.voters
      .map((id) => (id === this.raftId ? node.status().lastIndex : this.#matchOf(followers, id)))
      .sort((a, b) => b - a);
    const counted = matches[majorityOf(matches.length) - 1] ?? 0;
    for (let logIndex = commit + 1; logIndex <= counted; logIndex += 1) {
      const entry = this.#seen.get(logIndex);
      if (entry !== undefined && entry.term < term && node.termAt(logIndex) === entry.term) {
        this.#observer.onCommitted(this, entry);
      }
    }
  }

  #matchOf(followers: readonly { readonly raftId: number; readonly match: number }[], id: number): number {
    return followers.find(({ raftId }) => raftId === id)?.match ?? 0;
  }

  #send(node: RaftNode, messages: readonly Message[]): void {
    for (const message of messages) {
      const wentOut = this.#observer.onSend(this.#withData(message));
      if (!wentOut && message.type === 'snapshot') {
        node.reportSnapshot(message.to, false);
      } else if (!wentOut && message.type === 'append' && this.#random.chance(HEARD_OF_LOSS_SHARE)) {
        node.reportUnreachable(message.to);
      }
    }
  }

  /** The core keeps only what a snapshot is called; its bytes are on the disk. */
  #withData(message: Message): Message {
    const { snapshot } = this.disk;
    return message.type === 'snapshot' && snapshot !== undefined ? { ...message, snapshot } : message;
  }

  /** One write at a time; what gathers meanwhile goes into the next one together. */
  #startWrite(node: RaftNode): void {
    if (this.#isWriting || this.#writes.length === 0) {
      return;
    }
    this.#isWriting = true;
    this.#writingCount = this.#writes.length;
    const batch = this.#writes;
    if (!batch.some((ready) => ready.mustSync)) {
      const last = batch.findLast(({ hardState }) => hardState !== undefined);
      this.#lazyHardState = last?.hardState ?? this.#lazyHardState;
      this.#finishWrite(node);
      return;
    }
    if (this.#plant === 'loseWriteOnCrash') {
      // What the disk said was durable is so only now.
      this.disk.sync();
    }
    this.disk.stage(
      this.#plant === 'truncateNothing' ? this.#untruncated(batch) : batch,
      this.#lazyHardState,
    );
    this.#lazyHardState = undefined;
    this.process.post(this.#writeMs(), () => {
      if (this.#plant !== 'loseWriteOnCrash') {
        this.disk.sync();
      }
      this.#finishWrite(node);
      this.pump();
    });
  }

  /** Mistake: what is in the log already is not replaced. */
  #untruncated(batch: readonly Ready[]): readonly Ready[] {
    return batch.map((ready) => ({
      ...ready,
      entries: ready.entries.map((entry) => {
        const known = this.#seen.get(entry.logIndex);
        this.#seen.set(entry.logIndex, known ?? entry);
        return known ?? entry;
      }),
    }));
  }

  #writeMs(): number {
    const [low, high] = this.#isCalm ? CALM_WRITE_MS : this.#scenario.writeMs;
    const isSlow = !this.#isCalm && this.#random.chance(this.#scenario.slowDiskShare);
    return (low + this.#random.nextInt(high - low + 1)) * (isSlow ? 100 : 1);
  }

  #finishWrite(node: RaftNode): void {
    const batch = this.#writes.splice(0, this.#writingCount);
    this.#isWriting = false;
    this.#writingCount = 0;
    for (const ready of batch) {
      if (ready.snapshot !== undefined) {
        this.#application.restore(ready.snapshot);
        this.#observer.onApplied(this);
      }
      if (this.#plant !== 'sendBeforeWrite') {
        this.#send(node, ready.messagesAfterWrite);
      }
      if (this.#plant !== 'selfAckBeforeWrite') {
        node.advance();
      }
    }
    this.#startWrite(node);
  }

  /** A snapshot of the own application, once enough was applied since the last one. */
  #maybeSnapshot(node: RaftNode): void {
    const { logIndex } = this.#application;
    const last = this.disk.snapshot?.meta.logIndex ?? 0;
    const { snapshotEveryEntries, keepEntries } = this.#scenario;
    // A snapshot of the leader that is being installed comes first.
    if (logIndex - last < snapshotEveryEntries || logIndex !== node.status().applied) {
      return;
    }
    const snapshot: Snapshot = { meta: node.snapshotMetaAt(logIndex), data: this.#application.snapshot() };
    this.disk.saveSnapshot(snapshot);
    node.compact(snapshot, Math.max(0, logIndex - keepEntries));
  }

  /** The node of a member that is known to run. */
  get running(): RaftNode {
    return present(this.#node, 'running member');
  }
}
