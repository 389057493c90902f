import { describe, expect, test } from 'vitest';

import { RAFT_CONFIG_DEFAULTS, validateConfig, type RaftConfig } from './config.ts';
import { Inflights } from './inflights.ts';
import { initialMembership } from './membership.ts';
import { RaftNode } from './raft-node.ts';

const config: RaftConfig = { ...RAFT_CONFIG_DEFAULTS, raftId: 1, random: { nextInt: () => 0 } };

/** A leader of three whose followers never answer anything but the vote. */
function leader(overrides: Partial<RaftConfig>): RaftNode {
  const members = [1, 2, 3].map((raftId) => ({ raftId, nodeId: `n${String(raftId)}`, addr: '' }));
  const node = new RaftNode(
    { ...config, usePreVote: false, ...overrides },
    {
      hardState: { term: 0, vote: 0, commit: 0 },
      snapshot: { logIndex: 0, term: 0, membership: initialMembership(members) },
      entries: [],
    },
  );
  node.campaign();
  settle(node);
  node.step({ type: 'voteReply', from: 2, to: 1, term: 1, isRejected: false, commit: 0, commitTerm: 0 });
  settle(node);
  node.step({
    type: 'appendReply',
    from: 2,
    to: 1,
    term: 1,
    logIndex: 1,
    isRejected: false,
    hintIndex: 0,
    hintTerm: 0,
  });
  settle(node);
  return node;
}

function settle(node: RaftNode): readonly string[] {
  const sent: string[] = [];
  while (node.hasReady()) {
    const ready = node.ready();
    for (const message of [...ready.messages, ...ready.messagesAfterWrite]) {
      sent.push(
        message.type === 'append'
          ? `${String(message.to)}:${message.entries.map((entry) => entry.logIndex).join(',')}`
          : message.type,
      );
    }
    node.advance();
  }
  return sent;
}

const item = new Uint8Array(100);

describe('in-flight limits', () => {
  test('by count: no more messages until an answer frees one', () => {
    const node = leader({ inflightMessagesMax: 2, messageBytesMax: 100 });
    node.proposeBatch([item, item, item, item]);
    expect(settle(node).filter((line) => line.startsWith('2:'))).toEqual(['2:2', '2:3']);
    node.step({
      type: 'appendReply',
      from: 2,
      to: 1,
      term: 1,
      logIndex: 2,
      isRejected: false,
      hintIndex: 0,
      hintTerm: 0,
    });
    expect(settle(node)).toContain('2:4');
  });

  test('by bytes: the message that crosses the limit is the last', () => {
    const inflights = new Inflights(100, 250);
    inflights.add(1, 200);
    expect(inflights.isFull).toBe(false);
    inflights.add(2, 200);
    expect(inflights.isFull).toBe(true);
    expect(() => {
      inflights.add(3, 1);
    }).toThrow('past the in-flight limit');
    inflights.release(1);
    expect([inflights.count, inflights.isFull]).toEqual([1, false]);
  });

  test('a follower that does not answer is sent one probe, not a stream', () => {
    const node = leader({ messageBytesMax: 100 });
    node.proposeBatch([item, item, item]);
    expect(settle(node).filter((line) => line.startsWith('3:'))).toEqual([]);
  });
});

test('more uncommitted bytes than the limit are refused, and taken again when they are committed', () => {
  const node = leader({ uncommittedBytesMax: 300 });
  expect(node.propose(item).ok).toBe(true);
  expect(node.propose(item).ok).toBe(true);
  const refused = node.propose(item);
  expect(refused.ok ? '' : refused.error.code).toBe('resource_exhausted');
  settle(node);
  node.step({
    type: 'appendReply',
    from: 2,
    to: 1,
    term: 1,
    logIndex: 3,
    isRejected: false,
    hintIndex: 0,
    hintTerm: 0,
  });
  settle(node);
  expect(node.propose(item).ok).toBe(true);
});

test('one proposal above the limit still passes when nothing else waits', () => {
  const node = leader({ uncommittedBytesMax: 10 });
  expect(node.propose(item).ok).toBe(true);
});

test('reads beyond the limit are refused', () => {
  const node = leader({ pendingReadsMax: 1 });
  expect(node.readIndex(1).ok).toBe(true);
  const refused = node.readIndex(2);
  expect(refused.ok ? '' : refused.error.code).toBe('resource_exhausted');
});

test.each<[Partial<RaftConfig>, string]>([
  [{ raftId: 0 }, 'raftId must be a positive integer'],
  [{ electionTicks: 1, heartbeatTicks: 1 }, 'electionTicks must be greater than heartbeatTicks'],
  [{ readMode: 'lease', useCheckQuorum: false }, 'readMode lease needs useCheckQuorum'],
])('a wrong configuration %j is refused by name', (wrong, message) => {
  expect(() => {
    validateConfig({ ...config, ...wrong });
  }).toThrow(message);
});
