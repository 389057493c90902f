import { isDeepEqual } from '@skep/kernel';
import type { HistoryEntry, Task, TaskSpec } from '@skep/model';

import {
  bucketKeysOf,
  claimsOf,
  hasSameBuckets,
  hasSameClaims,
  networkOfClaim,
  type BucketName,
} from './index-keys.ts';
import { KINDS, type Kind, type ObjectOf } from './objects.ts';
import type { Owner } from './tx.ts';

export type AnyObject = ObjectOf[Kind];

/** One member is kept as bare text: most slots hold one or two tasks, and a Set costs 200 bytes. */
type Members = string | Set<string>;

/** A non-unique index: ids by key. */
export class Buckets {
  readonly #members = new Map<string, Members>();

  add(key: string, id: string): void {
    const members = this.#members.get(key);
    if (members === undefined) {
      this.#members.set(key, id);
    } else if (typeof members === 'string') {
      this.#members.set(key, new Set([members, id]));
    } else {
      members.add(id);
    }
  }

  delete(key: string, id: string): void {
    const members = this.#members.get(key);
    if (members === id) {
      this.#members.delete(key);
    } else if (members instanceof Set) {
      members.delete(id);
      if (members.size === 0) {
        this.#members.delete(key);
      }
    }
  }

  /** Ids under a key. */
  get(key: string): Iterable<string> {
    const members = this.#members.get(key);
    if (members === undefined) {
      return [];
    }
    return typeof members === 'string' ? [members] : members;
  }
}

export type BucketTable = Readonly<Record<BucketName, Buckets>>;

export function newBucketTable(): BucketTable {
  return { service: new Buckets(), node: new Buckets(), slot: new Buckets() };
}

export type ObjectTables = { readonly [K in Kind]: Map<string, ObjectOf[K]> };

function newObjectTables(): ObjectTables {
  return Object.fromEntries(KINDS.map((kind) => [kind, new Map()])) as unknown as ObjectTables;
}

/** An entry's fate, kept for a while so that a proposal that is sent twice is applied once. */
export interface RecentEntry {
  readonly id: string;
  readonly logIndex: number;
  readonly isOk: boolean;
}

/** How many applied entry ids are remembered. */
export const RECENT_ENTRIES_MAX = 4096;

/** History records kept for projection; the oldest are dropped first. */
export const HISTORY_MAX = 20_000;

/**
 * The replicated state with its indexes. Objects are immutable; the tables are changed only by applying entries, and
 * in a way that depends on nothing but the entries.
 */
export class StoreState {
  logIndex = 0;
  readonly tables: ObjectTables = newObjectTables();
  readonly buckets: BucketTable = newBucketTable();
  readonly claims = new Map<string, Owner>();
  readonly addressCounts = new Map<string, number>();
  history: HistoryEntry[] = [];
  readonly recent = new Map<string, RecentEntry>();

  get(kind: Kind, id: string): AnyObject | undefined {
    return this.tables[kind].get(id);
  }

  /** Replaces one object by another version of it; undefined stands for "not there". */
  replace(kind: Kind, id: string, next: AnyObject | undefined): void {
    const table = this.tables[kind] as Map<string, AnyObject>;
    const former = table.get(id);
    if (former !== undefined && next !== undefined && hasSameBuckets(kind, former, next)) {
      table.set(id, next);
      return;
    }
    if (former !== undefined) {
      bucketKeysOf(kind, former).forEach(({ bucket, key }) => this.buckets[bucket].delete(key, id));
    }
    if (next === undefined) {
      table.delete(id);
      return;
    }
    bucketKeysOf(kind, next).forEach(({ bucket, key }) => this.buckets[bucket].add(key, id));
    table.set(id, next);
  }

  /** Gives up the claims that a change makes void. Call for all objects of an entry before {@link acquireClaims}. */
  releaseClaims(kind: Kind, former: AnyObject | undefined, next: AnyObject | undefined): void {
    if (former === undefined || (next !== undefined && hasSameClaims(kind, former, next))) {
      return;
    }
    for (const claim of claimsOf(kind, former)) {
      if (this.claims.get(claim)?.id === former.id && this.claims.delete(claim)) {
        this.#countAddress(claim, -1);
      }
    }
  }

  acquireClaims(kind: Kind, former: AnyObject | undefined, next: AnyObject | undefined): void {
    if (next === undefined || (former !== undefined && hasSameClaims(kind, former, next))) {
      return;
    }
    for (const claim of claimsOf(kind, next)) {
      this.claims.set(claim, { kind, id: next.id });
      this.#countAddress(claim, 1);
    }
  }

  appendHistory(entries: readonly HistoryEntry[]): void {
    if (entries.length === 0) {
      return;
    }
    this.history.push(...entries);
    if (this.history.length > HISTORY_MAX * 1.1) {
      this.history = this.history.slice(-HISTORY_MAX);
    }
  }

  trimHistory(upToLogIndex: number): void {
    this.history = this.history.filter((entry) => entry.logIndex > upToLogIndex);
  }

  remember(entry: RecentEntry): void {
    this.recent.set(entry.id, entry);
    if (this.recent.size > RECENT_ENTRIES_MAX) {
      const oldest = this.recent.keys().next();
      if (oldest.done !== true) {
        this.recent.delete(oldest.value);
      }
    }
  }

  /**
   * The spec object to keep for a task: the service's own when it is equal in content, so that 100,000 tasks of one
   * service share one spec in memory. Has no effect on content.
   */
  sharedTaskSpec(task: Task): TaskSpec {
    const service = this.tables.service.get(task.serviceId);
    if (service?.specVersion === task.specVersion && isDeepEqual(service.spec.task, task.spec)) {
      return service.spec.task;
    }
    return task.spec;
  }

  #countAddress(claim: string, step: 1 | -1): void {
    const networkId = networkOfClaim(claim);
    if (networkId === undefined) {
      return;
    }
    const count = (this.addressCounts.get(networkId) ?? 0) + step;
    if (count === 0) {
      this.addressCounts.delete(networkId);
    } else {
      this.addressCounts.set(networkId, count);
    }
  }
}
