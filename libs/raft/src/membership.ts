import { fail, ok, type Result } from '@skep/kernel';

/** A member of the group as the group agreed on it. `addr` is `host:port` of its manager port. */
export interface Member {
  readonly raftId: number;
  readonly nodeId: string;
  readonly addr: string;
}

/**
 * Who takes part (Raft thesis, chapter 4; joint consensus of section 4.3). Lists are sorted by id, so that equal
 * memberships encode to equal bytes. While `votersOutgoing` is not empty the group is in a joint configuration.
 */
export interface Membership {
  readonly voters: readonly number[];
  readonly votersOutgoing: readonly number[];
  readonly learners: readonly number[];
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: readonly number[];
  /** Whether the leader leaves the joint configuration by itself as soon as it is applied. */
  readonly autoLeave: boolean;
  readonly members: readonly Member[];
  /** The ids removed last, oldest first, at most {@link REMOVED_IDS_MAX}: they are never let in again. */
  readonly removed: readonly number[];
}

export type MemberChange =
  | { readonly kind: 'addVoter'; readonly member: Member }
  | { readonly kind: 'addLearner'; readonly member: Member }
  | { readonly kind: 'update'; readonly member: Member }
  | { readonly kind: 'remove'; readonly raftId: number };

/**
 * One step from a membership to the next. `auto` takes the simple path when at most one voter changes and a joint
 * configuration (left automatically) otherwise; `joint` and `jointExplicit` force one, the latter to be left by an
 * empty change. No changes at all means: leave the joint configuration.
 */
export interface MembershipChange {
  readonly transition: 'auto' | 'joint' | 'jointExplicit';
  readonly changes: readonly MemberChange[];
}

/** How many removed ids are remembered. */
export const REMOVED_IDS_MAX = 256;

export const EMPTY_MEMBERSHIP: Membership = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
  members: [],
  removed: [],
};

/** The membership of a group that starts with these voters. */
export function initialMembership(members: readonly Member[]): Membership {
  const sorted = [...members].sort((a, b) => a.raftId - b.raftId);
  return { ...EMPTY_MEMBERSHIP, voters: sorted.map((member) => member.raftId), members: sorted };
}

export function isJoint(membership: Membership): boolean {
  return membership.votersOutgoing.length > 0;
}

/** Whether `raftId` may vote and lead in either half of the configuration. */
export function isVoter(membership: Membership, raftId: number): boolean {
  return membership.voters.includes(raftId) || membership.votersOutgoing.includes(raftId);
}

/** Whether `raftId` receives the log at all. */
export function isMember(membership: Membership, raftId: number): boolean {
  return membership.members.some((member) => member.raftId === raftId);
}

/** All voters of both halves, in ascending order, each once. */
export function allVoters(membership: Membership): readonly number[] {
  return sortedIds(new Set([...membership.voters, ...membership.votersOutgoing]));
}

/** The same decision on every member: the next membership, or why the change is refused. */
export function applyMembershipChange(membership: Membership, change: MembershipChange): Result<Membership> {
  if (change.changes.length === 0) {
    return leaveJoint(membership);
  }
  if (isJoint(membership)) {
    return fail(
      'failed_precondition',
      'a membership change is still under way; wait until the joint configuration is left',
    );
  }
  const refused = refusal(membership, change.changes);
  if (refused !== undefined) {
    return fail('failed_precondition', refused);
  }
  // The first voters of a group replace nobody, so there is no old majority to agree with.
  const isFirst = membership.voters.length === 0;
  const isSimple = change.transition === 'auto' && voterChangeCount(membership, change.changes) <= 1;
  const needsJoint = !isFirst && !isSimple;
  const draft = new Draft(membership);
  if (needsJoint) {
    draft.outgoing = new Set(draft.incoming);
  }
  for (const item of change.changes) {
    draft.apply(item);
  }
  if (draft.incoming.size === 0) {
    return fail('failed_precondition', 'the change would leave no voter; keep at least one');
  }
  return ok(draft.finish(needsJoint && change.transition !== 'jointExplicit'));
}

function leaveJoint(membership: Membership): Result<Membership> {
  if (!isJoint(membership)) {
    return fail('failed_precondition', 'the group is not in a joint configuration');
  }
  const draft = new Draft(membership);
  draft.outgoing = new Set();
  for (const raftId of draft.learnersNext) {
    draft.learners.add(raftId);
  }
  draft.learnersNext.clear();
  return ok(draft.finish(false));
}

function refusal(membership: Membership, changes: readonly MemberChange[]): string | undefined {
  const seen = new Set<number>();
  for (const change of changes) {
    const raftId = change.kind === 'remove' ? change.raftId : change.member.raftId;
    const label = String(raftId);
    if (!Number.isSafeInteger(raftId) || raftId <= 0) {
      return `raft id ${label} is not a positive integer`;
    }
    if (seen.has(raftId)) {
      return `member ${label} is changed twice in one step`;
    }
    seen.add(raftId);
    const isPresent = isMember(membership, raftId);
    if ((change.kind === 'remove' || change.kind === 'update') && !isPresent) {
      return `member ${label} is not part of the group`;
    }
    if (change.kind !== 'remove' && membership.removed.includes(raftId)) {
      return `member ${label} was removed; a member that comes back needs a new raft id`;
    }
  }
  return undefined;
}

function voterChangeCount(membership: Membership, changes: readonly MemberChange[]): number {
  const draft = new Draft(membership);
  for (const change of changes) {
    draft.apply(change);
  }
  const before = new Set(membership.voters);
  const gone = membership.voters.filter((raftId) => !draft.incoming.has(raftId)).length;
  return gone + [...draft.incoming].filter((raftId) => !before.has(raftId)).length;
}

/** The sets of a membership while changes are made to them. */
class Draft {
  readonly incoming: Set<number>;
  outgoing: Set<number>;
  readonly learners: Set<number>;
  readonly learnersNext: Set<number>;
  readonly #members: Map<number, Member>;
  readonly #removed: readonly number[];

  constructor(from: Membership) {
    this.incoming = new Set(from.voters);
    this.outgoing = new Set(from.votersOutgoing);
    this.learners = new Set(from.learners);
    this.learnersNext = new Set(from.learnersNext);
    this.#members = new Map(from.members.map((member) => [member.raftId, member]));
    this.#removed = from.removed;
  }

  apply(change: MemberChange): void {
    if (change.kind === 'remove') {
      this.#drop(change.raftId);
      return;
    }
    const { member } = change;
    this.#members.set(member.raftId, member);
    if (change.kind === 'addVoter') {
      this.#drop(member.raftId);
      this.incoming.add(member.raftId);
    } else if (change.kind === 'addLearner') {
      this.#drop(member.raftId);
      // A voter of the outgoing half must not be a learner too: that waits until the joint configuration is left.
      const target = this.outgoing.has(member.raftId) ? this.learnersNext : this.learners;
      target.add(member.raftId);
    }
  }

  #drop(raftId: number): void {
    this.incoming.delete(raftId);
    this.learners.delete(raftId);
    this.learnersNext.delete(raftId);
  }

  finish(autoLeave: boolean): Membership {
    const present = new Set([...this.incoming, ...this.outgoing, ...this.learners, ...this.learnersNext]);
    const gone = sortedIds(new Set(this.#members.keys())).filter((raftId) => !present.has(raftId));
    return {
      voters: sortedIds(this.incoming),
      votersOutgoing: sortedIds(this.outgoing),
      learners: sortedIds(this.learners),
      learnersNext: sortedIds(this.learnersNext),
      autoLeave,
      members: [...this.#members.values()]
        .filter((member) => present.has(member.raftId))
        .sort((a, b) => a.raftId - b.raftId),
      removed: [...this.#removed, ...gone].slice(-REMOVED_IDS_MAX),
    };
  }
}

function sortedIds(ids: ReadonlySet<number>): readonly number[] {
  return [...ids].sort((a, b) => a - b);
}
