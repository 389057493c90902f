import { afterEach, describe, expect, test } from 'vitest';

import type { Task } from '@skep/model';
import { ManagerMessage, decodeFrame, encodeFrame, type AgentMessage } from '@skep/wire';

import type { ControlPlane, UpdateContext } from './control-plane-api.ts';
import { dialChannel } from './transport/dial-channel.ts';
import { FakeAgent } from './testing/fake-agent.ts';
import { TestCluster, eventually, newNodeKey, requestCertificate } from './testing/test-cluster.ts';

let cluster: TestCluster | undefined;
let agents: FakeAgent[] = [];

afterEach(async () => {
  agents.forEach((agent) => {
    agent.stop();
  });
  agents = [];
  await cluster?.close();
  cluster = undefined;
});

function context<T>(): UpdateContext<T> {
  return { actor: { name: 'test', from: 'test', via: 'api' }, requestId: 'request' };
}

function tokens(manager: ControlPlane): { worker: string; manager: string } {
  const found = manager.view((tx) => tx.cluster()?.joinTokens);
  if (found === undefined) {
    throw new Error('no cluster object');
  }
  return found;
}

async function agent(token: string, via: string): Promise<FakeAgent> {
  const node = await (cluster as TestCluster).joinNode(token, via);
  const made = new FakeAgent(node, [via]);
  agents.push(made);
  void made.run();
  return made;
}

function newTask(id: string, nodeId: string): Omit<Task, 'version' | 'createdAtMs' | 'updatedAtMs'> {
  return {
    id,
    serviceId: `s-${id}`,
    serviceName: 'web',
    slot: 1,
    nodeId,
    spec: { container: { image: 'busybox' } },
    specVersion: 1,
    status: { state: 'assigned', atMs: 0, message: '' },
    desiredState: 'running',
    networks: [],
  };
}

describe('a new cluster', () => {
  test('has its object, tokens, ingress network and first node, and lets a worker in by token', async () => {
    cluster = new TestCluster();
    const manager = await cluster.bootstrap();
    expect(manager.status()).toMatchObject({ isLeader: true, role: 'leader' });
    const state = manager.view((tx) => ({
      name: tx.cluster()?.spec.name,
      networks: tx.list('network').map(({ spec }) => spec.name),
      nodes: tx.list('node').map(({ id, spec }) => ({ id, role: spec.role })),
    }));
    expect(state).toEqual({
      name: 'test',
      networks: ['ingress'],
      nodes: [{ id: manager.nodeId, role: 'manager' }],
    });
    const worker = await agent(tokens(manager).worker, cluster.addr(manager.nodeId));
    await eventually('the worker is ready', () =>
      manager.view((tx) => tx.get('node', worker.node.nodeId)?.status.state === 'ready'),
    );
    expect(manager.view((tx) => tx.get('node', worker.node.nodeId)?.spec.role)).toBe('worker');
    await eventually('the worker knows the ingress network', () =>
      [...worker.known].some((key) => key.startsWith('network:')),
    );
  });

  test('refuses wrong tokens, and a worker certificate opens nothing but sessions and renewal', async () => {
    cluster = new TestCluster();
    const manager = await cluster.bootstrap();
    const addr = cluster.addr(manager.nodeId);
    const { csrPem } = await newNodeKey();
    const forged = `${tokens(manager).manager.slice(0, -1)}${tokens(manager).manager.endsWith('0') ? '1' : '0'}`;
    expect(await requestCertificate(addr, { token: forged, csrPem })).toMatchObject({
      t: 'refused',
      error: { code: 'permission_denied' },
    });
    expect(await requestCertificate(addr, { token: 'nonsense', csrPem })).toMatchObject({
      t: 'refused',
      error: { code: 'invalid_argument' },
    });
    const worker = await cluster.joinNode(tokens(manager).worker, addr);
    await expect(
      dialChannel({
        addr,
        path: '/channel',
        tls: worker.tls,
        clusterId: worker.clusterId,
        query: { kind: 'forward' },
      }),
    ).rejects.toThrow();
    await expect(
      dialChannel({ addr, path: '/raft' as '/channel', tls: worker.tls, clusterId: worker.clusterId }),
    ).rejects.toThrow();
    // A renewal gives the role that the store says, not the one that is asked for.
    const renewed = await requestCertificate(addr, { csrPem, token: tokens(manager).manager }, worker.tls);
    expect(renewed).toMatchObject({ t: 'certificate', role: 'worker', nodeId: worker.nodeId });
  });

  test('a rotated token is refused from then on', async () => {
    cluster = new TestCluster();
    const manager = await cluster.bootstrap();
    const before = tokens(manager).worker;
    const { value } = await manager.rotateJoinToken(context(), 'worker');
    expect(tokens(manager).worker).toBe(value);
    await expect(cluster.joinNode(before, cluster.addr(manager.nodeId))).rejects.toThrow('valid join token');
    await cluster.joinNode(value, cluster.addr(manager.nodeId));
  });
});

describe('tasks', () => {
  test('reach their node and come back as running; a node speaks only for its own', async () => {
    cluster = new TestCluster();
    const manager = await cluster.bootstrap();
    const addr = cluster.addr(manager.nodeId);
    const [first, second] = await Promise.all([
      agent(tokens(manager).worker, addr),
      agent(tokens(manager).worker, addr),
    ]);
    await eventually('both have a session', () => first.isConnected && second.isConnected);
    await manager.update(context(), (tx) => tx.create('task', newTask('t1', first.node.nodeId)));
    await eventually('the task runs', () =>
      manager.view((tx) => tx.get('task', 't1')?.status.state === 'running'),
    );
    expect(second.tasks.size).toBe(0);
    await eventually('the report is acknowledged', () => first.acked > 0);
    second.send({
      t: 'status',
      batch: 1000,
      updates: [{ taskId: 't1', status: { state: 'failed', atMs: 1, message: 'not mine' } }],
    });
    await eventually('the foreign report is acknowledged', () => second.acked > 0);
    expect(manager.view((tx) => tx.get('task', 't1')?.status.state)).toBe('running');
    await manager.update(context(), (tx) => tx.patch('task', 't1', { desiredState: 'shutdown' }));
    await eventually('the task is shut down', () =>
      manager.view((tx) => tx.get('task', 't1')?.status.state === 'shutdown'),
    );
    await manager.update(context(), (tx) => tx.remove('task', 't1'));
    await eventually('the node has forgotten it', () => first.tasks.size === 0);
  });

  test('a silent node is down within its grace, and ready again when it comes back', async () => {
    cluster = new TestCluster();
    const manager = await cluster.bootstrap();
    const worker = await agent(tokens(manager).worker, cluster.addr(manager.nodeId));
    await eventually('session', () => worker.isConnected);
    const stateOf = (): string | undefined =>
      manager.view((tx) => tx.get('node', worker.node.nodeId)?.status.state);
    worker.stop();
    await eventually('the node is down', () => stateOf() === 'down', 6_000);
    const back = new FakeAgent(worker.node, [cluster.addr(manager.nodeId)]);
    agents.push(back);
    void back.run();
    await eventually('the node is back', () => stateOf() === 'ready');
    expect(manager.view((tx) => tx.get('node', worker.node.nodeId)?.sessionEpoch)).toBe(2);
  });
});

describe('three managers', () => {
  test('share their state, forward requests, and go on when the leader is lost', async () => {
    cluster = new TestCluster();
    const group = cluster;
    const first = await group.bootstrap();
    const second = await group.join(tokens(first).manager, group.addr(first.nodeId));
    const third = await group.join(tokens(first).manager, group.addr(first.nodeId));
    const worker = await agent(tokens(first).worker, group.addr(second.nodeId));
    await eventually('three voters', () => first.status().managers.length === 3);
    await eventually('session with the leader', () => worker.isConnected);

    first.onForwardedRequest((request, fromNodeId) =>
      Promise.resolve({
        status: 200,
        headers: { 'x-skep-rev': String(first.appliedRev()) },
        body: Buffer.from(`${request.method} ${request.path} from ${fromNodeId}`),
      }),
    );
    const answer = await second.forward({ method: 'POST', path: '/api/v1/x', headers: {} });
    expect(Buffer.from(answer.body).toString()).toBe(`POST /api/v1/x from ${second.nodeId}`);
    expect(second.appliedRev()).toBeGreaterThanOrEqual(Number(answer.headers['x-skep-rev']));
    await expect(second.update(context(), () => undefined)).rejects.toMatchObject({ code: 'not_leader' });

    await first.update(context(), (tx) => tx.create('task', newTask('t1', worker.node.nodeId)));
    await eventually('the task runs on every manager', () =>
      [first, second, third].every((manager) =>
        manager.view((tx) => tx.get('task', 't1')?.status.state === 'running'),
      ),
    );
    await group.stop(first.nodeId);
    const next = await group.leader();
    await next.update(context(), (tx) => tx.create('task', newTask('t2', worker.node.nodeId)));
    await eventually('a task of the new leader runs', () =>
      next.view((tx) => tx.get('task', 't2')?.status.state === 'running'),
    );
  });

  test('each tells an agent that asks who leads', async () => {
    cluster = new TestCluster();
    const group = cluster;
    const first = await group.bootstrap();
    const second = await group.join(tokens(first).manager, group.addr(first.nodeId));
    const worker = await group.joinNode(tokens(first).worker, group.addr(first.nodeId));
    await eventually('two voters', () => second.status().managers.length === 2);
    for (const manager of [first, second]) {
      const channel = await dialChannel({
        addr: group.addr(manager.nodeId),
        path: '/session',
        tls: worker.tls,
        clusterId: worker.clusterId,
      });
      const answer = new Promise<ManagerMessage>((resolve) => {
        channel.onFrame((frame) => {
          resolve(decodeFrame(ManagerMessage, frame));
        });
      });
      channel.send(encodeFrame({ t: 'whoLeads' } satisfies AgentMessage));
      const { managers, ...rest } = (await answer) as Extract<ManagerMessage, { t: 'leader' }>;
      expect(rest).toEqual({ t: 'leader', leaderAddr: group.addr(first.nodeId) });
      expect(managers).toHaveLength(2);
      channel.close();
    }
  });

  test('tell what became of a request whose leader was lost before it answered', async () => {
    cluster = new TestCluster();
    const group = cluster;
    const first = await group.bootstrap();
    const second = await group.join(tokens(first).manager, group.addr(first.nodeId));
    const third = await group.join(tokens(first).manager, group.addr(first.nodeId));
    await eventually('three voters', () => third.status().managers.length === 3);
    let arrived = 0;
    first.onForwardedRequest(async ({ headers }) => {
      if (headers['x-request-id'] === 'made') {
        await first.update({ ...context(), requestId: 'made' }, (tx) =>
          tx.create('task', newTask('t1', second.nodeId)),
        );
      }
      arrived += 1;
      return new Promise(() => undefined);
    });
    const outcomes = ['made', 'notMade'].map((id) =>
      second
        .forward({ method: 'POST', path: '/api/v1/x', headers: { 'x-request-id': id } })
        .then(String, (error: unknown) => error),
    );
    await eventually('both are at the leader', () => arrived === 2);
    await group.stop(first.nodeId);
    const [made, notMade] = await Promise.all(outcomes);
    expect(made).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('was made') as string,
    });
    expect(notMade).toMatchObject({ code: 'unavailable', details: { isSent: false } });
  });

  test('a forwarded change that was held up is not made by the same leader of a later term', async () => {
    cluster = new TestCluster();
    const group = cluster;
    const first = await group.bootstrap();
    const second = await group.join(tokens(first).manager, group.addr(first.nodeId));
    await group.join(tokens(first).manager, group.addr(first.nodeId));
    await eventually('three voters', () => first.status().managers.length === 3);
    let goOn = (): void => undefined;
    const isHeldUp = new Promise<void>((resolve) => (goOn = resolve));
    let change: Promise<unknown> | undefined;
    first.onForwardedRequest(async () => {
      await isHeldUp;
      change = first.update({ ...context(), requestId: 'held-up' }, (tx) =>
        tx.create('task', newTask('t1', second.nodeId)),
      );
      await change;
      return { status: 200, headers: {}, body: new Uint8Array(0) };
    });
    const headers = { 'x-request-id': 'held-up' };
    const outcome = second.forward({ method: 'POST', path: '/api/v1/x', headers }).catch(() => undefined);
    await first.transferLeadership(second.nodeId);
    await eventually('the second leads', () => second.status().isLeader);
    await second.transferLeadership(first.nodeId);
    await eventually('the first leads again', () => first.status().isLeader);
    goOn();
    await eventually('the change was tried', () => change !== undefined);
    await expect(change).rejects.toMatchObject({ code: 'not_leader' });
    expect(first.view((tx) => tx.get('task', 't1'))).toBeUndefined();
    await outcome;
  });

  test('a demoted manager leaves the group, the last one cannot', async () => {
    cluster = new TestCluster();
    const first = await cluster.bootstrap();
    const second = await cluster.join(tokens(first).manager, cluster.addr(first.nodeId));
    const third = await cluster.join(tokens(first).manager, cluster.addr(first.nodeId));
    await eventually('all reachable', () =>
      first.view(
        (tx) => tx.list('node').filter(({ manager }) => manager?.reachability === 'reachable').length === 3,
      ),
    );
    await first.demoteNode(context(), third.nodeId);
    await eventually('two members', () => first.status().managers.length === 2);
    await eventually('the node is no manager', () =>
      first.view((tx) => tx.get('node', third.nodeId)?.manager === undefined),
    );
    // Its certificate still says manager, but it may neither come back nor speak as one.
    const folder = cluster.folder(third.nodeId);
    await cluster.stop(third.nodeId);
    await expect(cluster.rejoin(folder, cluster.addr(first.nodeId))).rejects.toThrow(
      'is not to be a manager',
    );
    const tls = cluster.tlsIn(folder);
    const channel = await dialChannel({
      addr: cluster.addr(first.nodeId),
      path: '/channel',
      tls,
      clusterId: first.status().clusterId,
      query: { kind: 'forward' },
    });
    await new Promise<void>((resolve) => {
      channel.onClose(() => {
        resolve();
      });
    });
    await first.demoteNode(context(), second.nodeId);
    await eventually('one member', () => first.status().managers.length === 1);
    await expect(first.demoteNode(context(), first.nodeId)).rejects.toThrow(
      'attempting to demote the last manager of the swarm',
    );
  });
});

test('concurrent updates do not disturb each other, and hundreds a second go through', async () => {
  cluster = new TestCluster();
  const manager = await cluster.bootstrap();
  const startMs = Date.now();
  await Promise.all(
    Array.from({ length: 400 }, (_, index) =>
      manager
        .update(context(), (tx) => {
          const counted = tx.get('node', manager.nodeId);
          // Every tenth touches the same object, and must not lose what another wrote.
          if (index % 10 === 0 && counted !== undefined) {
            const labels = { ...counted.spec.labels, [`k${String(index)}`]: 'v' };
            tx.update('node', { ...counted, spec: { ...counted.spec, labels } });
          }
          tx.create('task', newTask(`t${String(index)}`, manager.nodeId));
        })
        .catch((error: unknown) => {
          throw new Error(`update ${String(index)}: ${String(error)}`);
        }),
    ),
  );
  const durationMs = Date.now() - startMs;
  expect(manager.view((tx) => tx.count('task'))).toBe(400);
  expect(Object.keys(manager.view((tx) => tx.get('node', manager.nodeId)?.spec.labels) ?? {})).toHaveLength(
    40,
  );
  expect(durationMs).toBeLessThan(10_000);
});
