import type { Cluster, HistoryRecord, Task, TaskStatus } from '@skep/model';

import type { Kind, NamedKind, ObjectOf } from './objects.ts';

/** The holder of something that only one object may have. */
export interface Owner {
  readonly kind: Kind;
  readonly id: string;
}

/**
 * A consistent view of the replicated state. Objects are immutable and may be kept; the view itself is only good for
 * the duration of the synchronous call it was given to. Lists come in no particular order: sort where order matters.
 */
export interface ReadTx {
  /** Raft log index this view shows. */
  readonly logIndex: number;
  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined;
  list<K extends Kind>(kind: K): ObjectOf[K][];
  count(kind: Kind): number;
  /** By unique name, without regard to case. A service that is being removed has no name any more. */
  byName<K extends NamedKind>(kind: K, name: string): ObjectOf[K] | undefined;
  /** Objects whose id begins with `prefix`, at most `limit` of them; for Docker's short ids. */
  byIdPrefix<K extends Kind>(kind: K, prefix: string, limit?: number): ObjectOf[K][];
  /** The one cluster object; undefined before `init`. */
  cluster(): Cluster | undefined;
  tasksByService(serviceId: string): Task[];
  /** Tasks assigned to a node; '' gives those that have no node yet (dead ones included). */
  tasksByNode(nodeId: string): Task[];
  tasksBySlot(serviceId: string, slot: number): Task[];
  apiTokenBySha256(sha256: string): ObjectOf['apiToken'] | undefined;
  sessionBySha256(sha256: string): ObjectOf['session'] | undefined;
  /** Who holds an address (no prefix length) on a network: a task that has not ended, or a service (its VIP). */
  ownerOfAddress(networkId: string, address: string): Owner | undefined;
  /** Number of addresses in use on a network, VIPs included. */
  countAddresses(networkId: string): number;
  /** The service that holds a port published in ingress mode. */
  ownerOfIngressPort(protocol: string, port: number): Owner | undefined;
  ownerOfVni(vni: number): Owner | undefined;
}

/** Values that a patch can be made to depend on. */
export type Scalar = string | number | boolean | null;

export interface PatchOptions {
  /** Top-level fields that must have these values when the entry is applied (null: absent). */
  readonly when?: Readonly<Record<string, Scalar>>;
}

export interface WriteTx extends ReadTx {
  /** The proposer's time, which goes into the entry: the only time a change may use. */
  readonly nowMs: number;
  /**
   * Adds an object. `version`, `createdAtMs` and `updatedAtMs` are set when it is applied.
   * @throws SwarmError `already_exists` for a known id, `name_conflict` for a name in use, `already_exists` for a port,
   *   VNI or address in use.
   */
  create<K extends Kind>(kind: K, object: NewObject<ObjectOf[K]>): ObjectOf[K];
  /**
   * Replaces an object under optimistic locking: `object.version` must be the version it still has.
   * @throws SwarmError `version_conflict` "update out of sequence", `not_found`, `name_conflict`.
   */
  update<K extends Kind>(kind: K, object: ObjectOf[K]): ObjectOf[K];
  /**
   * Sets some top-level fields (undefined removes one) and leaves the others to whoever else writes them. Changed
   * fields that hold text, numbers or booleans are compared and set; `when` adds further conditions.
   * @throws SwarmError `not_found`, `version_conflict` when a condition of `when` does not hold now.
   */
  patch<K extends Kind>(
    kind: K,
    id: string,
    fields: PatchFields<ObjectOf[K]>,
    options?: PatchOptions,
  ): ObjectOf[K];
  /**
   * Moves a task's status forward. A task that is gone, or a status that would go back, changes nothing: false.
   * Notes `startedAtMs` and `endedAtMs`.
   */
  setTaskStatus(taskId: string, status: TaskStatus): boolean;
  /** Removes an object; false when it is not there. With `version`, only if it still has that version. */
  remove(kind: Kind, id: string, options?: { readonly version?: number }): boolean;
  /** Adds an audit or event record to the entry. */
  record(record: HistoryRecord): void;
  /** Forgets history records up to a log index, once they are projected everywhere. */
  trimHistory(upToLogIndex: number): void;
}

type MetaFields = 'version' | 'createdAtMs' | 'updatedAtMs';

/** An object before it is stored: the fields that the store sets may be left out. */
export type NewObject<T> = Omit<T, MetaFields> & Partial<Pick<T, MetaFields & keyof T>>;

/** Fields to set; an explicit `undefined` removes an optional field. */
export type PatchFields<T> = { readonly [F in Exclude<keyof T, MetaFields | 'id'>]?: T[F] | undefined };
