import { NO_NODE } from './entry.ts';
import { becomeFollower, handleAppend, handleHeartbeat, handleSnapshot, type Wish } from './follower.ts';
import { becomeLeader } from './leader.ts';
import { allVoters } from './membership.ts';
import type { Message } from './message.ts';
import { voteResult, type VoteResult } from './quorum.ts';
import type { RaftState } from './raft-state.ts';

/** `transfer`: the leader asked for this campaign, so neither a pre-vote nor a lease holds it back. */
export type CampaignKind = 'preVote' | 'vote' | 'transfer';

/** Starts an election, or asks first whether one could be won. */
export function campaign(state: RaftState, kind: CampaignKind): void {
  if (!state.canCampaign || state.log.hasUnappliedMembership) {
    // A committed change that is not applied yet may have taken the right to lead away.
    return;
  }
  if (kind === 'preVote') {
    becomePreCandidate(state);
  } else {
    becomeCandidate(state);
  }
  const type = kind === 'preVote' ? 'preVote' : 'vote';
  const term = kind === 'preVote' ? state.term + 1 : state.term;
  for (const voter of allVoters(state.membership)) {
    if (voter !== state.id) {
      const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = state.log;
      const isTransfer = kind === 'transfer';
      state.send(voter, { type, lastLogIndex, lastLogTerm, isTransfer, ...state.commitNews }, term);
    }
  }
  if (kind === 'preVote') {
    // A pre-vote binds nobody. A real vote for oneself counts only once it is durable: see countOwnVote.
    countVote(state, state.id, true);
  }
}

function becomePreCandidate(state: RaftState): void {
  state.role = 'preCandidate';
  state.leaderId = NO_NODE;
  state.electionElapsed = 0;
  state.drawElectionTimeout();
  state.votes.clear();
}

function becomeCandidate(state: RaftState): void {
  state.reset(state.term + 1);
  state.role = 'candidate';
  state.vote = state.id;
}

/** Called when the hard state with `term` and the vote for oneself is durable. */
export function countOwnVote(state: RaftState, term: number): void {
  if (state.role === 'candidate' && state.term === term && state.vote === state.id) {
    countVote(state, state.id, true);
  }
}

function countVote(state: RaftState, from: number, isGranted: boolean): void {
  if (!state.votes.has(from)) {
    state.votes.set(from, isGranted);
  }
  switch (tally(state)) {
    case 'won':
      if (state.role === 'preCandidate') {
        campaign(state, 'vote');
      } else {
        becomeLeader(state);
      }
      break;
    case 'lost':
      becomeFollower(state, state.term, NO_NODE);
      break;
    case 'pending':
      break;
  }
}

function tally(state: RaftState): VoteResult {
  return voteResult(state.membership, state.votes);
}

/** One tick of an election that is not decided; starts a new one when it takes too long. */
export function tickCandidate(state: RaftState): Wish {
  state.electionElapsed += 1;
  if (state.electionElapsed < state.electionTimeout) {
    return undefined;
  }
  state.electionElapsed = 0;
  return 'campaign';
}

/** A message of the current term, to a candidate of either kind. */
export function stepCandidate(state: RaftState, message: Message): void {
  switch (message.type) {
    case 'append':
      becomeFollower(state, message.term, message.from);
      handleAppend(state, message);
      break;
    case 'heartbeat':
      becomeFollower(state, message.term, message.from);
      handleHeartbeat(state, message);
      break;
    case 'snapshot':
      becomeFollower(state, message.term, message.from);
      handleSnapshot(state, message);
      break;
    case 'voteReply':
    case 'preVoteReply':
      if ((message.type === 'preVoteReply') === (state.role === 'preCandidate')) {
        countVote(state, message.from, !message.isRejected);
      }
      break;
    case 'readIndexReply':
      state.readStates.push({ context: message.context, logIndex: message.logIndex });
      break;
    default:
      // Requests need a leader; there is none.
      break;
  }
}
