import { describe, expect, test } from 'vitest';

import type { ServiceSpec, UpdateConfig } from '@skep/model';
import { createService, rollbackService, updateService } from '@skep/orchestrator';

import { MiniCluster, aSpec } from './testing/mini-cluster.ts';

const SECOND = 1e9;

function setUp(nodeCount = 3): MiniCluster {
  const cluster = new MiniCluster();
  for (let i = 1; i <= nodeCount; i += 1) {
    cluster.addNode(`n${String(i)}`);
  }
  return cluster;
}

function deploy(cluster: MiniCluster, spec: ServiceSpec): string {
  return cluster.run((tx) => createService(tx, spec, cluster)).id;
}

function update(cluster: MiniCluster, id: string, image: string, config: UpdateConfig = {}): void {
  cluster.run((tx) => {
    const { spec } = tx.get('service', id)!;
    const task = { ...spec.task, container: { ...spec.task.container, image } };
    return updateService(tx, { service: id, spec: { ...spec, task, update: config } });
  });
}

const service = (cluster: MiniCluster, id: string) => cluster.store.view().get('service', id);
const image = (cluster: MiniCluster, id: string): string[] =>
  cluster.running(id).map((task) => task.spec.container.image);

describe('rolling updates', () => {
  test.each([
    ['one by one', {}, 5, 6],
    ['two by two', { parallelism: 2 }, 4, 6],
    ['all at once', { parallelism: 0 }, 0, 6],
    // As in Swarm the next new task does not wait for the last old one to have stopped.
    ['start-first', { order: 'start-first' }, 6, 8],
  ] as const)('%s never have fewer running than the policy allows', (_name, config, floor, ceiling) => {
    const cluster = setUp();
    const id = deploy(cluster, aSpec('web', 6));
    cluster.until(() => cluster.running(id).length === 6);
    let least = 6;
    let most = 6;
    cluster.check = () => {
      const count = cluster.store
        .view()
        .tasksByService(id)
        .filter((task) => task.status.state === 'running').length;
      least = Math.min(least, count);
      most = Math.max(most, count);
    };
    update(cluster, id, 'good:2', config);
    expect(service(cluster, id)?.updateStatus?.state).toBe('updating');
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'completed');
    expect(image(cluster, id)).toEqual(Array.from({ length: 6 }, () => 'good:2'));
    expect(least).toBe(floor);
    expect(most).toBe(ceiling);
  });

  test('a new task that lost its node before it ran still holds its place in the batch', () => {
    // One node more than tasks: the first new task is alone on it.
    const cluster = setUp(7);
    const id = deploy(cluster, aSpec('web', 6));
    cluster.until(() => cluster.running(id).length === 6);
    // Slower to start than to stop, so that the end of the first new task is known before the second one runs.
    cluster.stepMs = 500;
    update(cluster, id, 'good:2');
    const made = () => cluster.tasks(id).filter(({ spec }) => spec.container.image === 'good:2');
    cluster.until(() => made().some(({ status }) => status.state === 'assigned'));
    const [first] = made();
    cluster.patchNode(first?.nodeId ?? '', { availability: 'drain' });
    cluster.pass(800);
    expect(made().map(({ slot, nodeId }) => [slot, nodeId === first?.nodeId])).toEqual([
      [first?.slot, false],
    ]);
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'completed');
  });

  test('the delay lies between batches and the monitor period at the end', () => {
    const cluster = setUp();
    const id = deploy(cluster, aSpec('web', 4));
    cluster.until(() => cluster.running(id).length === 4);
    update(cluster, id, 'good:2', { parallelism: 2, delayNs: 10 * SECOND, monitorNs: 3 * SECOND });
    cluster.pass(9000);
    expect(image(cluster, id).sort()).toEqual(['good:1', 'good:1', 'good:2', 'good:2']);
    cluster.pass(3000);
    expect(image(cluster, id).sort()).toEqual(['good:2', 'good:2', 'good:2', 'good:2']);
    expect(service(cluster, id)?.updateStatus?.state).toBe('updating');
    cluster.pass(3000);
    expect(service(cluster, id)?.updateStatus?.state).toBe('completed');
  });

  test('a failing image pauses the update after the first task', () => {
    const cluster = setUp();
    cluster.images.set('bad', { endsAs: 'failed' });
    const id = deploy(cluster, aSpec('web', 4));
    cluster.until(() => cluster.running(id).length === 4);
    update(cluster, id, 'bad');
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'paused');
    expect(service(cluster, id)?.updateStatus?.message).toMatch(
      /^update paused due to failure or early termination of task [a-z0-9]{25}$/,
    );
    cluster.pass(60_000);
    expect(image(cluster, id).filter((name) => name === 'good:1')).toHaveLength(3);
    update(cluster, id, 'good:2');
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'completed');
    expect(image(cluster, id)).toEqual(['good:2', 'good:2', 'good:2', 'good:2']);
  });

  test('a failing image is rolled back when the policy says so', () => {
    const cluster = setUp();
    cluster.images.set('bad', { endsAs: 'rejected' });
    const id = deploy(cluster, aSpec('web', 4));
    cluster.until(() => cluster.running(id).length === 4);
    update(cluster, id, 'bad', { failureAction: 'rollback', parallelism: 2 });
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'rollback_completed');
    expect(image(cluster, id)).toEqual(['good:1', 'good:1', 'good:1', 'good:1']);
    expect(service(cluster, id)?.spec.task.container.image).toBe('good:1');
    expect(service(cluster, id)?.previousSpec).toBeUndefined();
  });

  test('start-first with a failing image keeps the old tasks', () => {
    const cluster = setUp();
    cluster.images.set('bad', { endsAs: 'failed' });
    const id = deploy(cluster, aSpec('web', 3));
    cluster.until(() => cluster.running(id).length === 3);
    update(cluster, id, 'bad', { order: 'start-first', failureAction: 'rollback' });
    cluster.check = () => expect(cluster.running(id).length).toBeGreaterThanOrEqual(3);
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'rollback_completed');
    expect(image(cluster, id)).toEqual(['good:1', 'good:1', 'good:1']);
  });

  test('a tolerated share of failures does not stop the update', () => {
    const cluster = setUp();
    cluster.images.set('bad', { endsAs: 'failed' });
    const id = deploy(cluster, aSpec('web', 4));
    cluster.until(() => cluster.running(id).length === 4);
    update(cluster, id, 'bad', { maxFailurePerMille: 500 });
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'paused');
    expect(cluster.tasks(id).filter((task) => task.spec.container.image === 'bad')).toHaveLength(3);
  });

  test('a manual rollback goes back by the rollback policy', () => {
    const cluster = setUp();
    const id = deploy(cluster, aSpec('web', 3));
    cluster.until(() => cluster.running(id).length === 3);
    update(cluster, id, 'good:2');
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'completed');
    cluster.run((tx) => rollbackService(tx, { service: 'web' }));
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'rollback_completed');
    expect(image(cluster, id)).toEqual(['good:1', 'good:1', 'good:1']);
  });

  test('a new leader goes on with a half-done update', () => {
    const cluster = setUp();
    const id = deploy(cluster, aSpec('web', 6));
    cluster.until(() => cluster.running(id).length === 6);
    update(cluster, id, 'good:2');
    cluster.until(() => image(cluster, id).filter((name) => name === 'good:2').length === 3);
    cluster.loops.stop();
    cluster.pass(5000);
    expect(image(cluster, id).filter((name) => name === 'good:2').length).toBeLessThanOrEqual(4);
    cluster.loops.start();
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'completed');
    expect(image(cluster, id)).toEqual(Array.from({ length: 6 }, () => 'good:2'));
  });
});
