import { describe, expect, test } from 'vitest';

import type { Entry } from './entry.ts';
import { EMPTY_MEMBERSHIP } from './membership.ts';
import { RaftLog } from './raft-log.ts';

/** Entries with these terms, from `first` on. */
function entries(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, i) => ({ logIndex: first + i, term, kind: 'normal', data: new Uint8Array(10) }));
}

function logOf(terms: readonly number[], commit = 0): RaftLog {
  return new RaftLog(undefined, entries(terms), commit);
}

describe('an append from the leader', () => {
  test.each<[string, number[], number, number, number[], number[] | undefined]>([
    ['follows the last entry', [1, 1], 2, 1, [2], [1, 1, 2]],
    ['repeats what is there', [1, 1], 0, 0, [1, 1], [1, 1]],
    ['is older than what is there', [1, 1, 1], 0, 0, [1, 1], [1, 1, 1]],
    ['replaces a conflict and all after it', [1, 2, 2, 2], 1, 1, [3], [1, 3]],
    ['leaves a gap', [1], 2, 1, [1], undefined],
    ['follows an entry of another term', [1, 2], 2, 1, [3], undefined],
  ])('that %s', (_name, terms, prevIndex, prevTerm, added, expected) => {
    const log = logOf(terms);
    const matched = log.tryAppend(prevIndex, prevTerm, entries(added, prevIndex + 1));
    expect(matched).toBe(expected === undefined ? undefined : prevIndex + added.length);
    const found = Array.from({ length: log.lastIndex }, (_, i) => log.termAt(i + 1));
    expect(found).toEqual(expected ?? terms);
  });

  test('never replaces what is committed', () => {
    const log = logOf([1, 1], 2);
    expect(() => log.tryAppend(1, 1, entries([2], 2))).toThrow('entry 2 is committed');
  });
});

describe('writes under way', () => {
  test('count as durable only when they are', () => {
    const log = logOf([]);
    log.append(entries([1, 1]));
    expect(log.startWrite().entries).toHaveLength(2);
    log.append(entries([1], 3));
    expect(log.startWrite().entries.map((entry) => entry.logIndex)).toEqual([3]);
    expect([log.stable, log.hasUnstable]).toEqual([0, false]);
    log.finishWrite(undefined);
    expect(log.stable).toBe(2);
    log.finishWrite(undefined);
    expect(log.stable).toBe(3);
  });

  test('that were overtaken by a truncation do not vouch for what replaced them', () => {
    const log = logOf([]);
    log.append(entries([1, 1, 1]));
    log.startWrite();
    log.tryAppend(1, 1, entries([2, 2], 2));
    expect(log.startWrite().entries.map((entry) => entry.term)).toEqual([2, 2]);
    log.finishWrite(undefined);
    expect(log.stable).toBe(1);
    log.finishWrite(undefined);
    expect(log.stable).toBe(3);
  });

  test('hold committed entries back until they are durable here', () => {
    const log = logOf([]);
    log.append(entries([1, 1]));
    log.commitTo(2);
    expect(log.takeCommitted(1000)).toHaveLength(0);
    log.startWrite();
    log.finishWrite(undefined);
    expect(log.takeCommitted(1000)).toHaveLength(2);
    expect(log.applied).toBe(2);
  });
});

describe('compaction', () => {
  test('forgets entries and remembers the term before the first', () => {
    const log = logOf([1, 2, 3, 4], 4);
    log.takeCommitted(1000);
    const meta = { logIndex: 3, term: 3, membership: EMPTY_MEMBERSHIP };
    log.compact({ meta, data: new Uint8Array(0) }, 2);
    expect([log.firstIndex, log.termAt(2), log.termAt(1), log.lastIndex]).toEqual([3, 2, undefined, 4]);
    expect(log.snapshot?.meta.logIndex).toBe(3);
  });

  test('a restored snapshot holds back what follows until it is durable', () => {
    const log = logOf([1, 1]);
    const meta = { logIndex: 9, term: 2, membership: EMPTY_MEMBERSHIP };
    log.restore({ meta, data: new Uint8Array(1) });
    log.append(entries([2], 10));
    log.commitTo(10);
    const { snapshot, entries: written } = log.startWrite();
    expect([snapshot?.meta.logIndex, written.length, log.hasCommittedToHandOut]).toEqual([9, 1, false]);
    log.finishWrite(9);
    expect(log.takeCommitted(1000).map((entry) => entry.logIndex)).toEqual([10]);
  });
});

test.each([
  [[1, 1, 1, 4, 4, 4], 6, 3, 3],
  [[1, 1, 1, 4, 4, 4], 9, 4, 6],
  [[2, 2], 2, 1, 0],
])('in %j, logs that end at %i with term %i agree at most up to %i', (terms, index, term, expected) => {
  expect(logOf(terms).findAgreement(index, term).logIndex).toBe(expected);
});

test('limits keep at least one entry', () => {
  const log = logOf([1, 1, 1]);
  expect(log.slice(1, 3, 0)).toHaveLength(1);
  expect(log.slice(1, 3, 70)).toHaveLength(2);
  expect(log.slice(1, 3, 1000)).toHaveLength(3);
});
