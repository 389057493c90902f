import { describe, expect, test } from 'vitest';

import { initialMembership, type Member, type Membership } from '@skep/raft';

import { learnerToPromote, planJoin, planMembershipRequest } from './membership-plan.ts';
import type { MembershipRequest } from './raft-handle.ts';

const member = (raftId: number): Member => ({
  raftId,
  nodeId: `n${String(raftId)}`,
  addr: `a:${String(raftId)}`,
});
const three = initialMembership([member(1), member(2), member(3)]);

function plan(
  request: MembershipRequest,
  reachable: readonly number[],
  membership: Membership = three,
): string {
  const view = { membership, leaderId: 1, isReachable: (raftId: number) => reachable.includes(raftId) };
  try {
    return JSON.stringify(planMembershipRequest(view, request).changes.map((change) => change.kind));
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
}

describe('a membership request', () => {
  test.each<[string, MembershipRequest, readonly number[], string]>([
    ['removes a reachable member', { kind: 'remove', nodeId: 'n2' }, [1, 2, 3], '["remove"]'],
    ['removes an unreachable member', { kind: 'remove', nodeId: 'n2' }, [1, 3], '["remove"]'],
    [
      'keeps the last reachable follower',
      { kind: 'remove', nodeId: 'n2' },
      [1, 2],
      'of which 1 can be reached',
    ],
    [
      'does not take out the leader',
      { kind: 'remove', nodeId: 'n1' },
      [1, 2, 3],
      'hand the leadership over first',
    ],
    [
      'does not demote the leader',
      { kind: 'demote', nodeId: 'n1' },
      [1, 2, 3],
      'hand the leadership over first',
    ],
    ['names an unknown node', { kind: 'remove', nodeId: 'n9' }, [1, 2, 3], 'node n9 is not a manager'],
    [
      'changes an address whoever is away',
      { kind: 'updateAddress', nodeId: 'n2', addr: 'b:1' },
      [1],
      '["update"]',
    ],
  ])('%s', (_name, request, reachable, expected) => {
    expect(plan(request, reachable)).toContain(expected);
  });
});

test('a node that joins again replaces its old member in the same step', () => {
  expect(planJoin(three, { ...member(9), nodeId: 'n2' }).changes).toEqual([
    { kind: 'addLearner', member: { ...member(9), nodeId: 'n2' } },
    { kind: 'remove', raftId: 2 },
  ]);
});

test.each([
  ['caught up', 'replicate', 90, 2],
  ['far behind', 'replicate', 10, undefined],
  ['getting a snapshot', 'snapshot', 90, undefined],
])('a learner that is %s', (_name, state, match, expected) => {
  const membership = { ...three, voters: [1, 3], learners: [2] };
  expect(learnerToPromote(membership, 100, [{ raftId: 2, match, state }])?.raftId).toBe(expected);
});
