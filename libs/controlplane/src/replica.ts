import { SwarmError, errorMessage, type Clock } from '@skep/kernel';
import type { HistoryRecord } from '@skep/model';
import {
  Store,
  encodeEntry,
  toEntries,
  toEntry,
  type AppliedEntry,
  type Entry,
  type Planned,
  type WriteTx,
} from '@skep/store';
import type { Logger } from 'pino';

import type { UpdateContext, UpdateResult } from './control-plane-api.ts';
import type { CommittedBatch, RaftHandle } from './driver/raft-handle.ts';

/** How often a change is planned anew because another one came between. */
const ATTEMPTS_MAX = 12;
const DEFAULT_TIMEOUT_MS = 10_000;

/** The part of {@link RaftHandle} that replication needs. */
export type ReplicationPort = Pick<
  RaftHandle,
  'propose' | 'onCommitted' | 'applied' | 'snapshotNeeded' | 'status'
>;

export interface ReplicaOptions {
  readonly raft: ReplicationPort;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Logger;
  /** The only term in which changes of a request may be proposed; absent or undefined: any. */
  readonly termOf?: (requestId: string) => number | undefined;
  /** Called after a batch was applied, with the term of its last entry. */
  readonly onBatch: (term: number | undefined) => void;
  /** The state can no longer follow the log: the process has to end. */
  readonly onFatal: (error: unknown) => void;
}

interface PendingEntry {
  readonly resolve: (applied: AppliedEntry) => void;
  readonly reject: (error: unknown) => void;
}

type Attempt<T> =
  | { readonly result: UpdateResult<T>; readonly error?: undefined }
  | { readonly result: undefined; readonly error: SwarmError };

interface Waiter {
  readonly rev: number;
  readonly resolve: () => void;
}

/**
 * The store of this manager as a state machine under Raft: applies what is committed, and turns changes into entries.
 *
 * Changes are optimistic: each is planned on the applied state and proposed at once, many in flight; the entry is
 * refused when it is applied if what it rests on has changed, and then it is planned anew. So changes to different
 * objects never wait for each other, and Raft writes them in groups.
 */
export class Replica {
  readonly store = new Store();
  readonly #options: ReplicaOptions;
  readonly #pending = new Map<string, PendingEntry>();
  #waiters: Waiter[] = [];
  #retries: Promise<void> = Promise.resolve();

  constructor(options: ReplicaOptions) {
    this.#options = options;
    options.raft.onCommitted((batch) => {
      this.#apply(batch);
    });
    options.raft.snapshotNeeded((logIndex) => this.#snapshot(logIndex));
  }

  get appliedRev(): number {
    return this.store.logIndex;
  }

  /** Plans a change, proposes it, and resolves when it is applied here. See ControlPlane.update. */
  async update<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>> {
    const deadlineMs = this.#options.clock.monotonicMs() + (context.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const first = await this.#attempt(context, fn, deadlineMs);
    if (first.result !== undefined) {
      return first.result;
    }
    // Those that were overtaken go one after another, so that each round brings one of them home.
    const turn = this.#retries.then(() => this.#retry(context, fn, deadlineMs));
    this.#retries = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  async #retry<T>(
    context: UpdateContext<T>,
    fn: (tx: WriteTx) => T,
    deadlineMs: number,
  ): Promise<UpdateResult<T>> {
    for (let attempt = 2; ; attempt += 1) {
      const { result, error } = await this.#attempt(context, fn, deadlineMs);
      if (result !== undefined) {
        return result;
      }
      if (attempt >= ATTEMPTS_MAX) {
        throw error;
      }
      this.#options.log.debug(
        { requestId: context.requestId, attempt, code: error.code, err: error.message },
        'change was overtaken and is planned anew',
      );
    }
  }

  async #attempt<T>(
    context: UpdateContext<T>,
    fn: (tx: WriteTx) => T,
    deadlineMs: number,
  ): Promise<Attempt<T>> {
    const planned = this.plan(context, fn);
    if (planned.actions.length === 0 && planned.history.length === 0) {
      return { result: { value: planned.value, rev: this.appliedRev } };
    }
    const entry = toEntry(planned, { newId: this.#options.newId, requestId: context.requestId });
    const applied = await this.propose(entry, Math.max(1, deadlineMs - this.#options.clock.monotonicMs()));
    return applied.error === undefined
      ? { result: { value: planned.value, rev: applied.logIndex } }
      : { result: undefined, error: applied.error };
  }

  /**
   * Like {@link update} for changes whose parts make sense alone (reports, the work of loops): may take several
   * entries, and parts that were overtaken are left out, to be seen by the caller's next look at the state.
   */
  async updateParts<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>> {
    const planned = this.plan(context, fn);
    const entries = toEntries(planned, { newId: this.#options.newId, requestId: context.requestId });
    const applied = await Promise.all(
      entries.map((entry) => this.propose(entry, context.timeoutMs ?? DEFAULT_TIMEOUT_MS)),
    );
    for (const { error } of applied) {
      if (error !== undefined) {
        this.#options.log.debug(
          { requestId: context.requestId, err: error.message },
          'part of a change was overtaken',
        );
      }
    }
    const rev = applied.reduce((last, { logIndex }) => Math.max(last, logIndex), this.appliedRev);
    return { value: planned.value, rev };
  }

  /** Plans without proposing; `fn`'s history and that of the context included. */
  plan<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Planned<T> {
    const nowMs = this.#options.clock.nowMs();
    return this.store.plan(
      (tx) => {
        const value = fn(tx);
        historyOf(context, value, nowMs).forEach((record) => {
          tx.record(record);
        });
        return value;
      },
      { nowMs },
    );
  }

  /**
   * Proposes an entry and resolves when it is applied here, refused or not.
   * @throws SwarmError `not_leader`, `unavailable` (its fate is unknown), `deadline_exceeded`, `too_large`.
   */
  async propose(entry: Entry, timeoutMs: number): Promise<AppliedEntry> {
    const bytes = encodeEntry(entry);
    const applied = new Promise<AppliedEntry>((resolve, reject) => {
      this.#pending.set(entry.id, { resolve, reject });
    });
    // The rejection is also raised by propose below; this promise may then settle unheard.
    applied.catch(() => undefined);
    try {
      // Once it is applied here its fate is known, whatever becomes of the leadership.
      const term = this.#options.termOf?.(entry.requestId ?? '');
      const proposed = this.#options.raft.propose(bytes, { timeoutMs, term }).then(() => applied);
      return await Promise.race([applied, proposed]);
    } finally {
      this.#pending.delete(entry.id);
    }
  }

  /** @throws SwarmError `deadline_exceeded`. */
  async waitApplied(rev: number, timeoutMs: number): Promise<void> {
    if (this.appliedRev >= rev) {
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        rev,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((candidate) => candidate !== waiter);
        reject(
          new SwarmError(
            'deadline_exceeded',
            `this manager has not applied revision ${String(rev)} within ${String(timeoutMs)} ms`,
          ),
        );
      }, timeoutMs);
      this.#waiters.push(waiter);
    });
  }

  #apply(batch: CommittedBatch): void {
    try {
      if (batch.snapshot !== undefined) {
        this.#restore(batch.snapshot.data);
      }
      for (const { logIndex, data } of batch.entries) {
        const applied = data.byteLength === 0 ? this.store.skip(logIndex) : this.store.apply(data, logIndex);
        this.#pending.get(applied.entryId)?.resolve(applied);
      }
    } catch (error) {
      this.#options.log.fatal(
        { err: errorMessage(error), logIndex: this.appliedRev },
        'log entry could not be applied',
      );
      this.#options.onFatal(error);
      return;
    }
    this.#options.raft.applied(this.appliedRev);
    this.#wake();
    this.#options.onBatch(batch.entries.at(-1)?.term);
  }

  #restore(data: Uint8Array): void {
    this.store.restore(data);
    const unknown = new SwarmError(
      'unavailable',
      'the outcome of the change is unknown: read the state and try again',
    );
    this.#pending.forEach(({ reject }) => {
      reject(unknown);
    });
    this.#options.log.info({ logIndex: this.appliedRev }, 'state was restored from a snapshot');
  }

  #snapshot(logIndex: number): Promise<Uint8Array> {
    const image = this.store.capture();
    if (image.logIndex !== logIndex) {
      return Promise.reject(
        new SwarmError(
          'internal',
          `snapshot of ${String(logIndex)} was asked for at ${String(image.logIndex)}`,
        ),
      );
    }
    return encodeImage(image.parts());
  }

  #wake(): void {
    if (this.#waiters.length === 0) {
      return;
    }
    const due = this.#waiters.filter(({ rev }) => rev <= this.appliedRev);
    this.#waiters = this.#waiters.filter(({ rev }) => rev > this.appliedRev);
    due.forEach(({ resolve }) => {
      resolve();
    });
  }
}

/** Encodes a snapshot part by part, letting other work in between. */
async function encodeImage(parts: Iterable<Uint8Array>): Promise<Uint8Array> {
  const encoded: Uint8Array[] = [];
  for (const part of parts) {
    encoded.push(part);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
  return Buffer.concat(encoded);
}

/** The history that a context adds to a change. */
function historyOf<T>(context: UpdateContext<T>, value: T, nowMs: number): HistoryRecord[] {
  const records: HistoryRecord[] = [];
  const audit = typeof context.audit === 'function' ? context.audit(value) : context.audit;
  if (audit !== undefined) {
    records.push({
      ...audit,
      type: 'audit',
      atMs: nowMs,
      actor: context.actor,
      requestId: context.requestId,
      outcome: audit.outcome ?? 'ok',
    });
  }
  const events = typeof context.events === 'function' ? context.events(value) : (context.events ?? []);
  for (const event of events) {
    records.push({ ...event, type: 'event', atMs: nowMs });
  }
  return records;
}
