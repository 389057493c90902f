import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Entry } from '@skep/raft';

import { DataKeys } from '../wal/data-key.ts';
import { frameAt } from '../wal/frame.ts';
import { SnapshotFolder } from '../wal/snapshot-file.ts';
import { Wal } from '../wal/wal.ts';
import { KeyRotation } from './key-rotation.ts';

let dataDir = '';
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'skep-rotation-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

const wrapping = randomBytes(32);
const SEGMENT_BYTES = 4096;

function entry(logIndex: number): Entry {
  return {
    logIndex,
    term: 1,
    kind: 'normal',
    data: new Uint8Array(Buffer.from(`entry ${String(logIndex)}`)),
  };
}

interface Disk {
  readonly keys: DataKeys;
  readonly wal: Wal;
  readonly snapshots: SnapshotFolder;
  readonly rotation: KeyRotation;
  readonly indexes: readonly number[];
}

async function openDisk(): Promise<Disk> {
  const keys = DataKeys.openOrCreate(dataDir, wrapping);
  const snapshots = new SnapshotFolder(join(dataDir, 'snapshots'), keys);
  const { wal, image } = await Wal.open({ folder: join(dataDir, 'wal'), keys, segmentBytes: SEGMENT_BYTES });
  const logger = pino({ level: 'silent' });
  const rotation = new KeyRotation({ dataDir, keys, wal, snapshots, logger });
  const indexes = image.entriesAfter(undefined).map(({ logIndex }) => logIndex);
  return { keys, wal, snapshots, rotation, indexes };
}

async function write(wal: Wal, from: number, to: number): Promise<void> {
  for (let logIndex = from; logIndex <= to; logIndex += 1) {
    await wal.write([
      { kind: 'append', position: undefined, entries: [entry(logIndex)], hardState: undefined },
    ]);
  }
}

/** The ids of all keys that frames in a folder are sealed with. */
function keyIdsIn(folder: string): readonly number[] {
  const ids = new Set<number>();
  for (const name of readdirSync(join(dataDir, folder))) {
    const file = readFileSync(join(dataDir, folder, name));
    for (let frame = frameAt(file, 0); frame !== undefined; frame = frameAt(file, frame.endOffset)) {
      ids.add(frame.keyId);
    }
  }
  return [...ids];
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);
const meta = {
  logIndex: 1,
  term: 1,
  membership: {
    voters: [1],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    members: [{ raftId: 1, nodeId: 'n1', addr: 'a' }],
    removed: [],
  },
};

describe('a new data key', () => {
  test('seals everything anew while the log is written on, and the old one is forgotten', async () => {
    const { wal, keys, snapshots, rotation } = await openDisk();
    await snapshots.save({ meta, data: new Uint8Array(2_000_000).fill(3) });
    await write(wal, 1, 200);
    expect(wal.segmentCount).toBeGreaterThan(3);
    rotation.start();
    await write(wal, 201, 260);
    await rotation.settled();
    await write(wal, 261, 270);
    expect([keyIdsIn('wal'), keyIdsIn('snapshots'), keys.hasOldKeys]).toEqual([[2], [2], false]);
    expect(readFileSync(join(dataDir, 'data-key.json'), 'utf8')).not.toContain('"keyId": 1');
    await wal.close();
    const again = await openDisk();
    expect(again.indexes).toEqual(upTo(270));
    expect(again.snapshots.loadNewest()?.data).toHaveLength(2_000_000);
    await again.wal.close();
  });

  test('that a crash left half-way is readable, and the next start finishes', async () => {
    const first = await openDisk();
    await write(first.wal, 1, 100);
    first.keys.rotate(dataDir);
    await write(first.wal, 101, 110);
    await first.wal.close();
    expect(keyIdsIn('wal')).toEqual([1, 2]);
    const second = await openDisk();
    expect(second.indexes).toEqual(upTo(110));
    second.rotation.resume();
    await second.rotation.settled();
    expect([keyIdsIn('wal'), second.keys.hasOldKeys]).toEqual([[2], false]);
    await second.wal.close();
    const third = await openDisk();
    expect(third.indexes).toEqual(upTo(110));
    await third.wal.close();
  });

  test('does not bring back a segment that was removed meanwhile', async () => {
    const { wal, rotation, snapshots } = await openDisk();
    await write(wal, 1, 200);
    await snapshots.save({ meta: { ...meta, logIndex: 200 }, data: new Uint8Array(1) });
    rotation.start();
    wal.removeBefore(200);
    await rotation.settled();
    const left = readdirSync(join(dataDir, 'wal')).filter((name) => name.endsWith('.wal'));
    expect(left).toHaveLength(wal.segmentCount);
    await wal.close();
  });
});
