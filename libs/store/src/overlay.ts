import { SwarmError, isDeepEqual } from '@skep/kernel';
import {
  TASK_STATE_ORDER,
  isTerminalState,
  type HistoryRecord,
  type Task,
  type TaskStatus,
} from '@skep/model';

import { claimConflict } from './claim-conflict.ts';
import { deepFreeze } from './freeze.ts';
import { bucketKeysOf, claimsOf, hasSameClaims, networkOfClaim, type BucketName } from './index-keys.ts';
import { KIND_TITLES, KINDS, type Kind, type ObjectOf } from './objects.ts';
import { ReadQueries } from './read-view.ts';
import { newBucketTable, type AnyObject, type StoreState } from './state.ts';
import type { NewObject, Owner, PatchFields, PatchOptions, Scalar, WriteTx } from './tx.ts';

/** What an overlay did to one object. */
export interface Touch {
  readonly kind: Kind;
  readonly id: string;
  /** The stored object; undefined when the overlay made it. */
  readonly base: AnyObject | undefined;
  /** The object as it is in the overlay; undefined when removed. */
  next: AnyObject | undefined;
  /** Set when the change depends on the whole object being as it was. */
  version?: number;
  when?: Record<string, Scalar>;
  /** The status was moved by its own rule and not as a field. */
  isStatusMoved?: boolean;
}

const touchKey = (kind: Kind, id: string): string => `${kind}/${id}`;

/**
 * Copy-on-write changes over the stored state: reads see them, the state does not. Planning and applying both work on
 * one, so that an entry is applied wholly or not at all.
 */
export class Overlay extends ReadQueries implements WriteTx {
  readonly nowMs: number;
  readonly records: HistoryRecord[] = [];
  trimUpTo: number | undefined;
  readonly #state: StoreState;
  readonly #touches = new Map<string, Touch>();
  readonly #touchedIds = new Map<Kind, Map<string, Touch>>(KINDS.map((kind) => [kind, new Map()]));
  readonly #buckets = newBucketTable();
  readonly #claims = new Map<string, Owner | undefined>();
  readonly #addressCounts = new Map<string, number>();

  constructor(state: StoreState, nowMs: number) {
    super();
    this.#state = state;
    this.nowMs = nowMs;
  }

  get logIndex(): number {
    return this.#state.logIndex;
  }

  /** What was changed, in the order of the first touch. */
  touches(): Iterable<Touch> {
    return this.#touches.values();
  }

  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined {
    const touch = this.#touchedIds.get(kind)?.get(id);
    return touch === undefined ? this.#state.tables[kind].get(id) : (touch.next as ObjectOf[K] | undefined);
  }

  list<K extends Kind>(kind: K): ObjectOf[K][] {
    const touched = this.#touchedIds.get(kind);
    const objects: ObjectOf[K][] = [];
    for (const object of this.#state.tables[kind].values()) {
      if (touched?.has(object.id) !== true) {
        objects.push(object);
      }
    }
    for (const { next } of touched?.values() ?? []) {
      if (next !== undefined) {
        objects.push(next as ObjectOf[K]);
      }
    }
    return objects;
  }

  count(kind: Kind): number {
    let count = this.#state.tables[kind].size;
    for (const { base, next } of this.#touchedIds.get(kind)?.values() ?? []) {
      count += (next === undefined ? 0 : 1) - (base === undefined ? 0 : 1);
    }
    return count;
  }

  countAddresses(networkId: string): number {
    return (this.#state.addressCounts.get(networkId) ?? 0) + (this.#addressCounts.get(networkId) ?? 0);
  }

  create<K extends Kind>(kind: K, object: NewObject<ObjectOf[K]>): ObjectOf[K] {
    const next = deepFreeze({
      ...object,
      version: 0,
      createdAtMs: this.nowMs,
      updatedAtMs: this.nowMs,
    }) as unknown as ObjectOf[K];
    if (this.get(kind, next.id) !== undefined) {
      throw new SwarmError('already_exists', `${KIND_TITLES[kind]} ${next.id} already exists`);
    }
    this.put(kind, next);
    return next;
  }

  update<K extends Kind>(kind: K, object: ObjectOf[K]): ObjectOf[K] {
    const current = this.#existing(kind, object.id);
    if (current.version !== object.version) {
      throw outOfSequence(kind, object.id, object.version, current.version);
    }
    const next = deepFreeze({ ...object, createdAtMs: current.createdAtMs, updatedAtMs: this.nowMs });
    const touch = this.put(kind, next);
    if (touch.base !== undefined) {
      touch.version = touch.base.version;
    }
    return next;
  }

  patch<K extends Kind>(
    kind: K,
    id: string,
    fields: PatchFields<ObjectOf[K]>,
    options: PatchOptions = {},
  ): ObjectOf[K] {
    const current = this.#existing(kind, id);
    assertWhen(kind, current, options.when);
    const next = withFields(current, fields as Readonly<Record<string, unknown>>);
    if (next !== current) {
      const touch = this.put(kind, deepFreeze({ ...next, updatedAtMs: this.nowMs }));
      if (options.when !== undefined) {
        touch.when = { ...touch.when, ...options.when };
      }
    }
    return this.get(kind, id) ?? current;
  }

  setTaskStatus(taskId: string, status: TaskStatus): boolean {
    const task = this.get('task', taskId);
    if (task === undefined) {
      return false;
    }
    const step = TASK_STATE_ORDER[status.state] - TASK_STATE_ORDER[task.status.state];
    if (step < 0 || (step === 0 && isDeepEqual(status, task.status))) {
      return false;
    }
    const next: Task = { ...task, status, updatedAtMs: this.nowMs };
    if (status.state === 'running' && task.startedAtMs === undefined) {
      next.startedAtMs = this.nowMs;
    }
    if (isTerminalState(status.state) && task.endedAtMs === undefined) {
      next.endedAtMs = this.nowMs;
    }
    this.put('task', deepFreeze(next)).isStatusMoved = true;
    return true;
  }

  remove(kind: Kind, id: string, options: { readonly version?: number } = {}): boolean {
    const current: AnyObject | undefined = this.get(kind, id);
    if (current === undefined) {
      return false;
    }
    if (options.version !== undefined && options.version !== current.version) {
      throw outOfSequence(kind, id, options.version, current.version);
    }
    const touch = this.#touch(kind, id);
    this.#moveIndexes(kind, current, undefined);
    touch.next = undefined;
    if (options.version !== undefined) {
      touch.version = options.version;
    }
    return true;
  }

  record(record: HistoryRecord): void {
    this.records.push(deepFreeze(record));
  }

  trimHistory(upToLogIndex: number): void {
    this.trimUpTo = Math.max(this.trimUpTo ?? 0, upToLogIndex);
  }

  /** Sets an object as it is, frozen already. */
  put(kind: Kind, next: AnyObject): Touch {
    const current: AnyObject | undefined = this.get(kind, next.id);
    this.#assertClaims(kind, current, next);
    const touch = this.#touch(kind, next.id);
    this.#moveIndexes(kind, current, next);
    touch.next = next;
    return touch;
  }

  protected tasksIn(bucket: BucketName, key: string): Task[] {
    const touched = this.#touchedIds.get('task');
    const tasks: Task[] = [];
    for (const id of this.#state.buckets[bucket].get(key)) {
      const task = touched?.has(id) === true ? undefined : this.#state.tables.task.get(id);
      if (task !== undefined) {
        tasks.push(task);
      }
    }
    for (const id of this.#buckets[bucket].get(key)) {
      const task = touched?.get(id)?.next;
      if (task !== undefined) {
        tasks.push(task as Task);
      }
    }
    return tasks;
  }

  protected ownerOf(claim: string): Owner | undefined {
    return this.#claims.has(claim) ? this.#claims.get(claim) : this.#state.claims.get(claim);
  }

  #existing<K extends Kind>(kind: K, id: string): ObjectOf[K] {
    const object = this.get(kind, id);
    if (object === undefined) {
      throw new SwarmError('not_found', `${KIND_TITLES[kind]} ${id} not found`);
    }
    return object;
  }

  #touch(kind: Kind, id: string): Touch {
    const key = touchKey(kind, id);
    let touch = this.#touches.get(key);
    if (touch === undefined) {
      const base = this.#state.get(kind, id);
      touch = { kind, id, base, next: base };
      this.#touches.set(key, touch);
      this.#touchedIds.get(kind)?.set(id, touch);
      if (base !== undefined) {
        bucketKeysOf(kind, base).forEach((entry) => this.#buckets[entry.bucket].add(entry.key, id));
      }
    }
    return touch;
  }

  #assertClaims(kind: Kind, current: AnyObject | undefined, next: AnyObject): void {
    if (current !== undefined && hasSameClaims(kind, current, next)) {
      return;
    }
    for (const claim of claimsOf(kind, next)) {
      const owner = this.ownerOf(claim);
      if (owner !== undefined && (owner.id !== next.id || owner.kind !== kind)) {
        throw claimConflict(claim, { kind, object: next }, this.get(owner.kind, owner.id));
      }
    }
  }

  #moveIndexes(kind: Kind, current: AnyObject | undefined, next: AnyObject | undefined): void {
    if (current !== undefined) {
      bucketKeysOf(kind, current).forEach(({ bucket, key }) => this.#buckets[bucket].delete(key, current.id));
    }
    if (next !== undefined) {
      bucketKeysOf(kind, next).forEach(({ bucket, key }) => this.#buckets[bucket].add(key, next.id));
    }
    if (current !== undefined && next !== undefined && hasSameClaims(kind, current, next)) {
      return;
    }
    for (const claim of current === undefined ? [] : claimsOf(kind, current)) {
      this.#claims.set(claim, undefined);
      this.#countAddress(claim, -1);
    }
    for (const claim of next === undefined ? [] : claimsOf(kind, next)) {
      this.#claims.set(claim, { kind, id: next?.id ?? '' });
      this.#countAddress(claim, 1);
    }
  }

  #countAddress(claim: string, step: 1 | -1): void {
    const networkId = networkOfClaim(claim);
    if (networkId !== undefined) {
      this.#addressCounts.set(networkId, (this.#addressCounts.get(networkId) ?? 0) + step);
    }
  }
}

/** Swarm's refusal of a change that was made from an older state. */
export function outOfSequence(kind: Kind, id: string, expected: number, found: number): SwarmError {
  return new SwarmError('version_conflict', 'update out of sequence', {
    details: { kind, id, expectedVersion: expected, currentVersion: found },
  });
}

/** Checks the conditions of a patch. @throws SwarmError `version_conflict`. */
export function assertWhen(
  kind: Kind,
  current: AnyObject,
  when: Readonly<Record<string, Scalar>> | undefined,
): void {
  for (const [field, expected] of Object.entries(when ?? {})) {
    const actual = (current as unknown as Readonly<Record<string, unknown>>)[field] ?? null;
    if (actual !== expected) {
      throw new SwarmError('version_conflict', 'update out of sequence', {
        details: { kind, id: current.id, field },
      });
    }
  }
}

/** `object` with some fields set; the very same object when nothing differs in content. */
export function withFields<T extends AnyObject>(object: T, fields: Readonly<Record<string, unknown>>): T {
  let next: Record<string, unknown> | undefined;
  const source = object as unknown as Readonly<Record<string, unknown>>;
  for (const [field, value] of Object.entries(fields)) {
    if (isDeepEqual(source[field], value)) {
      continue;
    }
    next ??= { ...source };
    if (value === undefined) {
      Reflect.deleteProperty(next, field);
    } else {
      next[field] = value;
    }
  }
  return next === undefined ? object : (next as unknown as T);
}
