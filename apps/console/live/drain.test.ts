import { expect, test } from 'vitest';

import { drainImpact } from './drain.ts';
import type { NodeRow, ServiceRow, TaskRow } from './rows.ts';

const node = (id: string, availability = 'active', state = 'ready') =>
  ({ id, spec: { availability }, status: { state } }) as unknown as NodeRow;
const service = (name: string, spec: object) =>
  ({ id: name, spec: { name, task: { container: {} }, ...spec } }) as unknown as ServiceRow;
const task = (serviceId: string, nodeId: string, state = 'running', desiredState = 'running') =>
  ({ serviceId, nodeId, desiredState, status: { state } }) as unknown as TaskRow;

test('a drain is told by service: what moves, what stops, what is down meanwhile, what stays behind', () => {
  const impact = drainImpact(node('n1'), {
    nodes: [node('n1'), node('n2'), node('n3', 'drain'), node('n4', 'active', 'down')],
    services: [
      service('web', { mode: { type: 'replicated', replicas: 3 } }),
      service('agent', { mode: { type: 'global' } }),
      service('db', {
        mode: { type: 'replicated', replicas: 1 },
        task: {
          container: { mounts: [{ type: 'volume', source: 'data', target: '/data' }] },
          placement: { constraints: ['node.labels.disk==ssd'] },
        },
      }),
      service('elsewhere', { mode: { type: 'replicated', replicas: 1 } }),
    ],
    tasks: [
      task('web', 'n1'),
      task('web', 'n2'),
      task('web', 'n2'),
      task('web', 'n1', 'failed'),
      task('web', 'n1', 'running', 'shutdown'),
      task('agent', 'n1'),
      task('db', 'n1'),
      task('elsewhere', 'n2'),
    ],
  });
  expect(impact).toEqual({
    moving: 2,
    stopping: 1,
    targets: 1,
    services: [
      {
        name: 'db',
        tasks: 1,
        isGlobal: false,
        isDown: true,
        constraints: ['node.labels.disk==ssd'],
        volumes: ['data'],
      },
      { name: 'agent', tasks: 1, isGlobal: true, isDown: false, constraints: [], volumes: [] },
      { name: 'web', tasks: 1, isGlobal: false, isDown: false, constraints: [], volumes: [] },
    ],
  });
});
