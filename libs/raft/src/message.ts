import type { Entry } from './entry.ts';
import type { Snapshot } from './snapshot.ts';

/** Leader to follower: entries that follow `prevLogIndex`, and how far the log is committed (paper, figure 2). */
export interface AppendBody {
  readonly type: 'append';
  readonly prevLogIndex: number;
  readonly prevLogTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
}

/**
 * Answer to an append or a snapshot. Accepted: `logIndex` is the last index known to match. Rejected: `logIndex` is
 * the refused `prevLogIndex`, and the hint names the last place where the logs may still agree.
 */
export interface AppendReplyBody {
  readonly type: 'appendReply';
  readonly logIndex: number;
  readonly isRejected: boolean;
  readonly hintIndex: number;
  readonly hintTerm: number;
}

/** Leader to follower: still here. `readRound` asks to confirm leadership for reads (thesis, section 6.4). */
export interface HeartbeatBody {
  readonly type: 'heartbeat';
  readonly commit: number;
  readonly readRound: number;
}

export interface HeartbeatReplyBody {
  readonly type: 'heartbeatReply';
  readonly readRound: number;
}

/**
 * The newest entry that the sender knows to be committed. Election messages carry it, because a voter may need a
 * committed membership change to win or to stop asking, and there is no leader to tell it: a leader that demoted itself
 * has a longer log than anyone who could follow it, and would refuse its vote for ever.
 */
export interface CommitNews {
  readonly commit: number;
  readonly commitTerm: number;
}

/** Candidate to voter. `isTransfer` marks a campaign the leader asked for, which no lease holds back. */
export interface VoteBody extends CommitNews {
  readonly type: 'vote' | 'preVote';
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
  readonly isTransfer: boolean;
}

export interface VoteReplyBody extends CommitNews {
  readonly type: 'voteReply' | 'preVoteReply';
  readonly isRejected: boolean;
}

export interface SnapshotBody {
  readonly type: 'snapshot';
  readonly snapshot: Snapshot;
}

/** Leader to the member that shall lead: campaign at once (thesis, section 3.10). */
export interface TimeoutNowBody {
  readonly type: 'timeoutNow';
}

/** Follower to leader: proposals that arrived at the wrong place. */
export interface ForwardBody {
  readonly type: 'forward';
  readonly proposals: readonly Uint8Array[];
}

/** Follower to leader: which index must be applied before a linearizable read? `context` names the request. */
export interface ReadIndexBody {
  readonly type: 'readIndex';
  readonly context: number;
}

export interface ReadIndexReplyBody {
  readonly type: 'readIndexReply';
  readonly context: number;
  readonly logIndex: number;
}

/** Follower to leader: hand the leadership to `transferee`. */
export interface TransferBody {
  readonly type: 'transfer';
  readonly transferee: number;
}

export type MessageBody =
  | AppendBody
  | AppendReplyBody
  | HeartbeatBody
  | HeartbeatReplyBody
  | VoteBody
  | VoteReplyBody
  | SnapshotBody
  | TimeoutNowBody
  | ForwardBody
  | ReadIndexBody
  | ReadIndexReplyBody
  | TransferBody;

export interface Envelope {
  readonly from: number;
  readonly to: number;
  /** The sender's term; 0 for requests that are no part of a term (forward, readIndex, transfer). */
  readonly term: number;
}

export type Message = MessageBody & Envelope;
export type MessageType = Message['type'];

/** A message whose `type` is one of `T`. */
export type MessageOf<T extends MessageType> = Extract<MessageBody, { type: T }> & Envelope;

/** Whether the message comes from a leader of its term, and so proves that there is one. */
export function isFromLeader(
  message: Message,
): message is MessageOf<'append'> | MessageOf<'heartbeat'> | MessageOf<'snapshot'> {
  return message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot';
}
