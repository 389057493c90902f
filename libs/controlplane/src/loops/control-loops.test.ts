import { describe, expect, test } from 'vitest';

import type { ServiceSpec, UpdateConfig } from '@skep/model';
import {
  createNetwork,
  createService,
  removeNetwork,
  removeNode,
  removeService,
  restartService,
  scaleService,
  updateService,
} from '@skep/orchestrator';

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

function nodesOf(cluster: MiniCluster, id: string): string[] {
  return cluster
    .running(id)
    .map((task) => task.nodeId ?? '')
    .sort();
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

describe('replicated services', () => {
  test('replicas are spread and run soon', () => {
    const cluster = setUp();
    const id = deploy(cluster, aSpec('web', 6));
    const tookMs = cluster.until(() => cluster.running(id).length === 6);
    expect(nodesOf(cluster, id)).toEqual(['n1', 'n1', 'n2', 'n2', 'n3', 'n3']);
    // One commit of the loops, and the agent's three steps: nothing waits.
    expect(tookMs).toBeLessThanOrEqual(cluster.commitMs + 3 * cluster.stepMs);
  });

  test('scaling up and down keeps the spread and forgets what was removed', () => {
    const cluster = setUp();
    const id = deploy(cluster, aSpec('web', 9));
    cluster.until(() => cluster.running(id).length === 9);
    cluster.run((tx) => scaleService(tx, { service: 'web', replicas: 3 }));
    cluster.until(() => cluster.store.view().tasksByService(id).length === 3);
    expect(nodesOf(cluster, id)).toEqual(['n1', 'n2', 'n3']);
    cluster.run((tx) => scaleService(tx, { service: 'web', replicas: 5 }));
    cluster.until(() => cluster.running(id).length === 5);
    expect(cluster.tasks(id).map(({ slot }) => slot)).toEqual([1, 2, 3, 4, 5]);
    expect(service(cluster, id)?.updateStatus).toBeUndefined();
  });

  test('a service is removed with its tasks, and its name is free at once', () => {
    const cluster = setUp();
    const id = deploy(cluster, aSpec('web', 5));
    cluster.until(() => cluster.running(id).length === 5);
    cluster.run((tx) => removeService(tx, 'web'));
    const again = deploy(cluster, aSpec('web', 2));
    cluster.until(() => service(cluster, id) === undefined && cluster.running(again).length === 2);
    expect(cluster.store.view().tasksByService(id)).toEqual([]);
  });

  test('thousands of replicas come in several turns and entries', () => {
    const cluster = setUp(10);
    const id = deploy(cluster, aSpec('web', 4500));
    cluster.until(() => cluster.tasks(id).filter((task) => task.nodeId !== undefined).length === 4500);
    const counts = new Map<string, number>();
    cluster.tasks(id).forEach(({ nodeId = '' }) => counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1));
    expect([...counts.values()]).toEqual(Array.from({ length: 10 }, () => 450));
  });
});

describe('restarts', () => {
  test('a task that fails is made anew in its slot after the delay', () => {
    const cluster = setUp();
    cluster.images.set('flaky', { endsAs: 'failed', runsMs: 1000 });
    const spec = aSpec('web', 1);
    const task = { container: { image: 'flaky' }, restart: { delayNs: 2 * SECOND } };
    const id = deploy(cluster, { ...spec, task });
    cluster.until(() => cluster.running(id).length === 1);
    const [first] = cluster.running(id);
    cluster.until(() => cluster.store.view().get('task', first!.id)?.status.state === 'failed');
    const failedMs = cluster.nowMs;
    cluster.until(() => cluster.running(id).length === 1);
    expect(cluster.nowMs - failedMs).toBeGreaterThanOrEqual(2000);
    expect(cluster.nowMs - failedMs).toBeLessThan(2100);
    expect(cluster.running(id)[0]).toMatchObject({ slot: 1, restarts: { count: 1 } });
    cluster.pass(60_000);
    // The history limit of 5 counts the task that is wanted.
    expect(cluster.store.view().tasksByService(id).length).toBe(5);
    const latest = cluster.tasks(id)[0]!;
    expect(latest.restarts!.count).toBeGreaterThan(10);
  });

  test('the delay lies between attempts that fail before they start, too', () => {
    const cluster = setUp();
    cluster.images.set('missing', { endsAs: 'rejected' });
    const restart = { delayNs: 2 * SECOND };
    const id = deploy(cluster, aSpec('web', 1, { task: { container: { image: 'missing' }, restart } }));
    cluster.pass(21_000);
    expect(cluster.tasks(id)[0]?.restarts?.count).toBe(11);
  });

  test('attempts are counted and given up, and the last task says so', () => {
    const cluster = setUp();
    const messages: string[] = [];
    cluster.store.onApplied(({ history }) => {
      messages.push(...history.flatMap(({ record }) => (record.type === 'event' ? record.message : [])));
    });
    cluster.images.set('bad', { endsAs: 'failed' });
    const restart = { delayNs: SECOND / 10, maxAttempts: 3 };
    const id = deploy(cluster, aSpec('web', 1, { task: { container: { image: 'bad' }, restart } }));
    cluster.pass(30_000);
    const tasks = cluster.store.view().tasksByService(id);
    expect(tasks).toHaveLength(4);
    expect(tasks.every((task) => task.desiredState === 'shutdown')).toBe(true);
    expect(tasks.filter((task) => task.status.reason?.code === 'run.maxattempts')).toHaveLength(1);
    // Each event names whom it is about: the feed shows many services side by side.
    expect(messages.filter((message) => message.startsWith('web.1: '))).toHaveLength(4);
    expect(messages).toContain('web: gave up after 3 attempts');
  });

  test.each([
    ['none', 'failed', 1],
    ['on-failure', 'complete', 1],
    ['on-failure', 'failed', 2],
    ['any', 'complete', 2],
  ] as const)('condition %s after %s', (condition, endsAs, count) => {
    const cluster = setUp();
    cluster.images.set('x', { endsAs, runsMs: 100 });
    const restart = { delayNs: 5 * SECOND, condition };
    const id = deploy(cluster, aSpec('web', 1, { task: { container: { image: 'x' }, restart } }));
    cluster.pass(4000);
    expect(cluster.store.view().tasksByService(id)).toHaveLength(count);
  });
});

describe('nodes', () => {
  test('tasks of a lost node run elsewhere at once, and are stopped when it returns', () => {
    const cluster = setUp();
    const id = deploy(cluster, aSpec('web', 6));
    cluster.until(() => cluster.running(id).length === 6);
    cluster.killNode('n1', 3000);
    cluster.pass(2999);
    const tookMs = cluster.until(() => nodesOf(cluster, id).filter((node) => node !== 'n1').length === 6);
    expect(tookMs).toBeLessThan(200);
    const lost = cluster.store.view().tasksByNode('n1');
    expect(lost.map(({ desiredState, status }) => [desiredState, status.state])).toEqual([
      ['shutdown', 'running'],
      ['shutdown', 'running'],
    ]);
    expect(lost[0]?.status.reason).toEqual({ code: 'node.down', params: { node: 'n1' } });
    cluster.reviveNode('n1');
    cluster.until(() =>
      cluster.store
        .view()
        .tasksByNode('n1')
        .every((task) => task.status.state === 'shutdown'),
    );
    expect(cluster.running(id)).toHaveLength(6);
  });

  test('draining moves tasks, pausing does not', () => {
    const cluster = setUp();
    const id = deploy(cluster, aSpec('web', 6));
    cluster.until(() => cluster.running(id).length === 6);
    cluster.patchNode('n1', { availability: 'pause' });
    cluster.pass(1000);
    expect(nodesOf(cluster, id)).toContain('n1');
    cluster.patchNode('n1', { availability: 'drain' });
    cluster.until(() => cluster.running(id).length === 6 && !nodesOf(cluster, id).includes('n1'));
    cluster.patchNode('n1', { availability: 'active' });
    cluster.pass(1000);
    expect(nodesOf(cluster, id)).not.toContain('n1');
  });

  test('a changed label moves tasks whose constraint it breaks', () => {
    const cluster = setUp(2);
    cluster.patchNode('n1', { labels: { disk: 'ssd' } });
    const placement = { constraints: ['node.labels.disk==ssd'] };
    const id = deploy(cluster, aSpec('db', 2, { task: { container: { image: 'good:1' }, placement } }));
    cluster.until(() => cluster.running(id).length === 2);
    expect(nodesOf(cluster, id)).toEqual(['n1', 'n1']);
    cluster.run((tx) => {
      const [a, b] = [tx.get('node', 'n1')!, tx.get('node', 'n2')!];
      tx.update('node', { ...a, spec: { ...a.spec, labels: {} } });
      tx.update('node', { ...b, spec: { ...b.spec, labels: { disk: 'ssd' } } });
    });
    cluster.until(() => nodesOf(cluster, id).join() === 'n2,n2');
  });

  test('a removed node gives up its tasks', () => {
    const cluster = setUp(2);
    const id = deploy(cluster, aSpec('web', 4));
    cluster.until(() => cluster.running(id).length === 4);
    cluster.run((tx) => removeNode(tx, { node: 'n1', force: true }));
    cluster.until(() => nodesOf(cluster, id).join() === 'n2,n2,n2,n2');
    const lost = cluster.store.view().tasksByNode('n1');
    expect(lost.every((task) => task.status.state === 'orphaned')).toBe(true);
  });

  test('tasks on a node that is down for a day are orphaned', () => {
    const cluster = setUp(2);
    const id = deploy(cluster, aSpec('web', 2));
    cluster.until(() => cluster.running(id).length === 2);
    cluster.killNode('n1', 0);
    cluster.pass(24 * 3600 * 1000 - 60_000);
    expect(cluster.store.view().tasksByNode('n1')[0]?.status.state).toBe('running');
    cluster.pass(200_000);
    expect(cluster.store.view().tasksByNode('n1')[0]?.status.state).toBe('orphaned');
    expect(cluster.running(id)).toHaveLength(2);
  });

  test('a task for which there is no node says why, and runs when one comes', () => {
    const cluster = setUp(2);
    const placement = { constraints: ['node.labels.disk==ssd'] };
    const id = deploy(cluster, aSpec('db', 1, { task: { container: { image: 'good:1' }, placement } }));
    cluster.pass(1000);
    expect(cluster.tasks(id)[0]?.status).toMatchObject({
      state: 'pending',
      err: 'no suitable node (scheduling constraints not satisfied on 2 nodes)',
      reason: { code: 'sched.constraint', params: { constraint: 'node.labels.disk==ssd' } },
    });
    const { version } = cluster.tasks(id)[0]!;
    cluster.pass(60_000);
    expect(cluster.tasks(id)[0]!.version).toBe(version);
    cluster.addNode('n3', { labels: { disk: 'ssd' } });
    cluster.until(() => nodesOf(cluster, id).join() === 'n3', 1000);
  });
});

describe('global services', () => {
  test('run once on every node, new ones too, and not on drained ones', () => {
    const cluster = setUp();
    const id = deploy(cluster, { ...aSpec('agent', 0), mode: { type: 'global' } });
    cluster.until(() => nodesOf(cluster, id).join() === 'n1,n2,n3');
    cluster.addNode('n4');
    cluster.until(() => nodesOf(cluster, id).join() === 'n1,n2,n3,n4');
    cluster.patchNode('n2', { availability: 'drain' });
    cluster.until(() => nodesOf(cluster, id).join() === 'n1,n3,n4');
    cluster.killNode('n3', 10);
    cluster.until(() => cluster.tasks(id).length === 2);
    cluster.patchNode('n2', { availability: 'active' });
    cluster.reviveNode('n3');
    cluster.until(() => nodesOf(cluster, id).join() === 'n1,n2,n3,n4');
  });

  test('are updated node by node', () => {
    const cluster = setUp();
    const id = deploy(cluster, { ...aSpec('agent', 0), mode: { type: 'global' } });
    cluster.until(() => cluster.running(id).length === 3);
    let least = 3;
    cluster.check = () => {
      least = Math.min(least, cluster.running(id).length);
    };
    update(cluster, id, 'good:2');
    cluster.until(() => service(cluster, id)?.updateStatus?.state === 'completed');
    expect(image(cluster, id)).toEqual(['good:2', 'good:2', 'good:2']);
    expect(least).toBe(2);
  });
});

describe('jobs', () => {
  test('a replicated job completes as often as asked, no more than allowed at a time', () => {
    const cluster = setUp();
    cluster.images.set('job', { endsAs: 'complete', runsMs: 500 });
    const id = deploy(cluster, {
      ...aSpec('job', 0),
      task: { container: { image: 'job' } },
      mode: { type: 'replicated-job', maxConcurrent: 3, totalCompletions: 10 },
    });
    let most = 0;
    cluster.check = () => {
      most = Math.max(most, cluster.running(id).length);
    };
    const completed = () =>
      cluster.store
        .view()
        .tasksByService(id)
        .filter((task) => task.status.state === 'complete');
    cluster.until(() => completed().length === 10);
    cluster.pass(10_000);
    expect(completed()).toHaveLength(10);
    expect(most).toBe(3);
    cluster.run((tx) => restartService(tx, { service: 'job' }));
    cluster.until(() => completed().length === 10 && completed().every((task) => task.jobIteration === 1));
  });

  test('a global job runs once on each node; failures are tried again', () => {
    const cluster = setUp();
    cluster.images.set('job', { endsAs: 'failed', runsMs: 50 });
    const task = {
      container: { image: 'job' },
      restart: { condition: 'on-failure', delayNs: SECOND },
    } as const;
    const id = deploy(cluster, { ...aSpec('job', 0), task, mode: { type: 'global-job' } });
    cluster.pass(500);
    cluster.images.set('job', { endsAs: 'complete', runsMs: 50 });
    const completed = () =>
      cluster.store
        .view()
        .tasksByService(id)
        .filter(({ status }) => status.state === 'complete');
    cluster.until(() => completed().length === 3);
    cluster.pass(10_000);
    expect(
      completed()
        .map(({ nodeId }) => nodeId)
        .sort(),
    ).toEqual(['n1', 'n2', 'n3']);
  });
});

describe('networks', () => {
  const onNetwork = (target: string): Partial<ServiceSpec> => ({
    task: { container: { image: 'good:1' }, networks: [{ target }] },
  });

  test('a new overlay gets 10.0.1.0/24, its service a VIP and its tasks addresses', () => {
    const cluster = setUp();
    const network = cluster.run((tx) => createNetwork(tx, { name: 'net' }, cluster));
    const id = deploy(cluster, aSpec('web', 3, onNetwork('net')));
    cluster.until(() => cluster.running(id).length === 3);
    expect(cluster.store.view().get('network', network.id)).toMatchObject({
      vni: 4098,
      ipam: [{ subnet: '10.0.1.0/24', gateway: '10.0.1.1' }],
    });
    expect(service(cluster, id)?.endpoint).toEqual({
      mode: 'vip',
      ports: [],
      virtualIps: [{ networkId: network.id, address: '10.0.1.2/24' }],
    });
    expect(cluster.tasks(id).map((task) => task.networks[0]?.addresses[0])).toEqual([
      '10.0.1.3/24',
      '10.0.1.4/24',
      '10.0.1.5/24',
    ]);
  });

  test('a published port joins the tasks to the ingress network', () => {
    const cluster = setUp();
    const id = deploy(
      cluster,
      aSpec('web', 1, {
        endpoint: { ports: [{ protocol: 'tcp', targetPort: 80, publishMode: 'ingress' }] },
      }),
    );
    cluster.until(() => cluster.running(id).length === 1);
    expect(service(cluster, id)?.endpoint?.ports[0]?.publishedPort).toBe(30_000);
    expect(cluster.tasks(id)[0]?.networks[0]?.addresses).toEqual(['10.0.0.3/24']);
  });

  test('a full network is said, and used again when an address is given back', () => {
    const cluster = setUp();
    const ipam = { configs: [{ subnet: '10.9.0.0/29' }] };
    cluster.run((tx) => createNetwork(tx, { name: 'small', ipam }, cluster));
    const id = deploy(cluster, aSpec('web', 6, onNetwork('small')));
    cluster.until(() => cluster.running(id).length === 4);
    cluster.pass(1000);
    const waiting = cluster.tasks(id).filter((task) => task.status.state === 'new');
    expect(waiting).toHaveLength(2);
    expect(waiting[0]?.status).toMatchObject({
      err: 'could not find an available IP on network small',
      reason: { code: 'sched.network', params: { net: 'small' } },
    });
    const [victim] = cluster.running(id);
    cluster.run((tx) => tx.setTaskStatus(victim!.id, { state: 'failed', atMs: cluster.nowMs, message: 'x' }));
    cluster.pass(8000);
    expect(cluster.running(id)).toHaveLength(4);
  });

  test('a network can be removed right after its service, and its subnet comes back', () => {
    const cluster = setUp();
    const network = cluster.run((tx) => createNetwork(tx, { name: 'net' }, cluster));
    const id = deploy(cluster, aSpec('web', 3, onNetwork('net')));
    cluster.until(() => cluster.running(id).length === 3);
    expect(() => cluster.run((tx) => removeNetwork(tx, 'net'))).toThrow('is in use by service');
    cluster.run((tx) => {
      removeService(tx, 'web');
      removeNetwork(tx, 'net');
    });
    const again = cluster.run((tx) => createNetwork(tx, { name: 'net' }, cluster));
    cluster.until(() => cluster.store.view().get('network', network.id) === undefined);
    expect(cluster.store.view().get('network', again.id)?.ipam?.[0]?.subnet).toBe('10.0.2.0/24');
  });
});
