import { assert } from '@skep/kernel';

import { campaign, stepCandidate, tickCandidate } from './candidate.ts';
import { NO_NODE } from './entry.ts';
import { becomeFollower, stepFollower, tickFollower, type Wish } from './follower.ts';
import { stepLeader, tickLeader } from './leader.ts';
import { isFromLeader, type Message, type MessageOf } from './message.ts';
import type { RaftState } from './raft-state.ts';

/** One tick of time. */
export function tick(state: RaftState): void {
  state.quietTicks = Math.max(0, state.quietTicks - 1);
  switch (state.role) {
    case 'leader':
      tickLeader(state);
      break;
    case 'follower':
      fulfil(state, tickFollower(state));
      break;
    case 'preCandidate':
    case 'candidate':
      fulfil(state, tickCandidate(state));
      break;
  }
}

/** Starts an election, with a pre-vote where that is configured. */
export function startCampaign(state: RaftState): void {
  if (state.role !== 'leader') {
    campaign(state, state.config.usePreVote ? 'preVote' : 'vote');
  }
}

function fulfil(state: RaftState, wish: Wish): void {
  if (wish === 'campaign') {
    startCampaign(state);
  } else if (wish === 'campaignForTransfer') {
    campaign(state, 'transfer');
  }
}

/** Takes in one message from another member (or a request made here: `from` is then this node). */
export function step(state: RaftState, message: Message): void {
  assert(message.to === state.id, `a message for ${String(message.to)} reached ${String(state.id)}`);
  if ('commitTerm' in message) {
    state.learnCommit(message);
    giveUpOutdatedCampaign(state);
  }
  if (message.term > state.term && !enterTerm(state, message)) {
    return;
  }
  if (message.term < state.term && isBoundToTerm(message)) {
    answerOldTerm(state, message);
    return;
  }
  if (message.type === 'vote' || message.type === 'preVote') {
    handleVote(state, message);
    return;
  }
  switch (state.role) {
    case 'leader':
      stepLeader(state, message);
      break;
    case 'follower':
      fulfil(state, stepFollower(state, message));
      break;
    case 'preCandidate':
    case 'candidate':
      stepCandidate(state, message);
      break;
  }
}

/** A campaign that was begun in one membership must not be won in another. */
export function giveUpOutdatedCampaign(state: RaftState): void {
  const isCampaigning = state.role === 'candidate' || state.role === 'preCandidate';
  if (isCampaigning && (state.log.hasUnappliedMembership || !state.canCampaign)) {
    becomeFollower(state, state.term, NO_NODE);
  }
}

/** Requests carry term 0: they are for whoever leads now. */
function isBoundToTerm(message: Message): boolean {
  return message.term !== 0;
}

/** A message of a later term (paper, section 5.1). False: it is to be ignored. */
function enterTerm(state: RaftState, message: Message): boolean {
  if (message.type === 'vote' || message.type === 'preVote') {
    const hasLease =
      state.config.useCheckQuorum &&
      state.leaderId !== NO_NODE &&
      state.electionElapsed < state.config.electionTicks;
    if ((hasLease || state.quietTicks > 0) && !message.isTransfer) {
      // A member that was removed or cut off must not depose a leader that others hear (thesis, section 4.2.3).
      return false;
    }
  }
  if (message.type === 'preVote') {
    // Only a question: nobody's term changes.
    return true;
  }
  if (message.type === 'preVoteReply' && !message.isRejected) {
    // The term in it is the one that would be campaigned for; it is not anyone's yet.
    return true;
  }
  becomeFollower(state, message.term, isFromLeader(message) ? message.from : NO_NODE);
  return true;
}

/** A message of an earlier term: dropped, but whoever sent it may need to learn of the new term. */
function answerOldTerm(state: RaftState, message: Message): void {
  const { useCheckQuorum, usePreVote } = state.config;
  if (isFromLeader(message) && (useCheckQuorum || usePreVote)) {
    // With leases this node's votes are ignored; only this answer can bring it and the leader together again.
    state.send(message.from, {
      type: 'appendReply',
      logIndex: 0,
      isRejected: false,
      hintIndex: 0,
      hintTerm: 0,
    });
  } else if (message.type === 'preVote' || message.type === 'vote') {
    // A candidate that is behind catches up with the term, and with what is committed, at once.
    const type = message.type === 'preVote' ? 'preVoteReply' : 'voteReply';
    state.send(message.from, { type, isRejected: true, ...state.commitNews });
  }
}

/** Paper, figure 2, RequestVote as the receiver sees it; learners answer too, they may be voters by now. */
function handleVote(state: RaftState, message: MessageOf<'vote' | 'preVote'>): void {
  const isPreVote = message.type === 'preVote';
  const isFree =
    state.vote === message.from ||
    (state.vote === NO_NODE && state.leaderId === NO_NODE) ||
    (isPreVote && message.term > state.term);
  const isUpToDate = state.log.isUpToDate(message.lastLogIndex, message.lastLogTerm);
  const type = isPreVote ? 'preVoteReply' : 'voteReply';
  if (!isFree || !isUpToDate) {
    state.send(message.from, { type, isRejected: true, ...state.commitNews });
    return;
  }
  if (!isPreVote) {
    state.electionElapsed = 0;
    state.vote = message.from;
  }
  state.send(message.from, { type, isRejected: false, ...state.commitNews }, message.term);
}
