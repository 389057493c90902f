import {
  applyMembershipChange,
  decodeMembershipChange,
  encodeMembershipChange,
  isJoint,
  EMPTY_MEMBERSHIP,
  type Entry,
  type Member,
  type MemberChange,
  type Membership,
  type MembershipChange,
  type StoredState,
} from '@skep/raft';
import { SwarmError } from '@skep/kernel';

/** The membership that a log comes to when all of it is committed. */
export function membershipAtEnd(stored: StoredState): Membership {
  let membership = stored.snapshot?.membership ?? EMPTY_MEMBERSHIP;
  for (const entry of stored.entries) {
    if (entry.kind === 'membership') {
      const next = applyMembershipChange(membership, decodeMembershipChange(entry.data));
      membership = next.ok ? next.value : membership;
    }
  }
  return membership;
}

/**
 * The entries that make one member the only one, to be appended to its log as committed. Everything it has in its log
 * stays, also what it could not know to be committed: a change that was answered may be in there. The others are
 * removed by id, so that one of them that comes back is turned away.
 * @throws SwarmError `failed_precondition` when the log does not know the member.
 */
export function soleSurvivorEntries(stored: StoredState, self: Member): readonly Entry[] {
  let membership = membershipAtEnd(stored);
  const term = Math.max(stored.hardState.term, stored.snapshot?.term ?? 0) + 1;
  let logIndex = stored.entries.at(-1)?.logIndex ?? stored.snapshot?.logIndex ?? 0;
  const entries: Entry[] = [];
  const append = (change: MembershipChange): void => {
    const next = applyMembershipChange(membership, change);
    if (!next.ok) {
      throw next.error;
    }
    membership = next.value;
    logIndex += 1;
    entries.push({ logIndex, term, kind: 'membership', data: encodeMembershipChange(change) });
  };
  const step = (change: MemberChange): void => {
    append({ transition: 'auto', changes: [change] });
  };
  if (isJoint(membership)) {
    append({ transition: 'auto', changes: [] });
  }
  if (!membership.members.some(({ raftId }) => raftId === self.raftId)) {
    throw new SwarmError(
      'failed_precondition',
      'this manager is not part of the group its log tells of: it was removed. Begin from another manager, or restore a backup',
    );
  }
  const known = membership.members.find(({ raftId }) => raftId === self.raftId);
  if (!membership.voters.includes(self.raftId)) {
    step({ kind: 'addVoter', member: self });
  } else if (known?.addr !== self.addr) {
    step({ kind: 'update', member: self });
  }
  for (const { raftId } of membership.members) {
    if (raftId !== self.raftId) {
      step({ kind: 'remove', raftId });
    }
  }
  return entries;
}
