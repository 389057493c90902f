import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  applyMembershipChange,
  initialMembership,
  isJoint,
  type Member,
  type MemberChange,
  type Membership,
  type MembershipChange,
} from './membership.ts';
import { hasQuorum } from './quorum.ts';

const member = (raftId: number): Member => ({
  raftId,
  nodeId: `n${String(raftId)}`,
  addr: `a${String(raftId)}`,
});

const anyId = fc.integer({ min: 1, max: 8 });
const anyChange: fc.Arbitrary<MemberChange> = fc.oneof(
  anyId.map((id): MemberChange => ({ kind: 'addVoter', member: member(id) })),
  anyId.map((id): MemberChange => ({ kind: 'addLearner', member: member(id) })),
  anyId.map((id): MemberChange => ({ kind: 'update', member: { ...member(id), addr: 'elsewhere' } })),
  anyId.map((raftId): MemberChange => ({ kind: 'remove', raftId })),
);
const anyStep: fc.Arbitrary<MembershipChange> = fc.record({
  transition: fc.constantFrom('auto', 'joint', 'jointExplicit'),
  changes: fc.array(anyChange, { maxLength: 4 }),
});

/** The memberships that a group goes through; refused steps change nothing. */
function history(steps: readonly MembershipChange[]): readonly Membership[] {
  const all = [initialMembership([member(1), member(2), member(3)])];
  for (const step of steps) {
    const next = applyMembershipChange(all.at(-1) as Membership, step);
    if (next.ok) {
      all.push(next.value);
    }
  }
  return all;
}

function isSorted(ids: readonly number[]): boolean {
  return ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? 0));
}

describe('any history of changes', () => {
  test('keeps every membership well formed', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 12 }), (steps) => {
        for (const now of history(steps)) {
          expect(now.voters.length).toBeGreaterThan(0);
          for (const ids of [now.voters, now.votersOutgoing, now.learners, now.learnersNext]) {
            expect(isSorted(ids)).toBe(true);
          }
          const inAny = new Set([...now.voters, ...now.votersOutgoing, ...now.learners, ...now.learnersNext]);
          expect(now.members.map((item) => item.raftId)).toEqual([...inAny].sort((a, b) => a - b));
          // A learner is no voter of either half; one that waits to become a learner is one of the outgoing half.
          expect(now.learners.some((id) => now.voters.includes(id) || now.votersOutgoing.includes(id))).toBe(
            false,
          );
          expect(now.learnersNext.every((id) => now.votersOutgoing.includes(id))).toBe(true);
          expect(now.removed.some((id) => inAny.has(id))).toBe(false);
          if (!isJoint(now)) {
            expect([now.learnersNext.length, now.autoLeave]).toEqual([0, false]);
          }
        }
      }),
    );
  });

  test('never lets two disjoint quorums of neighbouring memberships exist', () => {
    const sides = fc.array(fc.boolean(), { minLength: 9, maxLength: 9 });
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 8 }), sides, (steps, side) => {
        const all = history(steps);
        for (const [i, now] of all.entries()) {
          const next = all[i + 1];
          if (next !== undefined) {
            const isOne = hasQuorum(now, (id) => side[id] === true);
            const isOther = hasQuorum(next, (id) => side[id] !== true);
            expect(isOne && isOther).toBe(false);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('comes to the same by one joint step as by simple ones', () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyChange, { maxLength: 3, selector: idOf }), (changes) => {
        const start = initialMembership([member(1), member(2), member(3)]);
        const entered = applyMembershipChange(start, { transition: 'joint', changes });
        fc.pre(changes.length > 0 && entered.ok);
        const left = applyMembershipChange(entered.value, { transition: 'auto', changes: [] });
        // Additions first, so that no simple step on the way removes the last voter.
        const ordered = [...changes].sort((a, b) => rank(a) - rank(b));
        let simple: Membership | undefined = start;
        for (const change of ordered) {
          const next = applyMembershipChange(simple, { transition: 'auto', changes: [change] });
          fc.pre(next.ok);
          simple = next.value;
        }
        const plain = (value: Membership): Membership => ({ ...value, removed: [...value.removed].sort() });
        expect(left.ok && plain(left.value)).toEqual(plain(simple));
      }),
    );
  });
});

function idOf(change: MemberChange): number {
  return change.kind === 'remove' ? change.raftId : change.member.raftId;
}

function rank(change: MemberChange): number {
  return ['addVoter', 'update', 'addLearner', 'remove'].indexOf(change.kind);
}

describe('refusals name their reason', () => {
  const start = initialMembership([member(1), member(2)]);
  test.each<[string, MemberChange[], string]>([
    ['an unknown member', [{ kind: 'remove', raftId: 9 }], 'member 9 is not part of the group'],
    [
      'an id twice',
      [
        { kind: 'remove', raftId: 1 },
        { kind: 'remove', raftId: 1 },
      ],
      'member 1 is changed twice',
    ],
    [
      'no voter left',
      [
        { kind: 'remove', raftId: 1 },
        { kind: 'remove', raftId: 2 },
      ],
      'leave no voter',
    ],
    ['an id that is none', [{ kind: 'addVoter', member: member(0) }], 'raft id 0 is not a positive integer'],
  ])('%s', (_name, changes, message) => {
    const refused = applyMembershipChange(start, { transition: 'auto', changes });
    expect(refused.ok ? '' : refused.error.message).toContain(message);
  });

  test('a removed id does not come back', () => {
    const without = applyMembershipChange(start, {
      transition: 'auto',
      changes: [{ kind: 'remove', raftId: 2 }],
    });
    const again = without.ok
      ? applyMembershipChange(without.value, {
          transition: 'auto',
          changes: [{ kind: 'addLearner', member: member(2) }],
        })
      : without;
    expect(again.ok ? '' : again.error.message).toContain('needs a new raft id');
  });

  test('a second change during a joint configuration', () => {
    const joint = applyMembershipChange(start, {
      transition: 'jointExplicit',
      changes: [{ kind: 'addVoter', member: member(3) }],
    });
    const second = joint.ok
      ? applyMembershipChange(joint.value, { transition: 'auto', changes: [{ kind: 'remove', raftId: 1 }] })
      : joint;
    expect(second.ok ? '' : second.error.message).toContain('still under way');
  });
});
