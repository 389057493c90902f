import { assert, fail, ok, present, type Result } from '@skep/kernel';

import { encodeMembershipChange } from './codec.ts';
import { ENTRY_OVERHEAD_BYTES, NO_NODE, type Entry, type EntryKind } from './entry.ts';
import { becomeFollower } from './follower.ts';
import { applyMembershipChange, isJoint, isMember, isVoter, type MembershipChange } from './membership.ts';
import { extendLease, holdsLease } from './lease.ts';
import type { Message, MessageOf } from './message.ts';
import { Progress } from './progress.ts';
import { committedIndex, hasQuorum } from './quorum.ts';
import type { RaftState } from './raft-state.ts';
import { noteMatch, requestSnapshotRetry } from './replication.ts';

/** Where a proposal stands in the log. It is committed when this entry of this term is handed out as committed. */
export interface Proposed {
  readonly logIndex: number;
  readonly term: number;
}

const EMPTY = new Uint8Array(0);

/** Takes over after a won election (paper, figure 2, Leaders). */
export function becomeLeader(state: RaftState): void {
  assert(state.role === 'candidate', `invalid transition [${state.role} -> leader]`);
  state.reset(state.term);
  state.role = 'leader';
  state.leaderId = state.id;
  syncProgress(state);
  const self = present(state.progress.get(state.id), 'own progress');
  self.becomeReplicate();
  self.advanceMatch(state.log.stable);
  // Changes of earlier terms may be in the log and not applied: none may be added until all of it is applied.
  state.pendingMembershipIndex = state.log.lastIndex;
  // An entry of the own term commits everything before it (paper, section 5.4.2, and section 8 for reads).
  appendEntries(state, [EMPTY], 'normal');
}

/** Makes the followed set equal to the membership; new followers start as probes. */
function syncProgress(state: RaftState): void {
  for (const member of state.membership.members) {
    if (!state.progress.has(member.raftId)) {
      const progress = new Progress(state.log.lastIndex + 1, state.config);
      // Give a newcomer a full period before the quorum check counts it as gone.
      progress.isRecentlyActive = true;
      state.progress.set(member.raftId, progress);
    }
  }
  for (const raftId of [...state.progress.keys()]) {
    if (!isMember(state.membership, raftId)) {
      state.progress.delete(raftId);
    }
  }
  state.isReplicationDue = true;
}

function appendEntries(state: RaftState, items: readonly Uint8Array[], kind: EntryKind): Proposed {
  const first = state.log.lastIndex + 1;
  const entries: Entry[] = items.map((data, i) => ({
    logIndex: first + i,
    term: state.term,
    kind,
    data,
  }));
  state.log.append(entries);
  state.isReplicationDue = true;
  return { logIndex: first, term: state.term };
}

/**
 * Appends proposals in one go. Refused with `unavailable` while the leadership is handed over, and with
 * `resource_exhausted` when too much is proposed and not committed.
 */
export function proposeEntries(state: RaftState, items: readonly Uint8Array[]): Result<Proposed> {
  if (state.transferee !== NO_NODE) {
    return fail('unavailable', 'the leadership is being handed over; try again');
  }
  if (!state.progress.has(state.id)) {
    return fail('not_leader', 'this member was removed from the group');
  }
  const sizeBytes = items.reduce((sum, data) => sum + data.length + ENTRY_OVERHEAD_BYTES, 0);
  // The first proposal always passes, or one above the limit could never be made.
  if (state.uncommittedBytes > 0 && state.uncommittedBytes + sizeBytes > state.config.uncommittedBytesMax) {
    return fail(
      'resource_exhausted',
      `more than ${String(state.config.uncommittedBytesMax)} bytes wait to be committed; try again`,
    );
  }
  state.uncommittedBytes += sizeBytes;
  return ok(appendEntries(state, items, 'normal'));
}

/** Proposes a change of the membership; one at a time (thesis, section 4.1). */
export function proposeMembershipChange(state: RaftState, change: MembershipChange): Result<Proposed> {
  if (state.pendingMembershipIndex > state.log.applied) {
    return fail('unavailable', 'another membership change is not applied yet; try again');
  }
  if (state.transferee !== NO_NODE) {
    return fail('unavailable', 'the leadership is being handed over; try again');
  }
  const next = applyMembershipChange(state.membership, change);
  if (!next.ok) {
    return next;
  }
  const proposed = appendEntries(state, [encodeMembershipChange(change)], 'membership');
  state.pendingMembershipIndex = proposed.logIndex;
  return ok(proposed);
}

/** Follows up on a membership that was just applied (thesis, sections 4.2.2 and 4.3). */
export function onMembershipApplied(state: RaftState): void {
  syncProgress(state);
  if (!isMember(state.membership, state.id) || !isVoter(state.membership, state.id)) {
    becomeFollower(state, state.term, NO_NODE);
    return;
  }
  if (state.transferee !== NO_NODE && !isVoter(state.membership, state.transferee)) {
    state.transferee = NO_NODE;
  }
  // A smaller quorum may already hold more than was committed.
  maybeCommit(state);
}

/** Leaves a joint configuration by itself as soon as everything up to it is applied. */
export function maybeLeaveJoint(state: RaftState): void {
  const isDue = isJoint(state.membership) && state.membership.autoLeave;
  if (isDue && state.log.applied >= state.pendingMembershipIndex) {
    const leave: MembershipChange = { transition: 'auto', changes: [] };
    const proposed = appendEntries(state, [encodeMembershipChange(leave)], 'membership');
    state.pendingMembershipIndex = proposed.logIndex;
  }
}

/** Commits what a quorum has, if it is of this term (paper, section 5.4.2 and figure 8). */
export function maybeCommit(state: RaftState): boolean {
  const logIndex = committedIndex(state.membership, (raftId) => state.progress.get(raftId)?.match ?? 0);
  const isOwnTerm = state.log.matches(logIndex, state.term);
  if (!isOwnTerm || !state.log.commitTo(Math.min(logIndex, state.log.lastIndex))) {
    return false;
  }
  state.isReplicationDue = true;
  return true;
}

/** Called when entries of this leader became durable here: only now does it count itself. */
export function acknowledgeOwnWrite(state: RaftState): void {
  const self = state.progress.get(state.id);
  if (self?.advanceMatch(state.log.stable) === true) {
    maybeCommit(state);
  }
}

export function tickLeader(state: RaftState): void {
  state.heartbeatElapsed += 1;
  state.electionElapsed += 1;
  state.leaderTicks += 1;
  if (state.electionElapsed >= state.config.electionTicks) {
    state.electionElapsed = 0;
    // A transfer that takes longer than an election has failed.
    state.transferee = NO_NODE;
    if (state.config.useCheckQuorum && !checkQuorum(state)) {
      becomeFollower(state, state.term, NO_NODE);
      return;
    }
  }
  if (state.heartbeatElapsed >= state.config.heartbeatTicks) {
    if (state.config.readMode === 'lease' && hasCommittedInTerm(state)) {
      // Each heartbeat renews the lease.
      startRound(state);
    }
    broadcastHeartbeat(state);
  }
}

function checkQuorum(state: RaftState): boolean {
  const isHeld = hasQuorum(
    state.membership,
    (raftId) => raftId === state.id || state.progress.get(raftId)?.isRecentlyActive === true,
  );
  for (const progress of state.progress.values()) {
    progress.wasActive = progress.isRecentlyActive;
    progress.isRecentlyActive = false;
  }
  return isHeld;
}

export function broadcastHeartbeat(state: RaftState): void {
  state.heartbeatElapsed = 0;
  for (const [raftId, progress] of state.progress) {
    if (raftId !== state.id) {
      // Never more than the follower is known to have: it commits what it is told.
      const commit = Math.min(progress.match, state.log.commit);
      state.send(raftId, { type: 'heartbeat', commit, readRound: state.reads.pendingRound });
    }
  }
}

/** A message of the current term, to the leader. */
export function stepLeader(state: RaftState, message: Message): void {
  switch (message.type) {
    case 'appendReply':
      onAppendReply(state, message);
      break;
    case 'heartbeatReply':
      onHeartbeatReply(state, message);
      break;
    case 'forward':
      proposeEntries(state, message.proposals);
      break;
    case 'readIndex':
      addRead(state, message.from, message.context);
      break;
    case 'transfer':
      transferTo(state, message.transferee);
      break;
    default:
      assert(
        message.type !== 'append' && message.type !== 'heartbeat' && message.type !== 'snapshot',
        `two leaders in term ${String(state.term)}: ${String(state.id)} and ${String(message.from)}`,
      );
      break;
  }
}

function onAppendReply(state: RaftState, message: MessageOf<'appendReply'>): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) {
    return;
  }
  progress.isRecentlyActive = true;
  if (message.isRejected) {
    const hint = state.log.findAgreement(message.hintIndex, message.hintTerm);
    if (progress.stepBack(message.logIndex, hint.logIndex)) {
      if (progress.state === 'replicate') {
        progress.becomeProbe();
      }
      state.isReplicationDue = true;
    }
    return;
  }
  if (!noteMatch(state, progress, message.logIndex)) {
    return;
  }
  maybeCommit(state);
  state.isReplicationDue = true;
  if (message.from === state.transferee && progress.match === state.log.lastIndex) {
    tellToCampaign(state, state.transferee);
  }
}

function onHeartbeatReply(state: RaftState, message: MessageOf<'heartbeatReply'>): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) {
    return;
  }
  progress.isRecentlyActive = true;
  progress.isProbeSent = false;
  if (progress.match < state.log.lastIndex) {
    // What was sent may be lost: an empty append finds out.
    progress.isProbeDue = true;
    state.isReplicationDue = true;
  }
  state.reads.acknowledge(message.readRound, message.from);
  releaseReads(state);
}

/** A follower could not be reached: go back to one careful message at a time. */
export function onUnreachable(state: RaftState, raftId: number): void {
  const progress = state.progress.get(raftId);
  if (progress?.state === 'replicate') {
    progress.becomeProbe();
  }
}

/** A snapshot sent to `raftId` has arrived or failed. */
export function onSnapshotSent(state: RaftState, raftId: number, hasArrived: boolean): void {
  const progress = state.progress.get(raftId);
  if (progress?.state === 'snapshot') {
    requestSnapshotRetry(progress, hasArrived);
  }
}

/** Hands the leadership to a voter, when it has caught up (thesis, section 3.10). */
export function transferTo(state: RaftState, transferee: number): void {
  const progress = state.progress.get(transferee);
  if (
    progress === undefined ||
    transferee === state.id ||
    transferee === state.transferee ||
    !isVoter(state.membership, transferee)
  ) {
    return;
  }
  state.electionElapsed = 0;
  state.transferee = transferee;
  if (progress.match === state.log.lastIndex) {
    tellToCampaign(state, transferee);
  } else {
    progress.isProbeSent = false;
    progress.isProbeDue = true;
    state.isReplicationDue = true;
  }
}

function tellToCampaign(state: RaftState, transferee: number): void {
  // The message may be late; whenever it comes, no lease of this term holds its reader back.
  state.hasForfeitedLease = true;
  state.send(transferee, { type: 'timeoutNow' });
}

/** Takes a linearizable read of `from`; false when too many wait. */
export function addRead(state: RaftState, from: number, context: number): boolean {
  if (state.reads.size >= state.config.pendingReadsMax) {
    return false;
  }
  state.reads.add({ from, context });
  return true;
}

/** Whether a round of reads can start: not before an entry of the own term is committed (thesis, section 6.4). */
export function canStartReads(state: RaftState): boolean {
  return state.reads.hasWaiting && hasCommittedInTerm(state);
}

function hasCommittedInTerm(state: RaftState): boolean {
  return state.log.termAt(state.log.commit) === state.term;
}

/** Starts one round for all reads that wait, or answers them at once where no question is needed. */
export function startReads(state: RaftState): void {
  const isOnlyVoter = hasQuorum(state.membership, (raftId) => raftId === state.id);
  if (isOnlyVoter || holdsLease(state)) {
    for (const request of state.reads.takeWaiting()) {
      answerRead(state, request.from, request.context, state.log.commit);
    }
    return;
  }
  startRound(state);
  broadcastHeartbeat(state);
}

function startRound(state: RaftState): void {
  const { id: self, leaderTicks: sentTick, log } = state;
  state.reads.startRound({ logIndex: log.commit, self, sentTick });
}

function releaseReads(state: RaftState): void {
  const confirmed = state.reads.takeConfirmed((acks) =>
    hasQuorum(state.membership, (raftId) => acks.has(raftId)),
  );
  for (const round of confirmed) {
    extendLease(state, round.sentTick);
    for (const request of round.requests) {
      answerRead(state, request.from, request.context, round.logIndex);
    }
  }
}

function answerRead(state: RaftState, to: number, context: number, logIndex: number): void {
  if (to === state.id) {
    state.readStates.push({ context, logIndex });
  } else {
    state.send(to, { type: 'readIndexReply', context, logIndex });
  }
}
