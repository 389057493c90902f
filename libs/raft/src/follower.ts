import { NO_NODE } from './entry.ts';
import type { Message, MessageOf } from './message.ts';
import type { RaftState } from './raft-state.ts';

/** What a role asks the dispatcher to do, because another role's file does it. */
export type Wish = 'campaign' | 'campaignForTransfer' | undefined;

/** Follows `leaderId` (or waits for one) in `term`. */
export function becomeFollower(state: RaftState, term: number, leaderId: number): void {
  state.reset(term);
  state.role = 'follower';
  state.leaderId = leaderId;
}

/** One tick without news; wishes to campaign when the leader was silent for too long (paper, section 5.2). */
export function tickFollower(state: RaftState): Wish {
  state.electionElapsed += 1;
  if (!state.canCampaign || state.electionElapsed < state.electionTimeout) {
    return undefined;
  }
  state.electionElapsed = 0;
  return 'campaign';
}

/** A message of the current term, to a follower. */
export function stepFollower(state: RaftState, message: Message): Wish {
  switch (message.type) {
    case 'append':
      followLeader(state, message.from);
      handleAppend(state, message);
      return undefined;
    case 'heartbeat':
      followLeader(state, message.from);
      handleHeartbeat(state, message);
      return undefined;
    case 'snapshot':
      followLeader(state, message.from);
      handleSnapshot(state, message);
      return undefined;
    case 'timeoutNow':
      return state.canCampaign ? 'campaignForTransfer' : undefined;
    case 'forward':
    case 'readIndex':
    case 'transfer':
      passOn(state, message);
      return undefined;
    case 'readIndexReply':
      state.readStates.push({ context: message.context, logIndex: message.logIndex });
      return undefined;
    default:
      // Answers to a campaign or a leadership that is over.
      return undefined;
  }
}

function followLeader(state: RaftState, leaderId: number): void {
  state.electionElapsed = 0;
  state.leaderId = leaderId;
}

/** Sends a request on to the leader once; without a leader it is dropped and the asker tries again. */
function passOn(state: RaftState, message: MessageOf<'forward' | 'readIndex' | 'transfer'>): void {
  if (state.leaderId !== NO_NODE && message.from === state.id) {
    state.send(state.leaderId, message, 0);
  }
}

/** Paper, figure 2, AppendEntries as the receiver sees it. */
export function handleAppend(state: RaftState, message: MessageOf<'append'>): void {
  const { log } = state;
  const { prevLogIndex, prevLogTerm, entries, from } = message;
  if (prevLogIndex < log.commit) {
    // Older than what is committed: it can teach nothing, but the leader learns where this node stands.
    reply(state, from, log.commit);
    return;
  }
  const matched = log.tryAppend(prevLogIndex, prevLogTerm, entries);
  if (matched !== undefined) {
    log.commitTo(Math.min(message.commit, matched));
    reply(state, from, matched);
    return;
  }
  const hint = log.findAgreement(Math.min(prevLogIndex, log.lastIndex), prevLogTerm);
  state.send(from, {
    type: 'appendReply',
    logIndex: prevLogIndex,
    isRejected: true,
    hintIndex: hint.logIndex,
    hintTerm: hint.term,
  });
}

export function handleHeartbeat(state: RaftState, message: MessageOf<'heartbeat'>): void {
  // The leader never names more than it knows this follower to have, so the entries are here.
  state.log.commitTo(Math.min(message.commit, state.log.lastIndex));
  state.send(message.from, { type: 'heartbeatReply', readRound: message.readRound });
}

/** Paper, section 7, InstallSnapshot as the receiver sees it. */
export function handleSnapshot(state: RaftState, message: MessageOf<'snapshot'>): void {
  const { log } = state;
  const { meta } = message.snapshot;
  if (meta.logIndex > log.commit) {
    if (log.matches(meta.logIndex, meta.term)) {
      // Everything in the snapshot is here already; only the news that it is committed is new.
      log.commitTo(meta.logIndex);
    } else {
      // A new learner is not in the snapshot's membership yet; the entries after it will name it.
      log.restore(message.snapshot);
      state.membership = meta.membership;
      reply(state, message.from, log.lastIndex);
      return;
    }
  }
  reply(state, message.from, log.commit);
}

function reply(state: RaftState, to: number, logIndex: number): void {
  state.send(to, { type: 'appendReply', logIndex, isRejected: false, hintIndex: 0, hintTerm: 0 });
}
