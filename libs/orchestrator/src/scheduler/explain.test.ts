import { expect, test } from 'vitest';

import type { Service, Task } from '@skep/model';

import { compileConstraint } from '../node-fitness.ts';
import { TestStore, aSpec } from '../testing/test-store.ts';
import { demandOf, type Demand } from './demand.ts';
import { NodeSet } from './node-set.ts';
import { scheduleGroup } from './schedule.ts';

function demand(changes: Partial<Demand>): Demand {
  const service = { id: 's1', spec: aSpec('web') } as Service;
  const task = { spec: service.spec.task } as Task;
  return { ...demandOf(service, task), ...changes };
}

function world(): NodeSet {
  const store = new TestStore();
  store.addNode('n1', { labels: { disk: 'ssd' } }, { memoryBytes: 2 ** 30, nanoCpus: 1e9 });
  store.addNode('n2', {}, { memoryBytes: 2 ** 29, nanoCpus: 2e9 });
  store.addNode('n3', { availability: 'drain' });
  return NodeSet.fromStore(store.view);
}

test.each<[string, Partial<Demand>, string, object]>([
  [
    'memory',
    { memoryBytes: 2 ** 31 },
    'no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)',
    { code: 'sched.resources', params: { res: 'memory', need: '2 GiB', max: '1 GiB', node: 'host-n1' } },
  ],
  [
    'CPU',
    { nanoCpus: 8e9 },
    'no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)',
    { code: 'sched.resources', params: { res: 'CPU', need: '8', max: '2', node: 'host-n2' } },
  ],
  [
    'GPU',
    { generic: [{ kind: 'gpu', value: 1 }] },
    'no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)',
    { code: 'sched.resources', params: { res: 'gpu', need: '1', max: '0', node: 'host-n1' } },
  ],
  [
    'constraint',
    {
      constraints: [compileConstraint({ key: 'node.labels.disk', operator: '==', value: 'nvme' })],
      constraintTexts: ['node.labels.disk==nvme'],
    },
    'no suitable node (scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks)',
    { code: 'sched.constraint', params: { constraint: 'node.labels.disk==nvme' } },
  ],
  [
    'constraint and memory',
    {
      memoryBytes: 2 ** 30 - 1,
      constraints: [compileConstraint({ key: 'node.labels.disk', operator: '!=', value: 'ssd' })],
      constraintTexts: ['node.labels.disk!=ssd'],
    },
    'no suitable node (1 node not available for new tasks; insufficient resources on 1 node; scheduling constraints not satisfied on 1 node)',
    { code: 'sched.resources' },
  ],
  [
    'platform',
    { platforms: [{ os: 'linux', architecture: 'arm64' }] },
    'no suitable node (unsupported platform on 2 nodes; 1 node not available for new tasks)',
    { code: 'sched.platform', params: { platform: 'linux/x86_64', n: '2', m: '3' } },
  ],
  [
    'plugin',
    { volumeDrivers: ['nfs'] },
    'no suitable node (missing plugin on 2 nodes; 1 node not available for new tasks)',
    { code: 'engine.unknown' },
  ],
])('%s', (_name, changes, text, reason) => {
  const { explanation } = scheduleGroup(world(), demand(changes), ['t'], 0);
  expect(explanation?.text).toBe(text);
  expect(explanation?.reason).toMatchObject(reason);
});

test('limits that the placements themselves reach', () => {
  const full = scheduleGroup(world(), demand({ maxReplicasPerNode: 1 }), ['a', 'b', 'c'], 0);
  expect(full.unplaced).toEqual(['c']);
  expect(full.explanation?.text).toBe(
    'no suitable node (max replicas per node limit exceed; 1 node not available for new tasks)',
  );
  const ports = scheduleGroup(world(), demand({ hostPorts: ['tcp/80'] }), ['a', 'b', 'c'], 0);
  expect(ports.explanation).toMatchObject({
    text: 'no suitable node (host-mode port already in use on 2 nodes; 1 node not available for new tasks)',
    reason: { code: 'sched.port', params: { port: '80', service: 's1' } },
  });
});

test('amd64 in an image is x86_64 on a node', () => {
  const platforms = [{ os: 'linux', architecture: 'amd64' }];
  expect(scheduleGroup(world(), demand({ platforms }), ['t'], 0).placed).toHaveLength(1);
});

test('a node on which the service failed often is the last choice', () => {
  const store = new TestStore();
  store.addNode('n1');
  store.addNode('n2');
  const nodes = NodeSet.fromStore(store.view);
  for (let i = 0; i < 5; i += 1) {
    nodes.get('n1')?.noteFailure('s1', 1000 + i);
  }
  const place = (id: string, nowMs: number) =>
    scheduleGroup(nodes, demand({}), [id], nowMs).placed[0]?.nodeId;
  expect([place('a', 2000), place('b', 2000)]).toEqual(['n2', 'n2']);
  expect(place('c', 2000 + 5 * 60_000)).toBe('n1');
});

test('no node at all', () => {
  expect(scheduleGroup(new NodeSet(), demand({}), ['t'], 0).explanation?.text).toBe('no suitable node');
});
