import type { RaftNode } from '@skep/raft';

/** What a checker may look at of a member's log. */
export interface LogView {
  readonly raftId: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  termAt(logIndex: number): number | undefined;
}

export function viewOf(node: RaftNode): LogView {
  const { firstIndex, lastIndex, raftId } = node.status();
  return { raftId, firstIndex, lastIndex, termAt: (logIndex) => node.termAt(logIndex) };
}
