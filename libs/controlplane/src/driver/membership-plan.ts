import { SwarmError } from '@skep/kernel';
import {
  applyMembershipChange,
  isVoter,
  majorityOf,
  type Member,
  type MemberChange,
  type Membership,
  type MembershipChange,
} from '@skep/raft';

import type { MembershipRequest } from './raft-handle.ts';

/** The pure part of membership changes: what is asked for, as a change that the group can agree on. */
export interface MembershipView {
  readonly membership: Membership;
  /** The member that makes the change. */
  readonly leaderId: number;
  /** Whether a member was heard from lately; always true for oneself. */
  readonly isReachable: (raftId: number) => boolean;
}

function memberOf(membership: Membership, nodeId: string): Member {
  const member = membership.members.find((item) => item.nodeId === nodeId);
  if (member === undefined) {
    throw new SwarmError('not_found', `node ${nodeId} is not a manager`);
  }
  return member;
}

/**
 * Turns a request into a change.
 * @throws SwarmError `not_found` for an unknown node, `failed_precondition` when the change is impossible or would cost
 * the quorum.
 */
export function planMembershipRequest(view: MembershipView, request: MembershipRequest): MembershipChange {
  const change = toChange(view.membership, request);
  const next = applyMembershipChange(view.membership, change);
  if (!next.ok) {
    throw next.error;
  }
  if (!isVoter(next.value, view.leaderId)) {
    // It would stop leading the moment it knows, and whoever should follow it might not know yet.
    throw new SwarmError(
      'failed_precondition',
      'this manager leads and cannot take itself out; hand the leadership over first',
    );
  }
  assertQuorumRemains(view, next.value);
  return change;
}

function toChange(membership: Membership, request: MembershipRequest): MembershipChange {
  if (request.kind === 'change') {
    return request.change;
  }
  const member = memberOf(membership, request.nodeId);
  return { transition: 'auto', changes: [toMemberChange(member, request)] };
}

function toMemberChange(
  member: Member,
  request: Exclude<MembershipRequest, { kind: 'change' }>,
): MemberChange {
  switch (request.kind) {
    case 'remove':
      return { kind: 'remove', raftId: member.raftId };
    case 'promote':
      return { kind: 'addVoter', member };
    case 'demote':
      return { kind: 'addLearner', member };
    case 'updateAddress':
      return { kind: 'update', member: { ...member, addr: request.addr } };
  }
}

/** Refuses a change after which the voters that can be reached are no majority: nothing could be changed any more. */
function assertQuorumRemains(view: MembershipView, next: Membership): void {
  const losesVoter = view.membership.voters.some((raftId) => !next.voters.includes(raftId));
  const reachable = next.voters.filter((raftId) => view.isReachable(raftId)).length;
  const needed = majorityOf(next.voters.length);
  if (losesVoter && reachable < needed) {
    throw new SwarmError(
      'failed_precondition',
      `this would leave ${String(next.voters.length)} managers of which ${String(reachable)} can be reached, and ` +
        `${String(needed)} are needed; bring an unreachable manager back, or remove it first`,
    );
  }
}

/**
 * The change that takes a manager in: as a learner with a new raft id. A node that is known already comes with an empty
 * disk; its old member, whose votes are forgotten, goes in the same step.
 */
export function planJoin(membership: Membership, joining: Member): MembershipChange {
  const changes: MemberChange[] = [{ kind: 'addLearner', member: joining }];
  for (const member of membership.members) {
    if (member.nodeId === joining.nodeId) {
      changes.push({ kind: 'remove', raftId: member.raftId });
    }
  }
  return { transition: 'auto', changes };
}

/** A learner may be promoted once it is at most this many entries behind. */
export const PROMOTION_LAG_ENTRIES = 64;

/** The learner to promote next, if one has caught up. */
export function learnerToPromote(
  membership: Membership,
  commit: number,
  followers: readonly { readonly raftId: number; readonly match: number; readonly state: string }[],
): Member | undefined {
  const ready = followers.find(
    (follower) =>
      !isVoter(membership, follower.raftId) &&
      membership.learners.includes(follower.raftId) &&
      follower.state === 'replicate' &&
      follower.match + PROMOTION_LAG_ENTRIES >= commit,
  );
  return membership.members.find((member) => member.raftId === ready?.raftId);
}
