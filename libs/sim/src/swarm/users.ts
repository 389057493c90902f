import type { Prng } from '@skep/kernel';
import type { ServiceSpec, UpdateConfig } from '@skep/model';
import {
  createNetwork,
  createService,
  removeNetwork,
  removeService,
  restartService,
  rollbackService,
  scaleService,
  updateNode,
  updateService,
} from '@skep/orchestrator';
import type { WriteTx } from '@skep/store';

const NAMES = ['a', 'b', 'c', 'd'];
const NETWORKS = ['x', 'y', 'z'];
const IMAGES = ['good:1', 'good:2', 'good:3', 'crash:1', 'absent:1', 'nostart:1', 'done:1'];

/** A change as a user asks for it. */
export type Command = (tx: WriteTx) => unknown;

/** Draws what the users of the cluster do next. */
export class Users {
  readonly #random: Prng;
  readonly #env: { readonly newId: () => string };
  readonly #nodeIds: readonly string[];

  constructor(random: Prng, env: { readonly newId: () => string }, nodeIds: readonly string[]) {
    this.#random = random;
    this.#env = env;
    this.#nodeIds = nodeIds;
  }

  next(): Command {
    const name = this.#random.pick(NAMES);
    const draw = this.#random.pick([
      () => this.#create(name),
      () => this.#create(name),
      () => this.#scale(name),
      () => this.#update(name),
      () => this.#update(name),
      (): Command => (tx) => rollbackService(tx, { service: name }),
      (): Command => (tx) => restartService(tx, { service: name }),
      (): Command => (tx) => removeService(tx, name),
      () => this.#network(),
      () => this.#availability(),
    ]);
    return draw();
  }

  #create(name: string): Command {
    const random = this.#random;
    const wantedNetworks = NETWORKS.filter(() => random.chance(0.4));
    const spec: Omit<ServiceSpec, 'task'> = {
      name,
      mode: random.chance(0.2) ? { type: 'global' } : { type: 'replicated', replicas: random.nextInt(9) },
      update: this.#policy(),
      rollback: this.#policy(),
      endpoint: {
        ports: random.chance(0.3) ? [{ protocol: 'tcp', targetPort: 80, publishMode: 'ingress' }] : [],
      },
    };
    const task: ServiceSpec['task'] = {
      container: { image: random.pick(['good:1', 'good:1', 'crash:1']) },
      resources: { reservations: { nanoCpus: 1e8, memoryBytes: 64 * 1024 ** 2 } },
      restart: { delayNs: random.pick([3e8, 1e9, 5e9]) },
      placement: random.chance(0.15)
        ? { constraints: [`node.labels.zone != ${random.pick(this.#nodeIds)}`] }
        : {},
    };
    return (tx) => {
      const networks = wantedNetworks
        .filter((target) => tx.byName('network', target) !== undefined)
        .map((target) => ({ target }));
      return createService(tx, { ...spec, task: { ...task, networks } }, this.#env);
    };
  }

  #policy(): UpdateConfig {
    const random = this.#random;
    return {
      parallelism: random.pick([0, 1, 2, 3]),
      delayNs: random.pick([0, 0, 1e9]),
      monitorNs: random.pick([0, 1e9, 5e9]),
      failureAction: random.pick(['pause', 'continue', 'rollback']),
      order: random.chance(0.3) ? 'start-first' : 'stop-first',
    };
  }

  #scale(service: string): Command {
    const replicas = this.#random.nextInt(10);
    return (tx) => scaleService(tx, { service, replicas });
  }

  #update(service: string): Command {
    const image = this.#random.pick(IMAGES);
    const policy = this.#random.chance(0.3) ? this.#policy() : undefined;
    return (tx) => {
      const found = tx.byName('service', service);
      return found === undefined
        ? undefined
        : updateService(tx, {
            service,
            spec: {
              ...found.spec,
              task: { ...found.spec.task, container: { image } },
              update: { ...found.spec.update, ...policy },
            },
          });
    };
  }

  #network(): Command {
    const name = this.#random.pick(NETWORKS);
    const isNew = this.#random.chance(0.6);
    return (tx) => (isNew ? createNetwork(tx, { name }, this.#env) : removeNetwork(tx, name));
  }

  #availability(): Command {
    const node = this.#random.pick(this.#nodeIds);
    const availability = this.#random.pick(['active', 'active', 'pause', 'drain'] as const);
    return (tx) => {
      const found = tx.get('node', node);
      return found === undefined
        ? undefined
        : updateNode(tx, { node, spec: { ...found.spec, availability } });
    };
  }
}

/** Everything a user can do to have all services run: good images, active nodes. */
export function mendAll(tx: WriteTx): void {
  for (const { id, spec } of tx.list('node')) {
    updateNode(tx, { node: id, spec: { ...spec, availability: 'active' } });
  }
  for (const { id, spec, pendingDelete } of tx.list('service')) {
    if (pendingDelete !== true) {
      const task = { ...spec.task, container: { image: 'good:9' } };
      updateService(tx, { service: id, spec: { ...spec, task } });
    }
  }
}
