import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isSwarmError } from '@skep/kernel';

import { ByteReader, ByteWriter } from './bytes.ts';
import {
  decodeMembershipChange,
  encodeMembershipChange,
  readEntry,
  readHardState,
  readSnapshotMeta,
  writeEntry,
  writeHardState,
  writeSnapshotMeta,
} from './codec.ts';
import type { Entry } from './entry.ts';
import type { Member, MemberChange } from './membership.ts';
import { decodeMessage, encodeMessage } from './message-codec.ts';
import type { Message, MessageBody } from './message.ts';
import type { SnapshotMeta } from './snapshot.ts';

const uint = fc.maxSafeNat();
const bytes = fc.uint8Array({ maxLength: 40 });
const memberArb: fc.Arbitrary<Member> = fc.record({ raftId: uint, nodeId: fc.string(), addr: fc.string() });
const ids = fc.array(uint, { maxLength: 4 });
const entry: fc.Arbitrary<Entry> = fc.record({
  logIndex: uint,
  term: uint,
  kind: fc.constantFrom('normal', 'membership'),
  data: bytes,
});
const meta: fc.Arbitrary<SnapshotMeta> = fc.record({
  logIndex: uint,
  term: uint,
  membership: fc.record({
    voters: ids,
    votersOutgoing: ids,
    learners: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
    members: fc.array(memberArb, { maxLength: 3 }),
    removed: ids,
  }),
});
const change: fc.Arbitrary<MemberChange> = fc.oneof(
  fc.record({ kind: fc.constantFrom('addVoter', 'addLearner', 'update'), member: memberArb }),
  fc.record({ kind: fc.constant('remove' as const), raftId: uint }),
);
const news = { commit: uint, commitTerm: uint };
const body: fc.Arbitrary<MessageBody> = fc.oneof(
  fc.record({
    type: fc.constant('append' as const),
    prevLogIndex: uint,
    prevLogTerm: uint,
    entries: fc.array(entry, { maxLength: 3 }),
    commit: uint,
  }),
  fc.record({
    type: fc.constant('appendReply' as const),
    logIndex: uint,
    isRejected: fc.boolean(),
    hintIndex: uint,
    hintTerm: uint,
  }),
  fc.record({ type: fc.constant('heartbeat' as const), commit: uint, readRound: uint }),
  fc.record({ type: fc.constant('heartbeatReply' as const), readRound: uint }),
  fc.record({
    type: fc.constantFrom('vote', 'preVote'),
    lastLogIndex: uint,
    lastLogTerm: uint,
    isTransfer: fc.boolean(),
    ...news,
  }),
  fc.record({ type: fc.constantFrom('voteReply', 'preVoteReply'), isRejected: fc.boolean(), ...news }),
  fc.record({ type: fc.constant('snapshot' as const), snapshot: fc.record({ meta, data: bytes }) }),
  fc.record({ type: fc.constant('timeoutNow' as const) }),
  fc.record({ type: fc.constant('forward' as const), proposals: fc.array(bytes, { maxLength: 3 }) }),
  fc.record({ type: fc.constant('readIndex' as const), context: uint }),
  fc.record({ type: fc.constant('readIndexReply' as const), context: uint, logIndex: uint }),
  fc.record({ type: fc.constant('transfer' as const), transferee: uint }),
);
const message: fc.Arbitrary<Message> = fc
  .tuple(body, uint, uint, uint)
  .map(([content, from, to, term]) => ({ ...content, from, to, term }));

/** Equality of values whatever prototype fast-check gave them. */
function plain(value: unknown): unknown {
  return structuredClone(value);
}

describe('what was encoded comes back', () => {
  test('messages', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(plain(decodeMessage(encodeMessage(value)))).toEqual(plain(value));
      }),
    );
  });

  test('entries, hard states, snapshot metadata', () => {
    fc.assert(
      fc.property(entry, uint, uint, meta, (one, term, vote, two) => {
        const writer = new ByteWriter(1);
        writeEntry(writer, one);
        writeHardState(writer, { term, vote, commit: one.logIndex });
        writeSnapshotMeta(writer, two);
        const reader = new ByteReader(writer.written);
        expect(plain(readEntry(reader))).toEqual(plain(one));
        expect(readHardState(reader)).toEqual({ term, vote, commit: one.logIndex });
        expect(plain(readSnapshotMeta(reader))).toEqual(plain(two));
        reader.end();
      }),
    );
  });

  test('membership changes', () => {
    const transition = fc.constantFrom('auto' as const, 'joint' as const, 'jointExplicit' as const);
    fc.assert(
      fc.property(transition, fc.array(change, { maxLength: 3 }), (kind, changes) => {
        const value = { transition: kind, changes };
        expect(plain(decodeMembershipChange(encodeMembershipChange(value)))).toEqual(plain(value));
      }),
    );
  });
});

test('damaged bytes are refused as data_loss, and never with another error', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
      const encoded = new Uint8Array(encodeMessage(value));
      encoded[at % encoded.length] = (encoded[at % encoded.length] ?? 0) ^ flip;
      for (const damaged of [encoded, encoded.subarray(0, at % encoded.length)]) {
        try {
          decodeMessage(damaged);
        } catch (error) {
          expect(isSwarmError(error, 'data_loss')).toBe(true);
        }
      }
    }),
    { numRuns: 500 },
  );
});
