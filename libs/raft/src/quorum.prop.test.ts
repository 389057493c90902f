import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { EMPTY_MEMBERSHIP, type Membership } from './membership.ts';
import { committedIndex, hasQuorum, majorityIndex, majorityOf, voteResult } from './quorum.ts';

const voters = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 });
const acks = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 10, maxLength: 10 });

function membershipOf(incoming: readonly number[], outgoing: readonly number[] = []): Membership {
  return { ...EMPTY_MEMBERSHIP, voters: incoming, votersOutgoing: outgoing };
}

describe('majority', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [7, 4],
  ])('of %i voters is %i', (count, expected) => {
    expect(majorityOf(count)).toBe(expected);
  });

  test('index is the highest that a majority has reached, as counting says', () => {
    fc.assert(
      fc.property(voters, acks, (ids, acked) => {
        fc.pre(ids.length > 0);
        const of = (raftId: number): number => acked[raftId] ?? 0;
        const reached = (index: number): boolean =>
          ids.filter((id) => of(id) >= index).length * 2 > ids.length;
        const index = majorityIndex(ids, of);
        expect(reached(index)).toBe(true);
        expect(reached(index + 1)).toBe(false);
      }),
    );
  });
});

describe('joint configurations', () => {
  test('commit only what both halves have', () => {
    fc.assert(
      fc.property(voters, voters, acks, (incoming, outgoing, acked) => {
        const of = (raftId: number): number => acked[raftId] ?? 0;
        const joint = committedIndex(membershipOf(incoming, outgoing), of);
        expect(joint).toBe(Math.min(majorityIndex(incoming, of), majorityIndex(outgoing, of)));
      }),
    );
  });

  test('of two equal halves decide like one', () => {
    fc.assert(
      fc.property(
        voters,
        fc.array(fc.option(fc.boolean()), { minLength: 10, maxLength: 10 }),
        (ids, cast) => {
          const votes = new Map(
            ids.flatMap((id): [number, boolean][] => {
              const vote = cast[id];
              return vote === null || vote === undefined ? [] : [[id, vote]];
            }),
          );
          expect(voteResult(membershipOf(ids, ids), votes)).toBe(voteResult(membershipOf(ids), votes));
        },
      ),
    );
  });

  test('any two quorums of one membership have a member in common', () => {
    fc.assert(
      fc.property(voters, fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }), (ids, side) => {
        fc.pre(ids.length > 0);
        const membership = membershipOf(ids);
        const isOne = hasQuorum(membership, (id) => side[id] === true);
        const isOther = hasQuorum(membership, (id) => side[id] !== true);
        expect(isOne && isOther).toBe(false);
      }),
    );
  });

  test('a vote that is decided stays so whatever comes after', () => {
    fc.assert(
      fc.property(
        voters,
        voters,
        fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
        (incoming, outgoing, cast) => {
          const membership = membershipOf(incoming, outgoing);
          const votes = new Map<number, boolean>();
          let decided = voteResult(membership, votes);
          for (const id of new Set([...incoming, ...outgoing])) {
            votes.set(id, cast[id] === true);
            const now = voteResult(membership, votes);
            if (decided !== 'pending') {
              expect(now).toBe(decided);
            }
            decided = now;
          }
          expect(decided).not.toBe('pending');
        },
      ),
    );
  });
});
