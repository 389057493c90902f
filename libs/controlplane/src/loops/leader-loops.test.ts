import { afterEach, test } from 'vitest';

import { createService } from '@skep/orchestrator';

import type { UpdateContext } from '../control-plane-api.ts';
import { FakeAgent } from '../testing/fake-agent.ts';
import { TestCluster, eventually } from '../testing/test-cluster.ts';
import { leaderLoops } from './leader-loops.ts';

let cluster: TestCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

test('a service that is created on a real control plane gets its tasks, which run on a real session', async () => {
  cluster = new TestCluster({ loops: leaderLoops });
  const manager = await cluster.bootstrap();
  const token = manager.view((tx) => tx.cluster()?.joinTokens.worker ?? '');
  const addr = cluster.addr(manager.nodeId);
  const agent = new FakeAgent(await cluster.joinNode(token, addr), [addr]);
  void agent.run();
  await eventually('the worker is ready', () =>
    manager.view((tx) => tx.get('node', agent.node.nodeId)?.status.state === 'ready'),
  );
  const context: UpdateContext<unknown> = {
    actor: { name: 'test', from: 'test', via: 'api' },
    requestId: 'request',
  };
  let ids = 0;
  const newId = (): string => `service${String((ids += 1))}`.padEnd(25, '0');
  const spec = {
    name: 'web',
    task: { container: { image: 'busybox' } },
    mode: { type: 'replicated' as const, replicas: 3 },
  };
  const { value } = await manager.update(context, (tx) => createService(tx, spec, { newId }));
  await eventually('three tasks run', () => {
    const tasks = manager.view((tx) => tx.tasksByService(value.id));
    return tasks.length === 3 && tasks.every((task) => task.status.state === 'running');
  });
  agent.stop();
});
