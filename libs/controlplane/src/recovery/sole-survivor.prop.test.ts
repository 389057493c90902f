import {
  RaftNode,
  RAFT_CONFIG_DEFAULTS,
  applyMembershipChange,
  encodeMembershipChange,
  initialMembership,
  type Entry,
  type MemberChange,
  type StoredState,
} from '@skep/raft';
import { Prng } from '@skep/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { membershipAtEnd, soleSurvivorEntries } from './sole-survivor.ts';

const member = (raftId: number) => ({ raftId, nodeId: `n${String(raftId)}`, addr: `a${String(raftId)}` });

const changes = fc.array(
  fc.record({
    kind: fc.constantFrom('addVoter', 'addLearner', 'remove'),
    raftId: fc.integer({ min: 1, max: 6 }),
    isJoint: fc.boolean(),
  }),
  { maxLength: 12 },
);

function logOf(steps: readonly { kind: string; raftId: number; isJoint: boolean }[]): Entry[] {
  return steps.map(({ kind, raftId, isJoint }, i) => {
    const change = (kind === 'remove' ? { kind, raftId } : { kind, member: member(raftId) }) as MemberChange;
    return {
      logIndex: 11 + i,
      term: 3,
      kind: 'membership',
      data: encodeMembershipChange({ transition: isJoint ? 'joint' : 'auto', changes: [change] }),
    };
  });
}

test('whatever the group was, the survivor ends up alone in it and leads', () => {
  fc.assert(
    fc.property(changes, fc.integer({ min: 1, max: 3 }), (steps, who) => {
      const membership = initialMembership([1, 2, 3].map(member));
      const stored: StoredState = {
        hardState: { term: 4, vote: 2, commit: 10 },
        snapshot: { logIndex: 10, term: 3, membership },
        entries: logOf(steps),
      };
      const joint = membershipAtEnd(stored);
      const left = applyMembershipChange(joint, { transition: 'auto', changes: [] });
      const before = left.ok ? left.value : joint;
      const self = { ...member(who), addr: 'new address' };
      fc.pre(before.members.some(({ raftId }) => raftId === who));
      const entries = soleSurvivorEntries(stored, self);
      const last = entries.at(-1);
      expect(last?.term).toBe(5);
      const next: StoredState = {
        ...stored,
        hardState: { term: 5, vote: 0, commit: last?.logIndex ?? 0 },
        entries: [...stored.entries, ...entries],
      };
      expect(membershipAtEnd(next)).toMatchObject({
        voters: [who],
        votersOutgoing: [],
        learners: [],
        members: [self],
      });
      const node = new RaftNode({ ...RAFT_CONFIG_DEFAULTS, raftId: who, random: new Prng(1n) }, next);
      for (let i = 0; i < 200 && !node.isLeader; i += 1) {
        while (node.hasReady()) {
          node.ready();
          node.advance();
        }
        node.tick();
      }
      expect(node.isLeader).toBe(true);
      // Once more, as after a crash: only what is not there yet.
      expect(soleSurvivorEntries(next, self)).toEqual([]);
    }),
  );
});

test('a member that was removed cannot go on', () => {
  const stored: StoredState = {
    hardState: { term: 1, vote: 0, commit: 1 },
    snapshot: { logIndex: 1, term: 1, membership: initialMembership([member(1), member(2)]) },
    entries: [],
  };
  expect(() => soleSurvivorEntries(stored, member(9))).toThrow(/removed/);
});
