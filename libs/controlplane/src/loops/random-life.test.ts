import { describe, expect, test } from 'vitest';

import { Prng, isSwarmError } from '@skep/kernel';
import type { ServiceSpec } from '@skep/model';
import {
  NodeSet,
  createNetwork,
  createService,
  removeNetwork,
  removeService,
  restartService,
  rollbackService,
  scaleService,
  updateService,
} from '@skep/orchestrator';

import { breachOf, describeNodes, unsettled } from './testing/checks.ts';
import { MiniCluster } from './testing/mini-cluster.ts';
import { WorkList } from './work-list.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 12);
const FIRST = Number(process.env['FIRST'] ?? 1);
const STEPS = 120;
const NAMES = ['a', 'b', 'c', 'd'];
const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'];

/** A cluster that lives a random life: users change services, hosts die and return, the leader changes. */
class RandomLife {
  readonly cluster: MiniCluster;
  readonly #prng: Prng;
  readonly #work = new WorkList();
  readonly #dead = new Set<string>();
  readonly #memory = { lost: new Set<string>(), startFirst: new Set<string>() };
  #lastStep = '';

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    this.cluster = new MiniCluster(seed);
    this.cluster.images.set('bad:1', { endsAs: 'failed' });
    this.cluster.images.set('bad:2', { endsAs: 'rejected' });
    this.cluster.images.set('crash:1', { endsAs: 'failed', runsMs: 700 });
    NODES.slice(0, 3).forEach((id) => this.cluster.addNode(id, { labels: { zone: id } }));
    const { store } = this.cluster;
    store.view().list('service');
    this.#work.rebuild(store.view());
    store.onApplied(({ events }) => {
      this.#work.note(store.view(), events);
      const breach = breachOf(store.view(), events, this.#memory);
      if (breach !== undefined) {
        throw new Error(`${breach} (after ${this.#lastStep})\n${this.cluster.describe()}`);
      }
    });
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i += 1) {
      this.#step();
      this.cluster.pass(this.#prng.pick([0, 1, 3, 7, 30, 200, 1500, 6000]));
    }
  }

  /** All faults end; services with images that cannot run get one that can. */
  heal(): void {
    this.cluster.loops.stop();
    this.cluster.loops.start();
    for (const id of this.#dead) {
      this.cluster.reviveNode(id);
    }
    for (const { id, spec } of this.cluster.store.view().list('node')) {
      this.cluster.patchNode(id, { ...spec, availability: 'active' });
    }
    for (const { id, spec, pendingDelete } of this.cluster.store.view().list('service')) {
      if (pendingDelete !== true) {
        this.cluster.run((tx) =>
          updateService(tx, {
            service: id,
            spec: { ...spec, task: { ...spec.task, container: { image: 'good:9' } } },
          }),
        );
      }
    }
    try {
      this.cluster.until(() => unsettled(this.cluster.store.view()) === undefined, 300_000);
    } catch (error) {
      throw new Error(`${String(unsettled(this.cluster.store.view()))}: ${String(error)}`, { cause: error });
    }
  }

  /** The scheduler's summary that was kept up change by change is what the store says. */
  assertNothingLeaked(): void {
    const view = this.cluster.store.view();
    expect(describeNodes(this.#work.nodes)).toBe(describeNodes(NodeSet.fromStore(view)));
    for (const network of view.list('network')) {
      const inUse =
        view
          .list('service')
          .flatMap(({ endpoint }) => endpoint?.virtualIps ?? [])
          .filter(({ networkId }) => networkId === network.id).length +
        view
          .list('task')
          .filter(
            (task) =>
              task.status.state === 'running' &&
              task.networks.some(({ networkId }) => networkId === network.id),
          ).length;
      expect(view.countAddresses(network.id)).toBe(inUse);
    }
  }

  #step(): void {
    const actions: readonly [string, () => void][] = [
      ['create', () => this.#create()],
      ['scale', () => this.#scale()],
      ['update', () => this.#update()],
      ['update', () => this.#update()],
      ['rollback', () => this.#command((tx, name) => rollbackService(tx, { service: name }))],
      ['restart', () => this.#command((tx, name) => restartService(tx, { service: name }))],
      ['remove', () => this.#command((tx, name) => removeService(tx, name))],
      ['network', () => this.#network()],
      ['node', () => this.#node()],
      ['node', () => this.#node()],
      ['leader', () => this.#leader()],
    ];
    const [name, act] = this.#prng.pick(actions);
    this.#lastStep = name;
    try {
      act();
    } catch (error) {
      if (!isSwarmError(error)) {
        throw error;
      }
    }
  }

  #command(fn: (tx: Parameters<typeof removeService>[0], name: string) => unknown): void {
    const name = this.#prng.pick(NAMES);
    this.cluster.run((tx) => fn(tx, name));
  }

  #create(): void {
    const prng = this.#prng;
    const networks = ['x', 'y'].filter(
      (name) => this.cluster.store.view().byName('network', name) !== undefined && prng.chance(0.5),
    );
    const spec: ServiceSpec = {
      name: prng.pick(NAMES),
      task: {
        container: { image: prng.pick(['good:1', 'good:1', 'crash:1']) },
        resources: { reservations: { nanoCpus: 1e8, memoryBytes: 64 * 1024 ** 2 } },
        networks: networks.map((target) => ({ target })),
        restart: { delayNs: prng.pick([3e8, 1e9, 5e9]) },
        placement: prng.chance(0.2) ? { constraints: [`node.labels.zone != ${prng.pick(NODES)}`] } : {},
      },
      mode: prng.chance(0.25) ? { type: 'global' } : { type: 'replicated', replicas: prng.nextInt(12) },
      update: this.#policy(),
      rollback: this.#policy(),
      endpoint: {
        ports: prng.chance(0.3) ? [{ protocol: 'tcp', targetPort: 80, publishMode: 'ingress' }] : [],
      },
    };
    this.cluster.run((tx) => createService(tx, spec, this.cluster));
  }

  #policy(): NonNullable<ServiceSpec['update']> {
    const prng = this.#prng;
    return {
      parallelism: prng.pick([0, 1, 2, 3]),
      delayNs: prng.pick([0, 0, 1e9]),
      monitorNs: prng.pick([0, 1e9, 5e9]),
      failureAction: prng.pick(['pause', 'continue', 'rollback']),
      order: prng.chance(0.3) ? 'start-first' : 'stop-first',
    };
  }

  #scale(): void {
    const replicas = this.#prng.nextInt(15);
    this.#command((tx, service) => scaleService(tx, { service, replicas }));
  }

  #update(): void {
    const prng = this.#prng;
    const image = prng.pick(['good:1', 'good:2', 'good:3', 'bad:1', 'bad:2', 'crash:1']);
    const order = prng.chance(0.5) ? this.#policy() : undefined;
    this.#command((tx, service) => {
      const found = tx.byName('service', service);
      return found === undefined
        ? undefined
        : updateService(tx, {
            service,
            spec: {
              ...found.spec,
              task: { ...found.spec.task, container: { image } },
              update: { ...(found.spec.update ?? {}), ...order },
            },
          });
    });
  }

  #network(): void {
    const name = this.#prng.pick(['x', 'y']);
    this.cluster.run((tx) =>
      this.#prng.chance(0.6) ? createNetwork(tx, { name }, this.cluster) : removeNetwork(tx, name),
    );
  }

  #node(): void {
    const prng = this.#prng;
    const id = prng.pick(NODES);
    const node = this.cluster.store.view().get('node', id);
    if (node === undefined) {
      this.cluster.addNode(id, { labels: { zone: id } });
    } else if (this.#dead.has(id)) {
      this.#dead.delete(id);
      this.cluster.reviveNode(id);
    } else if (prng.chance(0.4) && this.#dead.size < 2) {
      this.#dead.add(id);
      this.cluster.killNode(id, prng.pick([0, 10, 3000]));
    } else {
      this.cluster.patchNode(id, { availability: prng.pick(['active', 'active', 'pause', 'drain']) });
    }
  }

  /** The leader changes, or a follower that was restored from a snapshot takes over. */
  #leader(): void {
    this.cluster.loops.stop();
    if (this.#prng.chance(0.5)) {
      const { store } = this.cluster;
      store.restore(store.snapshot());
    }
    this.cluster.pass(this.#prng.pick([0, 100, 3000]));
    this.cluster.loops.start();
  }
}

describe('a random life', () => {
  test.each(Array.from({ length: SEEDS }, (_value, index) => index + FIRST))(
    'seed %i',
    (seed) => {
      const life = new RandomLife(seed);
      life.run(STEPS);
      life.heal();
      life.assertNothingLeaked();
    },
    120_000,
  );
});
