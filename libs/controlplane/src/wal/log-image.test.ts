import { describe, expect, test } from 'vitest';

import type { Entry } from '@skep/raft';

import { LogImage } from './log-image.ts';
import type { WalRecord } from './wal-record.ts';

const entry = (logIndex: number, term: number): Entry => ({
  logIndex,
  term,
  kind: 'normal',
  data: new Uint8Array(0),
});

const append = (...entries: Entry[]): WalRecord => ({
  kind: 'append',
  position: undefined,
  entries,
  hardState: undefined,
});

const start = (logIndex: number, term: number): WalRecord => ({
  kind: 'start',
  position: { logIndex, term },
  entries: [],
  hardState: undefined,
});

function imageOf(records: readonly WalRecord[]): LogImage {
  const image = new LogImage();
  records.forEach((record) => {
    image.add(record);
  });
  return image;
}

const membership = {
  voters: [1],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  members: [],
  removed: [],
};
const snapshotAt = (logIndex: number, term: number) =>
  ({ logIndex, term, membership }) as unknown as Parameters<LogImage['entriesAfter']>[0];

describe('the oldest segment that is left', () => {
  // The segment was begun behind entries that were never committed; the next leader replaced them from 31 on, a
  // snapshot of 44 covered them, and the segments before this one were removed.
  const records = [start(42, 9), append(entry(31, 10)), append(entry(32, 10))];
  const later = Array.from({ length: 14 }, (_value, i) => append(entry(33 + i, 10)));

  test('may replace entries from before its beginning', () => {
    const image = imageOf([...records, ...later]);
    expect(image.last).toMatchObject({ logIndex: 46, term: 10 });
    expect(image.entriesAfter(snapshotAt(44, 10)).map(({ logIndex }) => logIndex)).toEqual([45, 46]);
  });

  test('is refused without a snapshot that covers what is missing', () => {
    expect(() => imageOf([...records, ...later]).entriesAfter(undefined)).toThrow('there is no snapshot');
    expect(() => imageOf([...records, ...later]).entriesAfter(snapshotAt(20, 10))).toThrow(
      'begins after entry',
    );
  });

  test('still has no gaps', () => {
    expect(() => imageOf([start(42, 9), append(entry(31, 10)), append(entry(33, 10))])).toThrow(
      'does not follow',
    );
    expect(() => imageOf([start(42, 9), append(entry(44, 10))])).toThrow('does not follow');
  });
});

test('nothing replaces entries that a snapshot stands for', () => {
  const reset: WalRecord = { ...start(42, 9), kind: 'reset' };
  expect(() => imageOf([reset, append(entry(31, 10))])).toThrow('does not follow');
});
