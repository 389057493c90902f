import { encodeMembershipChange } from './codec.ts';
import { NO_NODE } from './entry.ts';
import type { Member } from './membership.ts';
import type { StoredState } from './raft-node.ts';

/**
 * What the first members of a new group find on their disks: one committed entry that makes them voters. It is an
 * entry like any other, so that a member that joins later learns of it from the log. All first members must start
 * from the same list.
 */
export function bootstrapState(members: readonly Member[]): StoredState {
  const changes = [...members]
    .sort((a, b) => a.raftId - b.raftId)
    .map((member) => ({ kind: 'addVoter', member }) as const);
  const data = encodeMembershipChange({ transition: 'auto', changes });
  return {
    hardState: { term: 1, vote: NO_NODE, commit: 1 },
    snapshot: undefined,
    entries: [{ logIndex: 1, term: 1, kind: 'membership', data }],
  };
}
