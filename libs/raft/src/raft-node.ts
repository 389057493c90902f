import { assert, fail, ok, present, type Result } from '@skep/kernel';

import { countOwnVote } from './candidate.ts';
import { decodeMembershipChange } from './codec.ts';
import { validateConfig, type RaftConfig } from './config.ts';
import { NO_NODE, entrySizeBytes, type Entry, type HardState } from './entry.ts';
import { becomeFollower } from './follower.ts';
import {
  acknowledgeOwnWrite,
  addRead,
  canStartReads,
  maybeLeaveJoint,
  onMembershipApplied,
  onSnapshotSent,
  onUnreachable,
  proposeEntries,
  proposeMembershipChange,
  startReads,
  type Proposed,
} from './leader.ts';
import {
  EMPTY_MEMBERSHIP,
  applyMembershipChange,
  type Membership,
  type MembershipChange,
} from './membership.ts';
import type { Message } from './message.ts';
import type { ProgressState } from './progress.ts';
import { RaftLog } from './raft-log.ts';
import { RaftState, type Role } from './raft-state.ts';
import type { ReadState } from './read-index.ts';
import { hasQuorum } from './quorum.ts';
import { replicate } from './replication.ts';
import type { Snapshot, SnapshotMeta } from './snapshot.ts';
import { giveUpOutdatedCampaign, startCampaign, step, tick } from './step.ts';

/** What changes often and need not survive a crash. */
export interface SoftState {
  readonly role: Role;
  readonly leaderId: number;
}

/**
 * What the host has to do now. In this order:
 *
 * 1. `messages` may be sent at once, also while step 2 runs.
 * 2. Make durable, as one unit: `snapshot` (which replaces everything before it), then `entries` (which replace
 *    any stored entries at and after the first one's index), then `hardState`. When `mustSync` is false there is
 *    nothing that has to reach the disk now; `hardState` may wait for the next write.
 * 3. When this and all earlier writes are durable: send `messagesAfterWrite`, then call `advance()`.
 *
 * `committed` and `readStates` are independent of the write: everything in them is durable already. They go to the
 * application in order; a `snapshot` goes there after its write, before any later `committed`.
 *
 * Several `Ready` may be outstanding; each needs one `advance()`, in the order they were given.
 */
export interface Ready {
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly mustSync: boolean;
  readonly messages: readonly Message[];
  readonly messagesAfterWrite: readonly Message[];
  readonly committed: readonly Entry[];
  /** The membership, when `committed` or `snapshot` changed it. */
  readonly membership: Membership | undefined;
  readonly readStates: readonly ReadState[];
}

/** What a node starts from: nothing, or what its disk holds. */
export interface StoredState {
  readonly hardState: HardState;
  /** Newest snapshot, if there is one. */
  readonly snapshot: SnapshotMeta | undefined;
  /** All entries after the snapshot, without a gap. */
  readonly entries: readonly Entry[];
}

export interface FollowerStatus {
  readonly raftId: number;
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  readonly isRecentlyActive: boolean;
  readonly inflightCount: number;
}

export interface NodeStatus extends SoftState {
  readonly raftId: number;
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
  readonly firstIndex: number;
  readonly transferee: number;
  readonly membership: Membership;
  /** Only on the leader. */
  readonly followers: readonly FollowerStatus[];
}

interface PendingWrite {
  readonly term: number;
  readonly snapshotIndex: number | undefined;
  readonly ownVote: boolean;
}

const EMPTY_HARD_STATE: HardState = { term: 0, vote: NO_NODE, commit: 0 };

/**
 * One member of a Raft group, as a deterministic machine without clock, disk or network: inputs are `step`, `tick`
 * and the requests; output is {@link Ready}. The same inputs and the same random source always give the same output.
 */
export class RaftNode {
  readonly #state: RaftState;
  readonly #writes: PendingWrite[] = [];
  #lastHardState: HardState;
  #lastSoftState: SoftState = { role: 'follower', leaderId: NO_NODE };
  /** Memberships by the index at which they took effect, newest last; for snapshots of older indexes. */
  #history: { readonly logIndex: number; readonly membership: Membership }[];

  /** @throws SwarmError `invalid_argument` when the configuration is not valid. */
  constructor(config: RaftConfig, stored?: StoredState) {
    validateConfig(config);
    const hardState = stored?.hardState ?? EMPTY_HARD_STATE;
    const snapshot = stored?.snapshot;
    const membership = snapshot?.membership ?? EMPTY_MEMBERSHIP;
    const commit = Math.max(hardState.commit, snapshot?.logIndex ?? 0);
    const log = new RaftLog(snapshot, stored?.entries ?? [], commit);
    this.#state = new RaftState({ config, log, hardState, membership });
    this.#state.drawElectionTimeout();
    this.#lastHardState = hardState;
    this.#history = [{ logIndex: snapshot?.logIndex ?? 0, membership }];
  }

  get raftId(): number {
    return this.#state.id;
  }

  get isLeader(): boolean {
    return this.#state.role === 'leader';
  }

  get leaderId(): number {
    return this.#state.leaderId;
  }

  get term(): number {
    return this.#state.term;
  }

  get membership(): Membership {
    return this.#state.membership;
  }

  /** The term of the entry at `logIndex`; undefined when it is compacted away or not there yet. */
  termAt(logIndex: number): number | undefined {
    return this.#state.log.termAt(logIndex);
  }

  /** Takes in a message of another member. */
  step(message: Message): void {
    step(this.#state, message);
  }

  /** One period of time has passed. */
  tick(): void {
    tick(this.#state);
  }

  /** Starts an election now. */
  campaign(): void {
    startCampaign(this.#state);
  }

  /** Proposes data; the answer says where it stands in the log, not that it is committed. */
  propose(data: Uint8Array): Result<Proposed> {
    return this.proposeBatch([data]);
  }

  /** Proposes many in one go: they get consecutive indexes, starting at the answer's. */
  proposeBatch(items: readonly Uint8Array[]): Result<Proposed> {
    const state = this.#state;
    assert(items.length > 0, 'a batch of proposals must not be empty');
    if (state.role === 'leader') {
      return proposeEntries(state, items);
    }
    if (state.config.forwardProposals && state.leaderId !== NO_NODE) {
      state.send(state.leaderId, { type: 'forward', proposals: items }, 0);
      return ok({ logIndex: 0, term: 0 });
    }
    return this.#notLeader();
  }

  /** Proposes a change of the membership. One at a time; only the leader takes it. */
  proposeMembership(change: MembershipChange): Result<Proposed> {
    return this.isLeader ? proposeMembershipChange(this.#state, change) : this.#notLeader();
  }

  /** Asks for the index that a linearizable read has to wait for; it comes as a `readState` with `context`. */
  readIndex(context: number): Result<void> {
    const state = this.#state;
    if (state.role === 'leader') {
      return addRead(state, state.id, context)
        ? ok(undefined)
        : fail('resource_exhausted', 'too many reads wait for confirmation; try again');
    }
    if (state.leaderId === NO_NODE) {
      return this.#notLeader();
    }
    state.send(state.leaderId, { type: 'readIndex', context }, 0);
    return ok(undefined);
  }

  /** Hands the leadership to `transferee`; nothing happens when that is not possible. Any member may ask. */
  transferLeadership(transferee: number): void {
    const { id } = this.#state;
    step(this.#state, { type: 'transfer', transferee, from: id, to: id, term: 0 });
  }

  /**
   * Keeps this member from campaigning and from taking a leadership over, or lets it again: for a host that could not
   * do a leader's work now. It goes on following and voting.
   */
  holdBack(isHeldBack: boolean): void {
    this.#state.isHeldBack = isHeldBack;
    giveUpOutdatedCampaign(this.#state);
  }

  /** A leader goes back to following, in its own term; what it proposed may still be committed by the next one. */
  stepDown(): void {
    const state = this.#state;
    if (state.role === 'leader') {
      becomeFollower(state, state.term, NO_NODE);
    }
  }

  /** The host could not reach `raftId`. */
  reportUnreachable(raftId: number): void {
    onUnreachable(this.#state, raftId);
  }

  /** A snapshot for `raftId` was delivered (or not). Every sent snapshot must be reported, or it blocks. */
  reportSnapshot(raftId: number, hasArrived: boolean): void {
    onSnapshotSent(this.#state, raftId, hasArrived);
  }

  #notLeader(): Result<never> {
    const { leaderId } = this.#state;
    return leaderId === NO_NODE
      ? fail('unavailable', 'the managers have no leader now; try again', {
          details: { leaderId: null },
        })
      : fail('not_leader', 'this manager is not the leader', { details: { leaderId } });
  }

  /** Whether {@link ready} has anything to say. */
  hasReady(): boolean {
    const state = this.#state;
    return (
      state.outbox.length > 0 ||
      state.outboxAfterWrite.length > 0 ||
      state.readStates.length > 0 ||
      state.log.hasUnstable ||
      (state.log.hasCommittedToHandOut && !state.isHandOutPaused) ||
      this.#isLeaderWorkDue() ||
      this.#changedHardState() !== undefined ||
      this.#changedSoftState() !== undefined
    );
  }

  #isLeaderWorkDue(): boolean {
    const state = this.#state;
    return state.role === 'leader' && (state.isReplicationDue || canStartReads(state));
  }

  #changedHardState(): HardState | undefined {
    const { term, vote, log } = this.#state;
    const last = this.#lastHardState;
    const isSame = last.term === term && last.vote === vote && last.commit === log.commit;
    return isSame ? undefined : { term, vote, commit: log.commit };
  }

  #changedSoftState(): SoftState | undefined {
    const { role, leaderId } = this.#state;
    const last = this.#lastSoftState;
    return last.role === role && last.leaderId === leaderId ? undefined : { role, leaderId };
  }

  /** Everything that has to be done now; see {@link Ready} for the obligations. */
  ready(): Ready {
    const state = this.#state;
    const membershipBefore = state.membership;
    const committed = this.#takeCommitted();
    if (state.role === 'leader') {
      if (canStartReads(state)) {
        startReads(state);
      }
      if (state.isReplicationDue) {
        replicate(state);
      }
    }
    const { entries, snapshot } = state.log.startWrite();
    if (snapshot !== undefined) {
      this.#history = [{ logIndex: snapshot.meta.logIndex, membership: snapshot.meta.membership }];
    }
    const hardState = this.#changedHardState();
    const last = this.#lastHardState;
    const isVoteNew =
      hardState !== undefined && (hardState.term !== last.term || hardState.vote !== last.vote);
    const softState = this.#changedSoftState();
    this.#lastHardState = hardState ?? last;
    this.#lastSoftState = softState ?? this.#lastSoftState;
    this.#writes.push({
      term: state.term,
      snapshotIndex: snapshot?.meta.logIndex,
      ownVote: isVoteNew && hardState.vote === state.id,
    });
    const ready: Ready = {
      softState,
      hardState,
      entries,
      snapshot,
      mustSync: isVoteNew || entries.length > 0 || snapshot !== undefined,
      messages: state.outbox,
      messagesAfterWrite: state.outboxAfterWrite,
      committed,
      membership:
        snapshot !== undefined || state.membership !== membershipBefore ? state.membership : undefined,
      readStates: state.readStates,
    };
    state.outbox = [];
    state.outboxAfterWrite = [];
    state.readStates = [];
    return ready;
  }

  #takeCommitted(): readonly Entry[] {
    const state = this.#state;
    if (state.isHandOutPaused) {
      return [];
    }
    const committed = state.log.takeCommitted(state.config.committedBytesMax);
    for (const entry of committed) {
      state.uncommittedBytes = Math.max(0, state.uncommittedBytes - entrySizeBytes(entry));
      if (entry.kind === 'membership') {
        this.#applyMembership(entry);
      }
    }
    if (state.role === 'leader' && committed.length > 0) {
      maybeLeaveJoint(state);
    }
    return committed;
  }

  #applyMembership(entry: Entry): void {
    const state = this.#state;
    const next = applyMembershipChange(state.membership, decodeMembershipChange(entry.data));
    if (!next.ok) {
      // Every member comes to the same refusal from the same log, so ignoring it is safe.
      return;
    }
    state.membership = next.value;
    this.#history.push({ logIndex: entry.logIndex, membership: next.value });
    if (state.role === 'leader') {
      onMembershipApplied(state);
    } else {
      giveUpOutdatedCampaign(state);
    }
  }

  /** The host has done what the oldest outstanding {@link Ready} asked for. */
  advance(): void {
    const state = this.#state;
    const write = present(this.#writes.shift(), 'outstanding ready');
    state.log.finishWrite(write.snapshotIndex);
    state.durableTerm = Math.max(state.durableTerm, write.term);
    if (write.ownVote) {
      countOwnVote(state, write.term);
    }
    if (state.role === 'leader') {
      acknowledgeOwnWrite(state);
    }
  }

  /** Stops (or goes on) handing out committed entries, for an application that has fallen behind. */
  pauseHandOut(isPaused: boolean): void {
    this.#state.isHandOutPaused = isPaused;
  }

  /** Forgets the bytes of the snapshot in memory: the host sends it from its own file. */
  releaseSnapshotData(): void {
    this.#state.log.releaseSnapshotData();
  }

  /** Whether a quorum (or, on a follower, a leader) was heard from lately. */
  get hasQuorum(): boolean {
    const state = this.#state;
    if (state.role !== 'leader') {
      return state.leaderId !== NO_NODE;
    }
    const isActive = (raftId: number): boolean =>
      raftId === state.id || state.progress.get(raftId)?.isHeard === true;
    return hasQuorum(state.membership, isActive);
  }

  /** The membership that was valid after `logIndex` was applied; `logIndex` must not be compacted away. */
  membershipAt(logIndex: number): Membership {
    const found = this.#history.findLast((item) => item.logIndex <= logIndex);
    return present(found, `membership at ${String(logIndex)}`).membership;
  }

  /**
   * The metadata for a snapshot of the application at `logIndex`, which must be applied and not compacted.
   */
  snapshotMetaAt(logIndex: number): SnapshotMeta {
    const term = present(this.#state.log.termAt(logIndex), `term at ${String(logIndex)}`);
    return { logIndex, term, membership: this.membershipAt(logIndex) };
  }

  /**
   * A snapshot is durable: forget entries up to `compactIndex` (at most the snapshot's; keeping some spares followers
   * that are only a little behind a whole snapshot).
   */
  compact(snapshot: Snapshot, compactIndex: number): void {
    this.#state.log.compact(snapshot, compactIndex);
    const kept = this.#history.findLastIndex((item) => item.logIndex <= snapshot.meta.logIndex);
    this.#history = this.#history.slice(Math.max(kept, 0));
  }

  status(): NodeStatus {
    const state = this.#state;
    const { log } = state;
    return {
      raftId: state.id,
      role: state.role,
      leaderId: state.leaderId,
      term: state.term,
      commit: log.commit,
      applied: log.applied,
      lastIndex: log.lastIndex,
      firstIndex: log.firstIndex,
      transferee: state.transferee,
      membership: state.membership,
      followers: [...state.progress].map(([raftId, progress]) => ({
        raftId,
        match: progress.match,
        next: progress.next,
        state: progress.state,
        isRecentlyActive: progress.isHeard,
        inflightCount: progress.inflights.count,
      })),
    };
  }
}
