import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Config, Network, Node, Secret, Service, Task, TaskState } from '@skep/model';
import type { AssignmentChange } from '@skep/wire';

import { AssignmentSet } from './assignment-set.ts';
import type { ChangedObject, ClusterView } from './cluster-view.ts';
import { networkIdsOf } from './wire-objects.ts';

const meta = (id: string, version: number) => ({ id, version, createdAtMs: 0, updatedAtMs: 0 });
const NODES = ['n1', 'n2', 'n3'];
const NETWORKS = ['ingress', 'net1', 'net2'];
const STATES: TaskState[] = ['pending', 'assigned', 'running', 'shutdown', 'failed'];

/** A small cluster in memory that remembers what changed since it was last asked. */
class MemoryCluster {
  readonly tasks = new Map<string, Task>();
  readonly services = new Map<string, Service>();
  readonly networks = new Map<string, Network>();
  readonly nodes = new Map<string, Node>();
  readonly secrets = new Map<string, Secret>();
  readonly configs = new Map<string, Config>();
  changed: ChangedObject[] = [];
  #version = 1;

  get view(): ClusterView {
    const tasks = this.tasks;
    return {
      tasks: {
        get: (id) => tasks.get(id),
        onNode: (nodeId) => [...tasks.values()].filter((task) => task.nodeId === nodeId),
      },
      taskIdsOnNetwork: (networkId) =>
        [...tasks.values()].filter((task) => networkIdsOf(task).includes(networkId)).map(({ id }) => id),
      services: { get: (id) => this.services.get(id), all: () => this.services.values() },
      networks: { get: (id) => this.networks.get(id), all: () => this.networks.values() },
      nodes: { get: (id) => this.nodes.get(id), all: () => this.nodes.values() },
      secrets: { get: (id) => this.secrets.get(id) },
      configs: { get: (id) => this.configs.get(id) },
    };
  }

  apply(step: Step): void {
    this.#version += 1;
    const id = `${step.kind}${String(step.index)}`;
    const former = step.kind === 'task' ? this.tasks.get(id) : undefined;
    const change = (kind: ChangedObject['kind'], changedId: string): void => {
      const formerNetworkIds = former === undefined ? undefined : networkIdsOf(former);
      this.changed.push({
        kind,
        id: changedId,
        ...(formerNetworkIds === undefined ? {} : { formerNetworkIds }),
      });
    };
    switch (step.kind) {
      case 'task':
        this.#put(this.tasks, id, step.isGone, () => this.#task(id, step));
        change('task', id);
        break;
      case 'network': {
        const networkId = NETWORKS[step.index % 3] ?? 'ingress';
        this.#put(this.networks, networkId, step.isGone, () => ({
          ...meta(networkId, this.#version),
          spec: { name: networkId, ingress: networkId === 'ingress' },
          ...(step.value % 4 === 0
            ? {}
            : { vni: 4096 + step.index, ipam: [{ subnet: '10.1.0.0/24', gateway: '10.1.0.1' }] }),
        }));
        change('network', networkId);
        break;
      }
      case 'node': {
        const nodeId = NODES[step.index % 3] ?? 'n1';
        this.#put(this.nodes, nodeId, step.isGone, () => ({
          ...meta(nodeId, this.#version),
          spec: { role: 'worker', availability: 'active' },
          status: { state: step.value % 2 === 0 ? 'ready' : 'down', addr: `10.0.0.${String(step.index)}:1` },
        }));
        change('node', nodeId);
        break;
      }
      case 'secret':
        this.#put(this.secrets, id, step.isGone, () => ({
          ...meta(id, this.#version),
          spec: { name: id },
          data: new Uint8Array([step.value]),
        }));
        change('secret', id);
        break;
      case 'service':
        this.#put(this.services, id, step.isGone, () => this.#service(id, step));
        change('service', id);
        break;
    }
  }

  #put<T>(table: Map<string, T>, id: string, isGone: boolean, make: () => T): void {
    if (isGone) {
      table.delete(id);
    } else {
      table.set(id, make());
    }
  }

  #task(id: string, step: Step): Task {
    const networkIds = NETWORKS.filter((_, bit) => (step.value & (1 << bit)) !== 0);
    return {
      ...meta(id, this.#version),
      serviceId: 'service1',
      serviceName: 'web',
      slot: step.index + 1,
      nodeId: NODES[step.value % 3] ?? 'n1',
      spec: {
        container: {
          image: 'busybox',
          secrets: [
            {
              secretId: `secret${String(step.value % 3)}`,
              secretName: 's',
              file: { name: 's', uid: '0', gid: '0', mode: 0o444 },
            },
          ],
        },
      },
      specVersion: 1,
      status: { state: STATES[step.value % STATES.length] ?? 'running', atMs: 0, message: '' },
      desiredState: step.value % 7 === 0 ? 'shutdown' : 'running',
      networks: networkIds.map((networkId) => ({
        networkId,
        addresses: [`10.1.0.${String(step.index + 2)}/24`],
      })),
    };
  }

  #service(id: string, step: Step): Service {
    return {
      ...meta(id, this.#version),
      spec: {
        name: id,
        mode: { type: 'global' },
        task: { container: { image: 'x' }, networks: [{ target: 'net1', aliases: ['alias'] }] },
      },
      specVersion: 1,
      endpoint: {
        mode: 'vip',
        ports:
          step.value % 2 === 0
            ? []
            : [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' }],
        virtualIps: [{ networkId: 'net1', address: `10.1.0.${String(100 + step.index)}/24` }],
      },
    };
  }
}

interface Step {
  readonly kind: 'task' | 'network' | 'node' | 'secret' | 'service';
  readonly index: number;
  readonly value: number;
  readonly isGone: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('task', 'task', 'task', 'network', 'node', 'secret', 'service'),
  index: fc.nat(5),
  value: fc.nat(63),
  isGone: fc.boolean(),
});

/** What an agent would know after applying changes; tasks are compared by what the agent acts on. */
function applyTo(known: Map<string, unknown>, changes: readonly AssignmentChange[]): void {
  for (const change of changes) {
    const key = `${change.kind}:${change.id}`;
    if (change.op === 'remove') {
      expect(known.has(key)).toBe(true);
      known.delete(key);
    } else if (change.kind === 'task') {
      const { desiredState, networks, nodeId } = change.value;
      known.set(key, { desiredState, networks, nodeId });
    } else {
      known.set(key, change.value);
    }
  }
}

test('any series of increments leaves a node with what a complete set would say', () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 12 }), (rounds) => {
      const cluster = new MemoryCluster();
      const sets = NODES.map((nodeId) => ({
        set: new AssignmentSet(nodeId),
        known: new Map<string, unknown>(),
      }));
      for (const { set, known } of sets) {
        applyTo(known, set.complete(cluster.view));
      }
      for (const round of rounds) {
        cluster.changed = [];
        round.forEach((next) => {
          cluster.apply(next);
        });
        for (const { set, known } of sets) {
          applyTo(known, set.incremental(cluster.view, cluster.changed));
          const fresh = new Map<string, unknown>();
          applyTo(fresh, new AssignmentSet(set.nodeId).complete(cluster.view));
          expect(new Map([...known].sort())).toEqual(new Map([...fresh].sort()));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a node gets secrets only of its own live tasks', () => {
  const cluster = new MemoryCluster();
  cluster.apply({ kind: 'secret', index: 1, value: 7, isGone: false });
  cluster.apply({ kind: 'secret', index: 0, value: 7, isGone: false });
  // value 1: on n2, assigned, uses secret1.
  cluster.apply({ kind: 'task', index: 1, value: 1, isGone: false });
  const secretsOf = (nodeId: string): string[] =>
    new AssignmentSet(nodeId)
      .complete(cluster.view)
      .filter(({ kind }) => kind === 'secret')
      .map(({ id }) => id);
  expect(secretsOf('n2')).toEqual(['secret1']);
  expect(secretsOf('n1')).toEqual([]);
});

test('reports of a task itself are no news for its own node', () => {
  const cluster = new MemoryCluster();
  cluster.apply({ kind: 'task', index: 1, value: 1, isGone: false });
  const set = new AssignmentSet('n2');
  set.complete(cluster.view);
  const task = cluster.tasks.get('task1');
  if (task === undefined) {
    throw new Error('task1 is missing');
  }
  cluster.tasks.set('task1', {
    ...task,
    version: 99,
    status: { state: 'preparing', atMs: 5, message: 'preparing' },
  });
  expect(set.incremental(cluster.view, [{ kind: 'task', id: 'task1' }])).toEqual([]);
});
