import type { Cluster, Task } from '@skep/model';

import {
  addressClaim,
  nameClaim,
  portClaim,
  sha256Claim,
  slotKey,
  vniClaim,
  type BucketName,
} from './index-keys.ts';
import type { Kind, NamedKind, ObjectOf } from './objects.ts';
import type { StoreState } from './state.ts';
import type { Owner, ReadTx } from './tx.ts';

/** The queries of {@link ReadTx}, made of the few look-ups that a plain view and an overlay do differently. */
export abstract class ReadQueries implements ReadTx {
  abstract readonly logIndex: number;
  abstract get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined;
  abstract list<K extends Kind>(kind: K): ObjectOf[K][];
  abstract count(kind: Kind): number;
  abstract countAddresses(networkId: string): number;
  protected abstract tasksIn(bucket: BucketName, key: string): Task[];
  protected abstract ownerOf(claim: string): Owner | undefined;

  byName<K extends NamedKind>(kind: K, name: string): ObjectOf[K] | undefined {
    const owner = this.ownerOf(nameClaim(kind, name));
    return owner === undefined ? undefined : this.get(kind, owner.id);
  }

  byIdPrefix<K extends Kind>(kind: K, prefix: string, limit = 2): ObjectOf[K][] {
    const exact = this.get(kind, prefix);
    if (exact !== undefined) {
      return [exact];
    }
    const found: ObjectOf[K][] = [];
    for (const object of this.list(kind)) {
      if (object.id.startsWith(prefix)) {
        found.push(object);
        if (found.length >= limit) {
          break;
        }
      }
    }
    return found;
  }

  cluster(): Cluster | undefined {
    const owner = this.ownerOf('cluster');
    return owner === undefined ? undefined : this.get('cluster', owner.id);
  }

  tasksByService(serviceId: string): Task[] {
    return this.tasksIn('service', serviceId);
  }

  tasksByNode(nodeId: string): Task[] {
    return this.tasksIn('node', nodeId);
  }

  tasksBySlot(serviceId: string, slot: number): Task[] {
    return this.tasksIn('slot', slotKey(serviceId, slot));
  }

  apiTokenBySha256(sha256: string): ObjectOf['apiToken'] | undefined {
    const owner = this.ownerOf(sha256Claim('apiToken', sha256));
    return owner === undefined ? undefined : this.get('apiToken', owner.id);
  }

  sessionBySha256(sha256: string): ObjectOf['session'] | undefined {
    const owner = this.ownerOf(sha256Claim('session', sha256));
    return owner === undefined ? undefined : this.get('session', owner.id);
  }

  ownerOfAddress(networkId: string, address: string): Owner | undefined {
    return this.ownerOf(addressClaim(networkId, address));
  }

  ownerOfIngressPort(protocol: string, port: number): Owner | undefined {
    return this.ownerOf(portClaim(protocol, port));
  }

  ownerOfVni(vni: number): Owner | undefined {
    return this.ownerOf(vniClaim(vni));
  }
}

/** The applied state, read directly. Good until the next entry is applied. */
export class StateView extends ReadQueries {
  readonly #state: StoreState;

  constructor(state: StoreState) {
    super();
    this.#state = state;
  }

  get logIndex(): number {
    return this.#state.logIndex;
  }

  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined {
    return this.#state.tables[kind].get(id);
  }

  list<K extends Kind>(kind: K): ObjectOf[K][] {
    return [...this.#state.tables[kind].values()];
  }

  count(kind: Kind): number {
    return this.#state.tables[kind].size;
  }

  countAddresses(networkId: string): number {
    return this.#state.addressCounts.get(networkId) ?? 0;
  }

  protected tasksIn(bucket: BucketName, key: string): Task[] {
    const tasks: Task[] = [];
    for (const id of this.#state.buckets[bucket].get(key)) {
      const task = this.#state.tables.task.get(id);
      if (task !== undefined) {
        tasks.push(task);
      }
    }
    return tasks;
  }

  protected ownerOf(claim: string): Owner | undefined {
    return this.#state.claims.get(claim);
  }
}
