import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { updateCluster, theCluster } from '@skep/orchestrator';
import { afterEach, describe, expect, test, vi } from 'vitest';

import type { ControlPlane, UpdateContext } from '../control-plane-api.ts';
import { TestCluster, eventually } from '../testing/test-cluster.ts';
import { openBackup } from './backup-file.ts';
import { isLocked, unlockFolder } from './locked-folder.ts';
import { newUnlockKey, parseUnlockKey, replaceUnlockKey, settleUnlockKey } from './unlock-key.ts';

// Three managers with fsync on a machine that others use too.
vi.setConfig({ testTimeout: 120_000 });

const PASSPHRASE = 'a passphrase of some length';
const bytes = (count: number): Uint8Array => new Uint8Array(Buffer.alloc(count, 7));

let cluster: TestCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

function context<T>(): UpdateContext<T> {
  return { actor: { name: 'test', from: 'test', via: 'api' }, requestId: 'request' };
}

function addConfig(manager: ControlPlane, id: string): Promise<unknown> {
  return manager.update(context(), (tx) => {
    tx.create('config', { id, spec: { name: id }, data: new Uint8Array([1, 2, 3]) });
  });
}

function configs(manager: ControlPlane): string[] {
  return manager.view((tx) => tx.list('config').map(({ id }) => id)).sort();
}

async function threeManagers(): Promise<{ first: ControlPlane; others: ControlPlane[] }> {
  const made = new TestCluster();
  cluster = made;
  const first = await made.bootstrap();
  const token = first.view((tx) => tx.cluster()?.joinTokens.manager) ?? '';
  const others = [
    await made.join(token, made.addr(first.nodeId)),
    await made.join(token, made.addr(first.nodeId)),
  ];
  await eventually('three managers', () =>
    [first, ...others].every((manager) => manager.status().managers.length === 3),
  );
  return { first, others };
}

describe('a forced new cluster', () => {
  test('goes on alone with everything, and makes workers of the lost managers', async () => {
    const { first, others } = await threeManagers();
    await addConfig(await (cluster as TestCluster).leader(), 'kept');
    for (const { nodeId } of others) {
      await cluster?.stop(nodeId);
    }
    await cluster?.stop(first.nodeId);
    const alone = await (cluster as TestCluster).restart(first.nodeId, {
      origin: { kind: 'forceNewCluster' },
    });
    expect(alone.status()).toMatchObject({ isLeader: true });
    expect(alone.status().managers.map(({ nodeId }) => nodeId)).toEqual([first.nodeId]);
    expect(configs(alone)).toEqual(['kept']);
    const roles = alone.view((tx) =>
      Object.fromEntries(
        tx.list('node').map(({ id, spec, manager }) => [id, [spec.role, manager !== undefined]]),
      ),
    );
    for (const { nodeId } of others) {
      expect(roles[nodeId]).toEqual(['worker', false]);
    }
    await addConfig(alone, 'new');
    // A second start with the same flag, after a crash, changes nothing more.
    await cluster?.stop(first.nodeId);
    const again = await (cluster as TestCluster).restart(first.nodeId, {
      origin: { kind: 'forceNewCluster' },
    });
    expect(configs(again)).toEqual(['kept', 'new']);
    // The group grows again.
    const token = again.view((tx) => tx.cluster()?.joinTokens.manager) ?? '';
    const joined = await (cluster as TestCluster).join(token, (cluster as TestCluster).addr(first.nodeId));
    await eventually('the new manager has the state', () => configs(joined).length === 2);
  });
});

describe('backup and restore', () => {
  test('a cluster comes back on another host with its identity, and goes on', async () => {
    const made = new TestCluster();
    cluster = made;
    const first = await made.bootstrap();
    await addConfig(first, 'kept');
    const before = first.view((tx) => tx.cluster());
    const { file, rev } = await first.backup(PASSPHRASE);
    await addConfig(first, 'too-late');
    await made.stop(first.nodeId);

    const { header, data } = await openBackup(file, PASSPHRASE);
    expect(header).toMatchObject({ clusterId: before?.id, logIndex: rev });
    const restored = await made.restore({ logIndex: header.logIndex, data });
    expect(restored.status()).toMatchObject({ isLeader: true, clusterId: before?.id });
    expect(configs(restored)).toEqual(['kept']);
    const after = restored.view((tx) => tx.cluster());
    expect([after?.ca, after?.joinTokens]).toEqual([before?.ca, before?.joinTokens]);
    expect(restored.view((tx) => tx.get('node', first.nodeId)?.spec.role)).toBe('worker');
    expect(restored.nodeId).not.toBe(first.nodeId);
    expect(restored.appliedRev()).toBeGreaterThan(rev);
    await addConfig(restored, 'new');
    await made.stop(restored.nodeId);
    const again = await made.restart(restored.nodeId);
    await eventually('the state is back', () => configs(again).length === 2);
    const joined = await made.join(after?.joinTokens.manager ?? '', made.addr(again.nodeId));
    await eventually('the new manager has the state', () => configs(joined).length === 2);
  });
});

describe('auto-lock', () => {
  const setLock = (manager: ControlPlane, isOn: boolean): Promise<unknown> =>
    manager.update(context(), (tx) => {
      const { spec } = theCluster(tx);
      settleUnlockKey(tx, updateCluster(tx, { spec: { ...spec, autoLockManagers: isOn } }), bytes);
    });
  const keyFile = (dir: string): string => readFileSync(join(dir, 'raft', 'data-key.json'), 'utf8');

  test('takes the data key off every disk, needs the key at start, rotates and ends', async () => {
    const { first, others } = await threeManagers();
    const made = cluster as TestCluster;
    const dirs = [first, ...others].map(({ nodeId }) => made.folder(nodeId));
    const plainKeys = dirs.map(
      (dir) => (JSON.parse(keyFile(dir)) as { keys: { key: string }[] }).keys[0]?.key ?? '?',
    );
    await setLock(await made.leader(), true);
    const key = first.view((tx) => tx.cluster()?.unlockKey) ?? '';
    expect(key).toMatch(/^SWMKEY-1-/);
    await eventually('all are locked', () => dirs.every((dir) => isLocked(join(dir, 'raft'))));
    dirs.forEach((dir, i) => {
      expect(keyFile(dir)).not.toContain(plainKeys[i] ?? '');
    });
    const [locked] = others;
    const nodeId = locked?.nodeId ?? '';
    const raftDir = join(made.folder(nodeId), 'raft');
    await made.stop(nodeId);
    await expect(made.restart(nodeId)).rejects.toThrow(/locked/);
    made.managers.delete(nodeId);
    expect(() =>
      unlockFolder(
        raftDir,
        newUnlockKey((count) => new Uint8Array(count)),
      ),
    ).toThrow(/not the one/);
    expect(() => unlockFolder(raftDir, 'nonsense')).toThrow(/unlock key/);
    const back = await made.restart(nodeId, { keyEncryptionKey: unlockFolder(raftDir, key) });
    await eventually('it is back', () => back.status().leader !== undefined);

    await (
      await made.leader()
    ).update(context(), (tx) => {
      replaceUnlockKey(tx, theCluster(tx), (count) => new Uint8Array(Buffer.alloc(count, 9)));
    });
    await eventually('the old key opens nothing any more', () =>
      dirs.every((dir) => {
        try {
          unlockFolder(join(dir, 'raft'), key);
          return false;
        } catch {
          return true;
        }
      }),
    );
    await setLock(await made.leader(), false);
    await eventually('none is locked', () => dirs.every((dir) => !isLocked(join(dir, 'raft'))));
  });

  test('a log from before the lock does not bring the data key back to the disk', async () => {
    const made = new TestCluster();
    cluster = made;
    const first = await made.bootstrap();
    const raftDir = join(made.folder(first.nodeId), 'raft');
    await addConfig(first, 'before');
    await setLock(first, true);
    await eventually('it is locked', () => isLocked(raftDir));
    await made.stop(first.nodeId);
    const key = parseUnlockKey(first.view((tx) => tx.cluster()?.unlockKey) ?? '');
    const wasUnlocked: boolean[] = [];
    const again = await made.restart(first.nodeId, { keyEncryptionKey: key });
    again.onStatus(() => wasUnlocked.push(!isLocked(raftDir)));
    await eventually('it leads', () => again.status().isLeader);
    expect(isLocked(raftDir)).toBe(true);
    expect(wasUnlocked).not.toContain(true);
  });
});
