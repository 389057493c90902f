import { afterEach, describe, expect, test } from 'vitest';

import type { Task } from '@skep/model';

import type { ControlPlane, UpdateContext } from '../control-plane-api.ts';
import type { StreamChannel, StreamItem } from '../stream-api.ts';
import { FakeAgent } from '../testing/fake-agent.ts';
import { TestCluster, eventually } from '../testing/test-cluster.ts';

let cluster: TestCluster;
let agent: FakeAgent;

afterEach(async () => {
  agent.stop();
  await cluster.close();
});

const context = <T>(): UpdateContext<T> => ({
  actor: { name: 'test', from: 'test', via: 'api' },
  requestId: 'request',
});

function newTask(id: string, nodeId: string): Omit<Task, 'version' | 'createdAtMs' | 'updatedAtMs'> {
  return {
    id,
    serviceId: 'service',
    serviceName: 'web',
    slot: Number(id.slice(1)),
    nodeId,
    spec: { container: { image: 'busybox' } },
    specVersion: 1,
    status: { state: 'assigned', atMs: 0, message: '' },
    desiredState: 'running',
    networks: [],
  };
}

/** Two managers (the first leads), a worker, and the running task `t1`. */
async function start(): Promise<{ readonly leader: ControlPlane; readonly follower: ControlPlane }> {
  cluster = new TestCluster();
  const leader = await cluster.bootstrap();
  const tokens = leader.view((tx) => tx.cluster()?.joinTokens);
  const via = cluster.addr(leader.nodeId);
  const follower = await cluster.join(tokens?.manager ?? '', via);
  agent = new FakeAgent(await cluster.joinNode(tokens?.worker ?? '', via), [via]);
  void agent.run();
  await eventually('session', () => agent.isConnected);
  await leader.update(context(), (tx) => {
    tx.create('service', {
      id: 'service',
      spec: { name: 'web', mode: { type: 'global' }, task: { container: { image: 'busybox' } } },
      specVersion: 1,
    });
    tx.create('task', newTask('t1', agent.node.nodeId));
  });
  await eventually('the task runs on both', () =>
    [leader, follower].every((manager) =>
      manager.view((tx) => tx.get('task', 't1')?.status.state === 'running'),
    ),
  );
  return { leader, follower };
}

function collect(stream: StreamChannel): { readonly items: StreamItem[]; readonly closed: Promise<string> } {
  const items: StreamItem[] = [];
  stream.onItem((item) => items.push(item));
  return {
    items,
    closed: new Promise((resolve) => {
      stream.onClose((error) => {
        resolve(error?.message ?? 'end');
      });
    }),
  };
}

const logs = { kind: 'logs', tail: -1, stdout: true, stderr: true } as const;

describe('streams', () => {
  test('logs and exec work the same on the leader and on a follower', async () => {
    const { leader, follower } = await start();
    for (const manager of [leader, follower]) {
      const log = collect(await manager.openStream({ ...logs, taskId: 't1', follow: false }));
      expect(await log.closed).toBe('end');
      expect(log.items).toMatchObject([{ type: 'lines', taskId: 't1', lines: [{ text: 'hello from t1' }] }]);

      const exec = await manager.openStream({ kind: 'exec', taskId: 't1', command: ['cat'], tty: false });
      const echoed = collect(exec);
      exec.send({ type: 'stdin', data: Buffer.from('ping') });
      exec.send({ type: 'stdinEnd' });
      expect(await echoed.closed).toBe('end');
      expect(echoed.items).toMatchObject([
        { type: 'output', channel: 'stdout' },
        { type: 'exit', exitCode: 7 },
      ]);
      await expect(manager.openStream({ ...logs, taskId: 'nope', follow: false })).rejects.toMatchObject({
        code: 'not_found',
      });
    }
  });

  test('the logs of a service take in tasks that appear later, and closing ends them on the agent', async () => {
    const { leader, follower } = await start();
    const stream = await follower.openStream({ ...logs, serviceId: 'service', follow: true });
    const { items } = collect(stream);
    const speakers = (): string[] => items.flatMap((item) => (item.type === 'lines' ? [item.taskId] : []));
    await eventually('the first task speaks', () => speakers().includes('t1'));
    await leader.update(context(), (tx) => tx.create('task', newTask('t2', agent.node.nodeId)));
    await eventually('the second one too', () => speakers().includes('t2'));
    expect(agent.closedStreams).toEqual([]);
    stream.close();
    await eventually('both streams are closed on the agent', () => agent.closedStreams.length === 2);
  });

  test('a followed task ends its stream with its output, a followed service when it is removed', async () => {
    const { leader } = await start();
    await leader.update(context(), (tx) =>
      tx.create('task', { ...newTask('t3', ''), nodeId: agent.node.nodeId }),
    );
    const ofTask = collect(await leader.openStream({ ...logs, taskId: 't1', follow: true }));
    const ofService = collect(await leader.openStream({ ...logs, serviceId: 'service', follow: true }));
    await eventually('both speak', () => ofTask.items.length > 0 && ofService.items.length > 1);
    agent.endLogs();
    expect(await ofTask.closed).toBe('end');
    await leader.update(context(), (tx) => tx.remove('service', 'service'));
    expect(await ofService.closed).toBe('end');
  });

  test('a stream ends with an error when its node is lost', async () => {
    const { leader } = await start();
    const exec = await leader.openStream({ kind: 'exec', taskId: 't1', command: ['cat'], tty: false });
    const { closed } = collect(exec);
    agent.stop();
    expect(await closed).toContain('lost');
  });

  test('stats are asked of the nodes that run the tasks', async () => {
    const { follower } = await start();
    const stream = await follower.openStream({ kind: 'stats', serviceId: 'service', everyMs: 500 });
    const { items } = collect(stream);
    await eventually('a sample', () => items.some((item) => item.type === 'stats'));
    expect(items[0]).toMatchObject({ type: 'stats', nodeId: agent.node.nodeId, stats: [{ taskId: 't1' }] });
    stream.close();
  });
});
