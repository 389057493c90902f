import { assert } from '@skep/kernel';
import type { HistoryEntry } from '@skep/model';

import { applyEntry, type AppliedEntry } from './apply.ts';
import { StateDigest, digestTables } from './digest.ts';
import { decodeEntry, type Entry } from './entry.ts';
import { Overlay } from './overlay.ts';
import { compileActions, type Planned } from './plan.ts';
import { StateView } from './read-view.ts';
import { captureState, joinParts, restoreState, type StateImage } from './snapshot.ts';
import { StoreState } from './state.ts';
import type { ReadTx, WriteTx } from './tx.ts';
import { WatchRing, type Subscription, type WatchOptions } from './watch.ts';

/**
 * The replicated state machine of one manager. Synchronous and deterministic: two stores that applied the same entries
 * at the same indexes have the same {@link digest}, whatever happened in between (snapshots included).
 */
export class Store {
  #state = new StoreState();
  #view = new StateView(this.#state);
  readonly #digest = new StateDigest();
  readonly #ring = new WatchRing(0);
  readonly #listeners = new Set<(applied: AppliedEntry) => void>();
  readonly #restoreListeners = new Set<() => void>();

  /** Index of the last applied log entry. */
  get logIndex(): number {
    return this.#state.logIndex;
  }

  /** The applied state. Good until the next entry is applied: use it within one synchronous call. */
  view(): ReadTx {
    return this.#view;
  }

  /** History records not yet trimmed whose log index is greater than `afterIndex`, in order. */
  historyAfter(afterIndex: number, limit = 1000): HistoryEntry[] {
    const { history } = this.#state;
    const start = history.findIndex((entry) => entry.logIndex > afterIndex);
    return start === -1 ? [] : history.slice(start, start + limit);
  }

  /**
   * Runs `fn` on a copy-on-write view and answers the actions that would make its changes. Nothing is changed.
   * What `fn` throws is thrown.
   */
  plan<T>(fn: (tx: WriteTx) => T, options: { readonly nowMs: number }): Planned<T> {
    const overlay = new Overlay(this.#state, options.nowMs);
    const value = fn(overlay);
    return { value, actions: compileActions(overlay), history: overlay.records, nowMs: options.nowMs };
  }

  /**
   * Applies a committed log entry. A refusal (a condition that no longer holds) is part of the answer and the same on
   * every manager; an exception means that this manager cannot go on.
   * @throws SwarmError `data_loss` when the bytes are no entry, `unimplemented` when they need a newer manager.
   */
  apply(entry: Uint8Array | Entry, logIndex: number): AppliedEntry {
    assert(logIndex > this.#state.logIndex, `log index ${String(logIndex)} is applied already`);
    const decoded = entry instanceof Uint8Array ? decodeEntry(entry) : entry;
    return this.#applied(applyEntry(this.#state, decoded, logIndex));
  }

  /** Notes a log entry that carries nothing for the store (a new leader's first, a membership change). */
  skip(logIndex: number): AppliedEntry {
    assert(logIndex > this.#state.logIndex, `log index ${String(logIndex)} is applied already`);
    this.#state.logIndex = logIndex;
    return this.#applied({ logIndex, entryId: '', events: [], history: [] });
  }

  /** Calls `listener` after each applied log entry, refused and empty ones too. Returns the function that ends it. */
  onApplied(listener: (applied: AppliedEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` after a snapshot replaced the state. Returns the function that ends it. */
  onRestored(listener: () => void): () => void {
    this.#restoreListeners.add(listener);
    return () => this.#restoreListeners.delete(listener);
  }

  /** Reads applied entries from a place in the recent past on, without a buffer of its own. */
  watch(options: WatchOptions = {}): Subscription {
    return this.#ring.subscribe(options);
  }

  /** Catches the state now, to be encoded piece by piece later. */
  capture(): StateImage {
    return captureState(this.#state);
  }

  /** The whole state in bytes; equal states give equal bytes. */
  snapshot(): Uint8Array {
    return joinParts(this.capture().parts());
  }

  /**
   * Replaces the state by a snapshot's. All watchers are told to resync.
   * @throws SwarmError `data_loss` when it is damaged; the state stays as it was.
   */
  restore(bytes: Uint8Array): void {
    this.#state = restoreState(bytes);
    this.#view = new StateView(this.#state);
    this.#digest.reset(this.#state);
    this.#ring.reset(this.#state.logIndex);
    this.#restoreListeners.forEach((listener) => listener());
  }

  /** Digest of the state at its log index, for comparison between managers. Costs what changed since the last call. */
  digest(): string {
    return this.#digest.value(this.#state);
  }

  /** A digest of each table by itself, made anew: tells which one differs when {@link digest} does. */
  tableDigests(): Readonly<Record<string, string>> {
    return digestTables(this.#state);
  }

  #applied(applied: AppliedEntry): AppliedEntry {
    this.#digest.note(applied.events);
    this.#ring.append(applied);
    this.#listeners.forEach((listener) => listener(applied));
    return applied;
  }
}
