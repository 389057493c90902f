import type { Logger } from 'pino';

import { SwarmError, toErrorRecord } from '@skep/kernel';
import type { Entry, Membership, Message, RaftNode, Ready } from '@skep/raft';

import type { RaftTransport } from '../transport/raft-transport.ts';
import type { SnapshotFolder } from '../wal/snapshot-file.ts';
import type { Wal } from '../wal/wal.ts';
import { Deliveries } from './deliveries.ts';
import { DiskHealth, type DiskState } from './disk-health.ts';
import { electionSince } from '../election-since.ts';
import { DiskWatch } from './disk-watch.ts';
import { LogWriter } from './log-writer.ts';
import { PendingProposals } from './pending-proposals.ts';
import { ReadRequests } from './read-requests.ts';
import { RequestBook } from './request-book.ts';
import { SnapshotKeeper } from './snapshot-keeper.ts';
import { packEntries, unpackItems, type ThreadCommand, type ThreadEvent } from './thread-protocol.ts';

export interface RaftLoopOptions {
  readonly node: RaftNode;
  readonly wal: Wal;
  readonly snapshots: SnapshotFolder;
  readonly snapshotIndex: number;
  readonly transport: RaftTransport;
  readonly logger: Logger;
  readonly electionTicks: number;
  readonly snapshotIntervalEntries: number;
  readonly snapshotKeepEntries: number;
  readonly post: (event: ThreadEvent) => void;
  /** Leader, role or membership have changed. */
  readonly onChange: () => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Drives one {@link RaftNode}: everything that happens is stepped into it, and once per turn of the event loop its
 * `Ready`s are carried out, so that all that came in together shares one write and one round of messages.
 */
export class RaftLoop {
  readonly #options: RaftLoopOptions;
  readonly #node: RaftNode;
  readonly #writer: LogWriter;
  readonly #disk: DiskWatch;
  readonly #proposals = new PendingProposals();
  readonly #deliveries = new Deliveries();
  readonly #reads: ReadRequests;
  readonly requests = new RequestBook();
  readonly snapshotKeeper: SnapshotKeeper;
  #isScheduled = false;
  #isStopped = false;
  #ticksWithoutLeadership = 0;

  constructor(options: RaftLoopOptions) {
    this.#options = options;
    this.#node = options.node;
    const { node, wal, snapshots, logger } = options;
    const health = new DiskHealth();
    const { electionTicks, onChange } = options;
    const nowMs = (): number => performance.now();
    this.#disk = new DiskWatch({ node, health, logger, electionTicks, nowMs, onChange });
    this.#writer = new LogWriter({
      wal,
      snapshots,
      logger,
      health,
      onDurable: (ready) => {
        this.#onDurable(ready);
      },
      onError: options.onFailure,
    });
    this.#reads = new ReadRequests(node, (id, value, error) => {
      this.answer(id, value, error);
    });
    this.snapshotKeeper = new SnapshotKeeper(
      {
        node,
        wal,
        snapshots,
        logger,
        intervalEntries: options.snapshotIntervalEntries,
        keepEntries: options.snapshotKeepEntries,
        ask: (logIndex) => {
          options.post({ op: 'snapshotNeeded', logIndex });
        },
      },
      options.snapshotIndex,
    );
    this.#deliveries.onApplied(options.snapshotIndex);
  }

  get applied(): number {
    return this.#deliveries.applied;
  }

  /** How the disk of the log does. */
  get disk(): DiskState {
    return this.#disk.state;
  }

  get writeCount(): number {
    return this.#writer.writeCount;
  }

  /** Answers a request of the main thread. */
  answer(id: number, value: number, error?: unknown): void {
    this.#options.post({
      op: 'answer',
      id,
      value,
      error: error === undefined ? undefined : toErrorRecord(error),
    });
  }

  /** One tick of time. */
  tick(): void {
    this.#node.tick();
    this.#disk.tick();
    this.#ticksWithoutLeadership = this.#node.isLeader ? 0 : this.#ticksWithoutLeadership + 1;
    if (this.#ticksWithoutLeadership > this.#options.electionTicks * 2 && this.#proposals.size > 0) {
      const lost = new SwarmError(
        'unavailable',
        'this manager lost the leadership before the change was confirmed; it may or may not have been made',
      );
      this.#reject(this.#proposals.takeAll(), lost);
    }
    this.#reads.tick();
    this.requests.tick();
    this.schedule();
  }

  /** Messages of other members. */
  step(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#node.step(message);
    }
    this.schedule();
  }

  /** A command that concerns the log. */
  onCommand(command: Extract<ThreadCommand, { op: 'propose' | 'applied' | 'snapshot' | 'readIndex' }>): void {
    switch (command.op) {
      case 'propose':
        this.#propose(command.firstId, unpackItems(command.packed), command.term);
        break;
      case 'applied':
        this.#onApplied(command.logIndex);
        break;
      case 'readIndex':
        this.#reads.add(command.id);
        break;
      case 'snapshot':
        this.snapshotKeeper.onData(command.logIndex, command.data).catch(this.#options.onFailure);
        break;
    }
    this.schedule();
  }

  #propose(firstId: number, items: readonly Uint8Array[], term: number | undefined): void {
    const ids = items.map((_item, i) => firstId + i);
    if (term !== undefined && term !== this.#node.term) {
      this.#reject(ids, electionSince());
      return;
    }
    const proposed = this.#node.proposeBatch(items);
    if (proposed.ok) {
      this.#proposals.add(firstId, items.length, proposed.value);
    } else {
      this.#reject(ids, this.withLeader(proposed.error));
    }
  }

  #reject(ids: readonly number[], error: SwarmError): void {
    if (ids.length > 0) {
      this.#options.post({ op: 'rejected', ids, error: toErrorRecord(error) });
    }
  }

  /** Adds to a `not_leader` where the leader is, and to `unavailable` what this manager lacks. */
  withLeader(error: SwarmError): SwarmError {
    if (error.code === 'unavailable' && this.disk === 'full') {
      return new SwarmError(
        'unavailable',
        `${error.message}; the disk of this manager is full, make room on it`,
      );
    }
    const leader = this.#node.membership.members.find((item) => item.raftId === this.#node.leaderId);
    if (error.code !== 'not_leader' || leader === undefined) {
      return error;
    }
    return new SwarmError(
      'not_leader',
      `${error.message}; the leader is ${leader.nodeId} at ${leader.addr}`,
      {
        details: { leaderNodeId: leader.nodeId, leaderAddr: leader.addr },
      },
    );
  }

  #onApplied(logIndex: number): void {
    this.#deliveries.onApplied(logIndex);
    this.#node.pauseHandOut(this.#deliveries.isFull);
    this.snapshotKeeper.onApplied(logIndex);
  }

  /** Carries out what is due after everything that is ready now has been stepped in. */
  schedule(): void {
    if (!this.#isScheduled && !this.#isStopped) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#run();
      });
    }
  }

  #run(): void {
    try {
      while (!this.#isStopped && this.#node.hasReady()) {
        this.#carryOut(this.#node.ready());
      }
      this.requests.check();
    } catch (error) {
      this.#options.onFailure(error);
    }
  }

  #carryOut(ready: Ready): void {
    const { transport } = this.#options;
    transport.send(ready.messages);
    if (ready.committed.length > 0) {
      this.#deliver(ready.committed);
    }
    for (const read of ready.readStates) {
      this.#reads.onConfirmed(read.context, read.logIndex);
    }
    if (ready.membership !== undefined) {
      this.#onMembership(ready.membership);
    }
    if (ready.softState !== undefined) {
      this.#reads.retry();
    }
    if (ready.membership !== undefined || ready.softState !== undefined) {
      this.#options.onChange();
    }
    this.#writer.add(ready);
  }

  #onMembership(membership: Membership): void {
    this.#options.transport.setMembers(membership.members, membership.removed);
  }

  #deliver(committed: readonly Entry[]): void {
    const { resolved, lost } = this.#proposals.settle(committed);
    const entries = committed.map(({ logIndex, term, kind, data }) => ({
      logIndex,
      term,
      // A membership change is not the application's business; its index is.
      data: kind === 'normal' ? data : new Uint8Array(0),
    }));
    const packed = packEntries(entries);
    this.#deliveries.add(entries.at(-1)?.logIndex ?? 0, packed.length);
    this.#node.pauseHandOut(this.#deliveries.isFull);
    this.#options.post({ op: 'committed', packed, snapshot: undefined, resolved });
    const replaced = 'another change was committed in the place of this one; it was not made';
    this.#reject(lost, new SwarmError('unavailable', replaced));
  }

  #onDurable(ready: Ready): void {
    if (ready.snapshot !== undefined) {
      const { meta, data } = ready.snapshot;
      const { logIndex } = meta;
      this.#options.logger.info({ logIndex, sizeBytes: data.length }, 'installed a snapshot of the leader');
      const packed = packEntries([]);
      // Copied, not transferred: the core may still need it.
      const copy = { logIndex, data: new Uint8Array(data) };
      this.#options.post({ op: 'committed', packed, snapshot: copy, resolved: [] });
      this.snapshotKeeper.onInstalled(logIndex);
    }
    this.#options.transport.send(ready.messagesAfterWrite);
    this.#node.advance();
    this.schedule();
  }

  /** Finishes the write under way and does nothing more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#writer.stop();
  }
}
