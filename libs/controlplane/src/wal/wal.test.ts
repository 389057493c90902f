import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { SwarmError } from '@skep/kernel';
import { initialMembership, type Entry, type SnapshotMeta } from '@skep/raft';

import { DataKeys } from './data-key.ts';
import { frameAt } from './frame.ts';
import type { LogImage } from './log-image.ts';
import { Wal } from './wal.ts';
import type { WalRecord } from './wal-record.ts';

let folder = '';
let keys: DataKeys;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-wal-test-'));
  keys = DataKeys.openOrCreate(folder, undefined);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const SEGMENT_BYTES = 4096;

async function open(): Promise<{ wal: Wal; image: LogImage }> {
  return Wal.open({ folder: join(folder, 'wal'), keys, segmentBytes: SEGMENT_BYTES });
}

function entry(logIndex: number, term: number, sizeBytes = 100): Entry {
  return { logIndex, term, kind: 'normal', data: new Uint8Array(sizeBytes).fill(logIndex) };
}

function append(entries: readonly Entry[], commit = 0): WalRecord {
  const term = entries.at(-1)?.term ?? 1;
  return { kind: 'append', position: undefined, entries, hardState: { term, vote: 1, commit } };
}

/** Writes entries 1 to `count`, each in a write of its own. */
async function fill(count: number): Promise<void> {
  const { wal } = await open();
  for (let i = 1; i <= count; i += 1) {
    await wal.write([append([entry(i, 1)], i - 1)]);
  }
  await wal.close();
}

async function indexes(snapshot?: SnapshotMeta): Promise<readonly number[]> {
  const { wal, image } = await open();
  await wal.close();
  return image.entriesAfter(snapshot).map((item) => item.logIndex);
}

function segments(): readonly string[] {
  return readdirSync(join(folder, 'wal'))
    .filter((name) => name.endsWith('.wal'))
    .sort()
    .map((name) => join(folder, 'wal', name));
}

/** Where each frame of a segment begins. */
function frames(path: string): readonly number[] {
  const file = readFileSync(path);
  const offsets: number[] = [];
  for (let at = 0, frame = frameAt(file, at); frame !== undefined; frame = frameAt(file, at)) {
    offsets.push(at);
    at = frame.endOffset;
  }
  return offsets;
}

function flip(path: string, offset: number): void {
  const file = readFileSync(path);
  file[offset] = (file[offset] ?? 0) ^ 0x40;
  writeFileSync(path, file);
}

async function refusal(): Promise<SwarmError> {
  return open().then(
    () => {
      throw new Error('it was accepted');
    },
    (error: unknown) => error as SwarmError,
  );
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('what was written', () => {
  test('is there again, over many segments', async () => {
    await fill(60);
    expect(segments().length).toBeGreaterThan(2);
    const { wal, image } = await open();
    expect(image.entriesAfter(undefined).map((item) => item.logIndex)).toEqual(range(1, 60));
    expect(image.entriesAfter(undefined)[41]?.data).toEqual(Buffer.alloc(100, 42));
    expect(image.hardState).toEqual({ term: 1, vote: 1, commit: 59 });
    await wal.write([append([entry(61, 1)])]);
    await wal.close();
    expect(await indexes()).toEqual(range(1, 61));
  });

  test('replaces what stood at the same index, across segments', async () => {
    await fill(40);
    const { wal } = await open();
    await wal.write([append([entry(20, 2), entry(21, 2)]), append([entry(21, 3)])]);
    await wal.close();
    const { image } = await open();
    const terms = image.entriesAfter(undefined).map((item) => item.term);
    expect(terms).toEqual([...range(1, 19).map(() => 1), 2, 3]);
  });

  test('may be larger than a segment', async () => {
    const { wal } = await open();
    await wal.write([append([entry(1, 1)])]);
    await wal.write([append([entry(2, 1, SEGMENT_BYTES * 3)])]);
    await wal.write([append([entry(3, 1)])]);
    await wal.close();
    expect(await indexes()).toEqual([1, 2, 3]);
  });

  test('is not readable on the disk', async () => {
    const { wal } = await open();
    const secret = Buffer.from('a secret that nobody may read');
    await wal.write([append([{ logIndex: 1, term: 1, kind: 'normal', data: secret }])]);
    await wal.close();
    for (const path of segments()) {
      expect(readFileSync(path).includes(secret)).toBe(false);
    }
  });

  test('needs the key that it was sealed with', async () => {
    await fill(3);
    rmSync(join(folder, 'data-key.json'));
    keys = DataKeys.openOrCreate(folder, undefined);
    const error = await refusal();
    expect(error.code).toBe('data_loss');
    expect(error.message).toContain('its seal does not open');
  });
});

describe('a power cut', () => {
  test('in the middle of the last write costs that write only, wherever it came', async () => {
    await fill(5);
    const path = segments().at(-1) ?? '';
    const whole = readFileSync(path);
    const last = frames(path).at(-1) ?? 0;
    const end = frameAt(whole, last)?.endOffset ?? 0;
    for (let cut = last + 1; cut < end; cut += 7) {
      const torn = Buffer.from(whole);
      torn.fill(0, cut);
      writeFileSync(path, torn);
      expect(await indexes()).toEqual(range(1, 4));
      // The repaired file is clean, and can be written again.
      const { wal } = await open();
      expect(wal.repairedBytes).toBe(0);
      await wal.close();
    }
  });

  test('leaves a log that goes on', async () => {
    await fill(5);
    const path = segments().at(-1) ?? '';
    flip(path, (frames(path).at(-1) ?? 0) + 30);
    const { wal } = await open();
    expect(wal.repairedBytes).toBeGreaterThan(0);
    await wal.write([append([entry(5, 2)])]);
    await wal.close();
    const { image } = await open();
    expect(image.entriesAfter(undefined).map((item) => item.term)).toEqual([1, 1, 1, 1, 2]);
  });

  test('while a segment was begun leaves one that can be used', async () => {
    await fill(30);
    const path = segments().at(-1) ?? '';
    const before = await indexes();
    const file = readFileSync(path);
    const lost = frames(path).length - 1;
    file.fill(0, 10);
    writeFileSync(path, file);
    expect(await indexes()).toEqual(before.slice(0, before.length - lost));
    const next = before.length - lost + 1;
    const { wal } = await open();
    await wal.write([append([entry(next, 1)])]);
    wal.removeBefore(next - 1);
    await wal.close();
    const meta = { logIndex: next - 1, term: 1, membership: initialMembership([]) };
    expect(await indexes(meta)).toEqual([next]);
  });
});

describe('damage in the middle is refused, saying where and what to do', () => {
  test('a flipped bit before whole records', async () => {
    await fill(8);
    const path = segments()[0] ?? '';
    flip(path, (frames(path)[2] ?? 0) + 40);
    const error = await refusal();
    expect(error.code).toBe('data_loss');
    expect(error.message).toContain(
      `${path}, byte ${String(frames(path).length > 0 ? error.details['offset'] : '')}`,
    );
    expect(error.message).toContain('delete its data folder and join it again');
  });

  test('a flipped bit in the length of a record', async () => {
    await fill(8);
    const path = segments()[0] ?? '';
    flip(path, (frames(path)[2] ?? 0) + 6);
    expect((await refusal()).message).toContain('whole records follow it');
  });

  test('in a segment that is not the last', async () => {
    await fill(60);
    const path = segments()[0] ?? '';
    flip(path, (frames(path).at(-1) ?? 0) + 30);
    expect((await refusal()).message).toContain('later segments follow');
  });

  test('a segment that is missing', async () => {
    await fill(60);
    rmSync(segments()[1] ?? '');
    expect((await refusal()).message).toContain('is missing');
  });

  test('a segment that was cut to fewer records', async () => {
    await fill(60);
    const path = segments()[1] ?? '';
    truncateSync(path, frames(path).at(-1) ?? 0);
    expect((await refusal()).message).toMatch(/is missing|does not begin where/);
  });

  test('leaves the files as they are', async () => {
    await fill(8);
    const path = segments()[0] ?? '';
    flip(path, (frames(path)[2] ?? 0) + 40);
    const before = readFileSync(path);
    await refusal();
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});

describe('snapshots and the log', () => {
  const membership = initialMembership([]);

  test('segments that a snapshot covers are removed, and the rest still proves that it fits', async () => {
    await fill(60);
    const { wal } = await open();
    const before = segments().length;
    wal.removeBefore(45);
    await wal.close();
    expect(segments().length).toBeLessThan(before);
    expect(await indexes({ logIndex: 45, term: 1, membership })).toEqual(range(46, 60));
  });

  test('a log that begins after the snapshot is refused', async () => {
    await fill(60);
    const { wal } = await open();
    wal.removeBefore(45);
    await wal.close();
    const { image } = await open();
    expect(() => image.entriesAfter({ logIndex: 3, term: 1, membership })).toThrow(
      'the newest snapshot is of 3',
    );
    expect(() => image.entriesAfter(undefined)).toThrow('there is no snapshot');
  });

  test('a snapshot of the leader that the log does not know replaces the log', async () => {
    await fill(10);
    // The power went after the file was saved and before the log was reset.
    expect(await indexes({ logIndex: 8, term: 2, membership })).toEqual([]);
    expect(await indexes({ logIndex: 500, term: 2, membership })).toEqual([]);
    const { wal } = await open();
    const position = { logIndex: 500, term: 2 };
    await wal.write([{ kind: 'reset', position, entries: [entry(501, 2)], hardState: undefined }]);
    await wal.close();
    expect(await indexes({ logIndex: 500, term: 2, membership })).toEqual([501]);
  });
});
