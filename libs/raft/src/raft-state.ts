import type { RaftConfig } from './config.ts';
import { NO_NODE, type HardState } from './entry.ts';
import { isVoter, type Membership } from './membership.ts';
import type { CommitNews, Message, MessageBody } from './message.ts';
import type { Progress } from './progress.ts';
import type { RaftLog } from './raft-log.ts';
import { ReadIndexQueue, type ReadState } from './read-index.ts';

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** All mutable state of one node. The roles' files change it; nobody outside of this package sees it. */
export class RaftState {
  readonly config: RaftConfig;
  readonly log: RaftLog;

  term: number;
  vote: number;
  role: Role = 'follower';
  leaderId = NO_NODE;
  membership: Membership;

  /** Ticks since the leader was last heard (followers) or since the last quorum check (leader). */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;

  /** Answers of the running election. */
  readonly votes = new Map<number, boolean>();

  // Leader only; empty otherwise.
  readonly progress = new Map<number, Progress>();
  readonly reads = new ReadIndexQueue();
  transferee = NO_NODE;
  /** No membership change is taken before this index is applied. */
  pendingMembershipIndex = 0;
  uncommittedBytes = 0;
  /** Ticks of this leadership; what a lease is measured in. */
  leaderTicks = 0;
  /** Reads need no question before this tick; see lease.ts. */
  leaseUntilTick = 0;
  /** A member was told to campaign, whom no lease holds back: there is none in this term any more. */
  hasForfeitedLease = false;
  /** Something changed that followers may have to hear of. */
  isReplicationDue = false;

  /** The term that is durable: answers that promise nothing else may leave at once. */
  durableTerm: number;
  readStates: ReadState[] = [];
  /** After a start: ticks for which this node refuses its vote, because it may have promised that and forgotten. */
  quietTicks: number;
  /** The host does not want this node to lead now. */
  isHeldBack = false;
  /** The application is behind: nothing more is handed to it for now. */
  isHandOutPaused = false;
  /** Messages that may leave while the write is under way, and those that must wait for it. */
  outbox: Message[] = [];
  outboxAfterWrite: Message[] = [];

  constructor(options: { config: RaftConfig; log: RaftLog; hardState: HardState; membership: Membership }) {
    this.config = options.config;
    this.log = options.log;
    this.term = options.hardState.term;
    this.vote = options.hardState.vote;
    this.membership = options.membership;
    this.durableTerm = options.hardState.term;
    const mayHavePromised = options.config.readMode === 'lease' && options.hardState.term > 0;
    this.quietTicks = mayHavePromised ? options.config.electionTicks : 0;
  }

  get id(): number {
    return this.config.raftId;
  }

  /** Whether this node may campaign: a voter that is not waiting for a snapshot and not held back by its host. */
  get canCampaign(): boolean {
    return isVoter(this.membership, this.id) && !this.log.hasIncomingSnapshot && !this.isHeldBack;
  }

  /** Forgets everything that belonged to the last term or role. */
  reset(term: number): void {
    if (term !== this.term) {
      this.term = term;
      this.vote = NO_NODE;
    }
    this.leaderId = NO_NODE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.drawElectionTimeout();
    this.votes.clear();
    this.progress.clear();
    this.reads.clear();
    this.transferee = NO_NODE;
    this.pendingMembershipIndex = 0;
    this.uncommittedBytes = 0;
    this.isReplicationDue = false;
    this.leaderTicks = 0;
    this.leaseUntilTick = 0;
    this.hasForfeitedLease = false;
  }

  /** Draws a timeout in [electionTicks, 2 * electionTicks), against split votes (paper, section 5.2). */
  drawElectionTimeout(): void {
    const { electionTicks, random } = this.config;
    this.electionTimeout = electionTicks + random.nextInt(electionTicks);
  }

  /** What this node knows to be committed, for election messages. */
  get commitNews(): CommitNews {
    const { commit } = this.log;
    return { commit, commitTerm: this.log.termAt(commit) ?? 0 };
  }

  /**
   * Takes in what another member knows to be committed. An entry of the same index and term is the same entry, so it
   * and all before it are committed here as well (paper, figure 3, log matching).
   */
  learnCommit(news: CommitNews): void {
    if (this.role !== 'leader' && news.commitTerm > 0 && this.log.matches(news.commit, news.commitTerm)) {
      this.log.commitTo(news.commit);
    }
  }

  /** Sends in the current term, unless the message belongs to another one or to none. */
  send(to: number, body: MessageBody, term = this.term): void {
    const message: Message = { ...body, from: this.id, to, term };
    const box = this.#mayLeaveBeforeWrite(body) ? this.outbox : this.outboxAfterWrite;
    box.push(message);
  }

  /**
   * A message may overtake the write when it promises nothing that is not durable. A leader's term and vote were
   * durable before it could win, so it sends entries while it writes them itself (thesis, section 10.2.1).
   */
  #mayLeaveBeforeWrite(body: MessageBody): boolean {
    switch (body.type) {
      case 'append':
      case 'heartbeat':
      case 'snapshot':
      case 'timeoutNow':
      case 'preVote':
      case 'preVoteReply':
      case 'forward':
      case 'readIndex':
      case 'readIndexReply':
      case 'transfer':
        return true;
      case 'heartbeatReply':
        return this.durableTerm === this.term;
      case 'vote':
      case 'voteReply':
      case 'appendReply':
        return false;
    }
  }
}
