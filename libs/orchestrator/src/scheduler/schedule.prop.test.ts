import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Node } from '@skep/model';

import { compileConstraint } from '../node-fitness.ts';
import type { Demand } from './demand.ts';
import { NodeSet } from './node-set.ts';
import { scheduleGroup } from './schedule.ts';

const NodeShape = fc.record({
  cpus: fc.integer({ min: 0, max: 4 }),
  gib: fc.integer({ min: 0, max: 4 }),
  zone: fc.constantFrom('a', 'b', 'c'),
  isReady: fc.boolean(),
  isActive: fc.boolean(),
  gpus: fc.integer({ min: 0, max: 3 }),
});

const DemandShape = fc.record({
  serviceId: fc.constantFrom('s1', 's2', 's3'),
  nanoCpus: fc.constantFrom(0, 5e8, 1e9),
  memoryBytes: fc.constantFrom(0, 2 ** 28, 2 ** 30),
  generic: fc.constantFrom([], [{ kind: 'gpu', value: 1 }], [{ kind: 'gpu', value: 2 }]),
  zone: fc.constantFrom('', 'a', 'b'),
  hostPorts: fc.constantFrom<string[]>([], ['tcp/80'], ['tcp/80', 'udp/53']),
  maxReplicasPerNode: fc.constantFrom(0, 0, 1, 2),
  spread: fc.constantFrom<string[]>([], ['node.labels.zone']),
  count: fc.integer({ min: 0, max: 12 }),
});

type Generated<A> = A extends fc.Arbitrary<infer T> ? T : never;

function toNode(shape: Generated<typeof NodeShape>, index: number): Node {
  return {
    id: `n${String(index).padStart(2, '0')}`,
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    spec: {
      role: 'worker',
      availability: shape.isActive ? 'active' : 'pause',
      labels: { zone: shape.zone },
    },
    description: {
      hostname: `host${String(index)}`,
      platform: { os: 'linux', architecture: 'x86_64' },
      resources: {
        nanoCpus: shape.cpus * 1e9,
        memoryBytes: shape.gib * 2 ** 30,
        generic: Array.from({ length: shape.gpus }, (_value, gpu) => ({
          kind: 'gpu',
          value: `g${String(gpu)}`,
        })),
      },
      engine: { version: '1' },
    },
    status: { state: shape.isReady ? 'ready' : 'down', addr: '10.0.0.1' },
  };
}

function toDemand({ zone, count: _count, ...rest }: Generated<typeof DemandShape>): Demand {
  return {
    ...rest,
    constraints:
      zone === '' ? [] : [compileConstraint({ key: 'node.labels.zone', operator: '==', value: zone })],
    constraintTexts: zone === '' ? [] : [`node.labels.zone==${zone}`],
    platforms: [],
    volumeDrivers: [],
    logDriver: undefined,
  };
}

/** What runs on a node, kept beside the scheduler's own books. */
class Ledger {
  readonly nodes: Map<string, Node>;
  readonly placed: { demand: Demand; nodeId: string }[] = [];

  constructor(nodes: readonly Node[]) {
    this.nodes = new Map(nodes.map((node) => [node.id, node]));
  }

  on(nodeId: string): Demand[] {
    return this.placed.filter((entry) => entry.nodeId === nodeId).map(({ demand }) => demand);
  }

  /** The first rule that one more task of `demand` on the node would break. */
  breach(demand: Demand, nodeId: string): string | undefined {
    const node = this.nodes.get(nodeId)!;
    const all = [...this.on(nodeId), demand];
    const sum = (pick: (entry: Demand) => number): number =>
      all.reduce((total, entry) => total + pick(entry), 0);
    const { nanoCpus, memoryBytes, generic = [] } = node.description!.resources;
    const ports = all.flatMap(({ hostPorts }) => hostPorts);
    const rules: [string, boolean][] = [
      ['ready', node.status.state === 'ready' && node.spec.availability === 'active'],
      ['cpu', demand.nanoCpus === 0 || sum((entry) => entry.nanoCpus) <= nanoCpus],
      ['memory', demand.memoryBytes === 0 || sum((entry) => entry.memoryBytes) <= memoryBytes],
      [
        'gpu',
        demand.generic.length === 0 || sum((entry) => Number(entry.generic[0]?.value ?? 0)) <= generic.length,
      ],
      [
        'zone',
        demand.constraintTexts.every(
          (text) => text === `node.labels.zone==${node.spec.labels?.['zone'] ?? ''}`,
        ),
      ],
      ['port', demand.hostPorts.length === 0 || new Set(ports).size === ports.length],
      [
        'max',
        demand.maxReplicasPerNode === 0 ||
          all.filter(({ serviceId }) => serviceId === demand.serviceId).length <= demand.maxReplicasPerNode,
      ],
    ];
    return rules.find(([, holds]) => !holds)?.[0];
  }
}

const World = fc.tuple(fc.array(NodeShape, { maxLength: 12 }), fc.array(DemandShape, { maxLength: 8 }));

test('a placement breaks no rule, and a task is left over only when every node would break one', () => {
  fc.assert(
    fc.property(World, ([shapes, demands]) => {
      const nodes = shapes.map(toNode);
      const set = new NodeSet();
      nodes.forEach((node) => set.syncNode(node.id, node));
      const ledger = new Ledger(nodes);
      demands.forEach((shape, group) => {
        const demand = toDemand(shape);
        const ids = Array.from(
          { length: shape.count },
          (_value, index) => `t${String(group)}.${String(index)}`,
        );
        const result = scheduleGroup(set, demand, ids, 1000);
        for (const { nodeId } of result.placed) {
          expect(ledger.breach(demand, nodeId)).toBeUndefined();
          ledger.placed.push({ demand, nodeId });
        }
        expect([...result.placed.map(({ taskId }) => taskId), ...result.unplaced]).toEqual(ids);
        if (result.unplaced.length > 0) {
          nodes.forEach(({ id }) => expect(ledger.breach(demand, id)).toBeDefined());
          expect(result.explanation!.text).toMatch(/^no suitable node/);
          const counted = Object.values(result.explanation!.counts).reduce((a, b) => a + b, 0);
          expect(counted).toBe(nodes.length);
        }
      });
    }),
    { numRuns: 500 },
  );
});

test('without rules tasks are spread so that nodes differ by one at most, whatever the order of the nodes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 6 }),
      (nodeCount, groups) => {
        const shape = { cpus: 4, gib: 4, zone: 'a' as const, isReady: true, isActive: true, gpus: 0 };
        const nodes = Array.from({ length: nodeCount }, (_value, index) => toNode(shape, index));
        const [forward, backward] = [nodes, [...nodes].reverse()].map((order) => {
          const set = new NodeSet();
          order.forEach((node) => set.syncNode(node.id, node));
          return groups.map((count, group) => {
            const demand = toDemand({
              serviceId: 's1',
              nanoCpus: 0,
              memoryBytes: 0,
              generic: [],
              zone: '',
              hostPorts: [],
              maxReplicasPerNode: 0,
              spread: [],
              count,
            });
            const ids = Array.from({ length: count }, (_v, index) => `t${String(group)}.${String(index)}`);
            return scheduleGroup(set, demand, ids, 0).placed.map(({ nodeId }) => nodeId);
          });
        });
        expect(forward).toEqual(backward);
        const counts = nodes.map(({ id }) => forward!.flat().filter((nodeId) => nodeId === id).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 100 },
  );
});

test('a preference spreads over its values first, even when they have unequal numbers of nodes', () => {
  const shape = { cpus: 4, gib: 4, isReady: true, isActive: true, gpus: 0 };
  const zones = ['a', 'a', 'a', 'a', 'b', 'c'] as const;
  const set = new NodeSet();
  zones.forEach((zone, index) => set.syncNode(`n0${String(index)}`, toNode({ ...shape, zone }, index)));
  const demand = toDemand({
    serviceId: 's1',
    nanoCpus: 0,
    memoryBytes: 0,
    generic: [],
    zone: '',
    hostPorts: [],
    maxReplicasPerNode: 0,
    spread: ['node.labels.zone'],
    count: 9,
  });
  const { placed } = scheduleGroup(
    set,
    demand,
    Array.from({ length: 9 }, (_v, index) => `t${String(index)}`),
    0,
  );
  const perZone = new Map<string, number>();
  placed.forEach(({ nodeId }) => {
    const zone = zones[Number(nodeId.slice(1))]!;
    perZone.set(zone, (perZone.get(zone) ?? 0) + 1);
  });
  expect(Object.fromEntries(perZone)).toEqual({ a: 3, b: 3, c: 3 });
});
