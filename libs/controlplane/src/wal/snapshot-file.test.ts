import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { initialMembership, type Snapshot } from '@skep/raft';

import { DataKeys } from './data-key.ts';
import { SnapshotFolder } from './snapshot-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-snapshot-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function openFolder(): SnapshotFolder {
  return new SnapshotFolder(join(folder, 'snapshots'), DataKeys.openOrCreate(folder, undefined));
}

function snapshot(logIndex: number, sizeBytes = 100): Snapshot {
  const membership = initialMembership([{ raftId: 1, nodeId: 'n1', addr: 'a:1' }]);
  return { meta: { logIndex, term: 2, membership }, data: new Uint8Array(sizeBytes).fill(logIndex) };
}

describe('a snapshot folder', () => {
  test('gives back the newest, whole, whatever its size', async () => {
    const snapshots = openFolder();
    expect(snapshots.loadNewest()).toBeUndefined();
    for (const [i, sizeBytes] of [0, 1, 1024 * 1024, 3_000_000].entries()) {
      await snapshots.save(snapshot(i + 1, sizeBytes));
      const found = openFolder().loadNewest();
      expect(found?.meta).toEqual(snapshot(i + 1).meta);
      expect(Buffer.compare(found?.data ?? Buffer.alloc(0), snapshot(i + 1, sizeBytes).data)).toBe(0);
    }
  });

  test('keeps two, and drops what a crash left half-written', async () => {
    const snapshots = openFolder();
    for (let i = 1; i <= 4; i += 1) {
      await snapshots.save(snapshot(i));
    }
    writeFileSync(join(folder, 'snapshots', 'x.snapshot.tmp'), 'half');
    snapshots.removeOld();
    expect(readdirSync(join(folder, 'snapshots'))).toHaveLength(2);
    expect(snapshots.load({ logIndex: 3, term: 2 }).meta.logIndex).toBe(3);
    expect(() => snapshots.load({ logIndex: 1, term: 2 })).toThrow('there is no snapshot');
  });

  test('refuses damage and cut files, saying what to do', async () => {
    const snapshots = openFolder();
    await snapshots.save(snapshot(7, 2_500_000));
    const path = join(folder, 'snapshots', readdirSync(join(folder, 'snapshots'))[0] ?? '');
    const whole = readFileSync(path);
    for (const spoil of [
      (file: Buffer): Buffer => Buffer.concat([file.subarray(0, 1_500_000)]),
      (file: Buffer): Buffer => {
        file[2_000_000] = (file[2_000_000] ?? 0) ^ 1;
        return file;
      },
      (file: Buffer): Buffer => file.subarray(0, 0),
    ]) {
      writeFileSync(path, spoil(Buffer.from(whole)));
      expect(() => snapshots.loadNewest()).toThrow(/is damaged: .*join it again/s);
    }
  });
});

describe('data keys', () => {
  const wrapping = new Uint8Array(32).fill(9);

  test('wrapped need the key that wrapped them, and say so', () => {
    const keys = DataKeys.openOrCreate(folder, undefined);
    const label = Buffer.from('x');
    const sealed = keys.seal(Buffer.from('hello'), label);
    keys.save(folder, wrapping);
    expect(() => DataKeys.openOrCreate(folder, undefined)).toThrow('this manager is locked');
    expect(() => DataKeys.openOrCreate(folder, new Uint8Array(32))).toThrow('not the one of this cluster');
    const opened = DataKeys.openOrCreate(folder, wrapping);
    expect(opened.open(opened.currentKeyId, sealed, label).toString()).toBe('hello');
    opened.save(folder, undefined);
    expect(DataKeys.openOrCreate(folder, undefined).open(1, sealed, label).toString()).toBe('hello');
  });

  test('open nothing that was moved or changed', () => {
    const keys = DataKeys.openOrCreate(folder, undefined);
    const sealed = keys.seal(Buffer.from('hello'), Buffer.from('wal:1'));
    expect(() => keys.open(1, sealed, Buffer.from('wal:2'))).toThrow('cannot be opened');
    sealed[15] = (sealed[15] ?? 0) ^ 1;
    expect(() => keys.open(1, sealed, Buffer.from('wal:1'))).toThrow('cannot be opened');
    expect(() => keys.open(2, sealed, Buffer.from('wal:1'))).toThrow('cannot be opened');
  });

  test('damaged are refused, saying what to do', () => {
    DataKeys.openOrCreate(folder, undefined);
    writeFileSync(join(folder, 'data-key.json'), '{"version":1');
    expect(() => DataKeys.openOrCreate(folder, undefined)).toThrow('put back a copy of it');
  });
});
