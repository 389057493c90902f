import type { Entry, Message, RaftNode } from '@skep/raft';

import { AnytimeCommittedIsKept } from './anytime-committed-is-kept.ts';
import { AnytimeDigestsEqual } from './anytime-digests-equal.ts';
import { checkLogMatching } from './anytime-log-matching.ts';
import { AnytimeOneLeaderPerTerm } from './anytime-one-leader-per-term.ts';
import { AnytimeOneVotePerTerm } from './anytime-one-vote-per-term.ts';
import { AnytimeReadsAreLinearizable } from './anytime-reads-are-linearizable.ts';
import { viewOf } from './log-view.ts';

/** All checkers of a group of members together. */
export class RaftSafety {
  readonly #leaders = new AnytimeOneLeaderPerTerm();
  readonly #votes = new AnytimeOneVotePerTerm();
  readonly #committed = new AnytimeCommittedIsKept();
  readonly #digests = new AnytimeDigestsEqual();
  readonly reads = new AnytimeReadsAreLinearizable();

  get lastCommitted(): number {
    return this.#committed.lastCommitted;
  }

  get leaderCount(): number {
    return this.#leaders.leaderCount;
  }

  onLeader(node: RaftNode): void {
    this.#leaders.onLeader(node.term, node.raftId);
    this.#committed.onLeader(node.term, viewOf(node));
  }

  onMessage(message: Message): void {
    this.#votes.onMessage(message);
  }

  onCommitted(node: RaftNode, entry: Entry): void {
    this.#committed.onCommitted(node.raftId, node.term, entry);
  }

  onApplied(raftId: number, logIndex: number, digest: number | string): void {
    this.#digests.onApplied(raftId, logIndex, digest);
  }

  checkLogs(nodes: readonly RaftNode[]): void {
    checkLogMatching(nodes.map(viewOf));
  }
}
