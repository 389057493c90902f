import { allVoters, type Membership } from './membership.ts';

export type VoteResult = 'won' | 'lost' | 'pending';

/** How many of `count` voters are a majority. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The highest log index that a majority of `voters` has acknowledged. A group of nobody has acknowledged everything,
 * so that the empty half of a joint configuration never holds the other one back.
 */
export function majorityIndex(voters: readonly number[], acknowledged: (raftId: number) => number): number {
  if (voters.length === 0) {
    return Number.MAX_SAFE_INTEGER;
  }
  const sorted = voters.map(acknowledged).sort((a, b) => b - a);
  return sorted[majorityOf(voters.length) - 1] ?? 0;
}

/** {@link majorityIndex} of both halves of a membership: what may be committed. */
export function committedIndex(membership: Membership, acknowledged: (raftId: number) => number): number {
  return Math.min(
    majorityIndex(membership.voters, acknowledged),
    majorityIndex(membership.votersOutgoing, acknowledged),
  );
}

function majorityVote(voters: readonly number[], votes: ReadonlyMap<number, boolean>): VoteResult {
  if (voters.length === 0) {
    return 'won';
  }
  let granted = 0;
  let missing = 0;
  for (const raftId of voters) {
    const vote = votes.get(raftId);
    granted += vote === true ? 1 : 0;
    missing += vote === undefined ? 1 : 0;
  }
  const needed = majorityOf(voters.length);
  if (granted >= needed) {
    return 'won';
  }
  return granted + missing >= needed ? 'pending' : 'lost';
}

/** The outcome of a vote: both halves of a joint configuration have to agree (thesis, section 4.3). */
export function voteResult(membership: Membership, votes: ReadonlyMap<number, boolean>): VoteResult {
  const results = [majorityVote(membership.voters, votes), majorityVote(membership.votersOutgoing, votes)];
  if (results.includes('lost')) {
    return 'lost';
  }
  return results.includes('pending') ? 'pending' : 'won';
}

/** Whether the members for which `isActive` holds are a quorum. */
export function hasQuorum(membership: Membership, isActive: (raftId: number) => boolean): boolean {
  const votes = new Map(allVoters(membership).map((raftId) => [raftId, isActive(raftId)]));
  return voteResult(membership, votes) === 'won';
}
