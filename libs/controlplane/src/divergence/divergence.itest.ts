import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { errorMessage, isSwarmError } from '@skep/kernel';
import { Store } from '@skep/store';
import { afterEach, describe, expect, test, vi } from 'vitest';

import type { ControlPlane, UpdateContext } from '../control-plane-api.ts';
import { TestCluster, eventually } from '../testing/test-cluster.ts';
import { judge } from './verdict.ts';

let cluster: TestCluster | undefined;

afterEach(async () => {
  vi.restoreAllMocks();
  await cluster?.close();
  cluster = undefined;
});

describe('who has left the common state', () => {
  const of = (digests: Readonly<Record<string, string>>, votersCount: number, isLast = false) =>
    judge({ leaderId: 'L', byNode: new Map(Object.entries(digests)), votersCount, isLast });

  test('nobody while all agree', () => {
    expect(of({ L: '1.x', a: '1.x', b: '1.x' }, 3)).toBeUndefined();
  });

  test('who differs from the majority, the leader too', () => {
    expect(of({ L: '1.x', a: '1.x', b: '1.y' }, 3)).toEqual({ digest: '1.x', diverged: ['b'] });
    expect(of({ L: '1.x', a: '1.y', b: '1.y' }, 3)).toEqual({ digest: '1.y', diverged: ['L'] });
  });

  test('it is too early while a majority may still come about', () => {
    expect(of({ L: '1.x', a: '1.y' }, 3)).toBeUndefined();
    expect(of({ L: '1.x', a: '1.y' }, 3, true)).toEqual({ digest: '1.x', diverged: ['a'] });
  });

  test('a manager of another version is not judged', () => {
    expect(of({ L: '1.x', a: '1.x', b: '2.z' }, 3)).toBeUndefined();
    expect(of({ L: '2.z', a: '1.x', b: '1.y' }, 3)).toBeUndefined();
  });

  test('of two, the one that does not lead', () => {
    expect(of({ L: '1.x', a: '1.y' }, 2)).toEqual({ digest: '1.x', diverged: ['a'] });
  });
});

/** On whoever leads, again when the leadership was just lost. */
async function addConfig(made: TestCluster, id: string): Promise<void> {
  for (;;) {
    const manager = await made.leader();
    try {
      await tryAddConfig(manager, id);
      return;
    } catch (error) {
      if (!isSwarmError(error) || !['unavailable', 'not_leader'].includes(error.code)) {
        throw error;
      }
    }
    if (manager.view((tx) => tx.get('config', id)) !== undefined) {
      return;
    }
  }
}

function tryAddConfig(manager: ControlPlane, id: string): Promise<unknown> {
  const context: UpdateContext<void> = {
    actor: { name: 'test', from: 'test', via: 'api' },
    requestId: 'request',
  };
  return manager.update(context, (tx) => {
    tx.create('config', { id, spec: { name: id }, data: new Uint8Array([1]) });
  });
}

test('a manager whose state differs stops, keeps the evidence, and does not start again', async () => {
  const stores: Store[] = [];
  const victim: { store?: Store } = {};
  const { apply } = Store.prototype;
  vi.spyOn(Store.prototype, 'apply').mockImplementation(function (this: Store, entry, logIndex) {
    if (!stores.includes(this)) {
      stores.push(this);
    }
    const isLost = this === victim.store && Buffer.from(entry as Uint8Array).includes('lost-here');
    return isLost ? this.skip(logIndex) : apply.call(this, entry, logIndex);
  });
  const failures: unknown[] = [];
  const made = new TestCluster({
    digestEveryEntries: 5,
    raftTickMs: 100,
    onFatal: (error) => failures.push(error),
  });
  cluster = made;
  const first = await made.bootstrap();
  const token = first.view((tx) => tx.cluster()?.joinTokens.manager) ?? '';
  await made.join(token, made.addr(first.nodeId));
  const third = await made.join(token, made.addr(first.nodeId));
  await eventually('three managers', () => third.status().managers.length === 3);
  const [, , last] = stores;
  expect(last).toBeDefined();
  Object.assign(victim, { store: last });
  await addConfig(made, 'lost-here');
  for (let i = 0; i < 12; i += 1) {
    await addConfig(made, `after-${String(i)}`);
  }
  await eventually('it has stopped', () => failures.length > 0, 60_000);
  const message = errorMessage(failures[0]);
  const folder = join(made.folder(third.nodeId), 'raft', 'diverged');
  expect(message).toContain(folder);
  expect(message).toContain(`swarm node rm --force ${third.nodeId}`);
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as {
    logIndex: number;
    ownDigest: string;
    digestOfOthers: string;
    state: { tables: Record<string, string> };
  };
  expect(report.logIndex % 5).toBe(0);
  expect(report.ownDigest).not.toBe(report.digestOfOthers);
  expect(report.state.tables['config']).not.toBe(stores[0]?.tableDigests()['config']);
  expect(report.state.tables['network']).toBe(stores[0]?.tableDigests()['network']);
  const states = readdirSync(folder).filter((name) => name.endsWith('.snapshot'));
  expect(states).toHaveLength(1);
  expect(readFileSync(join(folder, states[0] ?? '')).includes('after-0')).toBe(false);
  await made.stop(third.nodeId);
  await expect(made.restart(third.nodeId)).rejects.toThrow(message);
  await addConfig(made, 'the-others-go-on');
  expect(failures).toHaveLength(1);
  expect(existsSync(join(made.folder(first.nodeId), 'raft', 'diverged'))).toBe(false);
}, 120_000);
