import { aSpec } from '../test-store.ts';
import type { Service, Task } from '@skep/model';
import { demandOf } from '../../scheduler/demand.ts';
import { NodeSet } from '../../scheduler/node-set.ts';
import { scheduleGroup } from '../../scheduler/schedule.ts';

/**
 * Placements per second of processor time on many nodes, in groups of equal tasks, with reservations, a constraint and
 * a preference. Usage: node scheduler-bench.ts [nodes] [tasks] [tasks per group]
 */
const [NODES = 10_000, TASKS = 1_000_000, GROUP = 1000] = process.argv.slice(2).map(Number);

const nodes = new NodeSet();
for (let i = 0; i < NODES; i += 1) {
  const id = `n${String(i)}`;
  nodes.syncNode(id, {
    id,
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    spec: { role: 'worker', availability: 'active', labels: { zone: `z${String(i % 3)}`, disk: 'ssd' } },
    description: {
      hostname: id,
      platform: { os: 'linux', architecture: 'x86_64' },
      resources: { nanoCpus: 64e9, memoryBytes: 2 ** 38 },
      engine: { version: '1' },
    },
    status: { state: 'ready', addr: '10.0.0.1' },
  });
}
const start = process.cpuUsage();
let placed = 0;
for (let group = 0; group * GROUP < TASKS; group += 1) {
  const spec = aSpec(`s${String(group)}`, {
    task: {
      container: { image: 'sample' },
      resources: { reservations: { nanoCpus: 1e7, memoryBytes: 2 ** 20 } },
      placement: { constraints: ['node.labels.disk==ssd'], preferences: [{ spread: 'node.labels.zone' }] },
    },
  });
  const service = { id: spec.name, spec } as Service;
  const demand = demandOf(service, { spec: spec.task } as Task);
  const ids = Array.from({ length: GROUP }, (_value, index) => `t${String(group)}.${String(index)}`);
  placed += scheduleGroup(nodes, demand, ids, 0).placed.length;
}
const { user, system } = process.cpuUsage(start);
process.stdout.write(
  `${JSON.stringify({
    nodes: NODES,
    placed,
    groupSize: GROUP,
    placementsPerSecond: Math.round(placed / ((user + system) / 1e6)),
    heapMiB: Math.round(process.memoryUsage().heapUsed / 2 ** 20),
  })}\n`,
);
