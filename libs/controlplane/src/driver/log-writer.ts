import { setTimeout } from 'node:timers/promises';

import type { Logger } from 'pino';

import { assert } from '@skep/kernel';
import type { HardState, Ready } from '@skep/raft';

import type { SnapshotFolder } from '../wal/snapshot-file.ts';
import type { Wal } from '../wal/wal.ts';
import type { WalRecord } from '../wal/wal-record.ts';
import { isNoSpace, type DiskHealth } from './disk-health.ts';

export interface LogWriterOptions {
  readonly wal: Wal;
  readonly snapshots: SnapshotFolder;
  readonly logger: Logger;
  readonly health: DiskHealth;
  /** Called for each ready, in order, when it and all before it are durable. */
  readonly onDurable: (ready: Ready) => void;
  readonly onError: (error: unknown) => void;
}

/** A write that takes longer than this is told: the disk is slow. */
const SLOW_WRITE_MS = 500;
/** A write that a full disk refused is tried again this often. */
const FULL_RETRY_MS = 250;

/**
 * Makes what `Ready`s ask for durable, in order. Whatever comes while one write is under way goes into the next one
 * together: that is the group commit.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  #queue: Ready[] = [];
  #isWriting = false;
  #isStopped = false;
  /** A hard state that need not be durable by itself and goes with the next write. */
  #lazyHardState: HardState | undefined;
  #idle: (() => void)[] = [];
  #writeCount = 0;

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  /** Number of writes (and so of fdatasyncs) so far. */
  get writeCount(): number {
    return this.#writeCount;
  }

  add(ready: Ready): void {
    if (this.#isStopped) {
      return;
    }
    if (!ready.mustSync && !this.#isWriting && this.#queue.length === 0) {
      this.#lazyHardState = ready.hardState ?? this.#lazyHardState;
      this.#options.onDurable(ready);
      return;
    }
    this.#queue.push(ready);
    if (!this.#isWriting) {
      this.#isWriting = true;
      this.#run().catch((error: unknown) => {
        this.#isStopped = true;
        this.#options.onError(error);
      });
    }
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      if (batch.some((ready) => ready.mustSync)) {
        if (!(await this.#writeWhenThereIsRoom(batch))) {
          break;
        }
      } else {
        const last = batch.findLast((ready) => ready.hardState !== undefined);
        this.#lazyHardState = last?.hardState ?? this.#lazyHardState;
      }
      for (const ready of batch) {
        this.#options.onDurable(ready);
      }
    }
    this.#isWriting = false;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) {
      resolve();
    }
  }

  /**
   * A full disk is waited for: nothing after this write may be answered before it, and nothing is lost meanwhile. Any
   * other error is for good. False when the member was stopped first.
   */
  async #writeWhenThereIsRoom(batch: readonly Ready[]): Promise<boolean> {
    for (;;) {
      try {
        await this.#write(batch);
        return true;
      } catch (error) {
        if (!isNoSpace(error)) {
          throw error;
        }
        this.#options.health.onNoSpace();
      }
      if (this.#isStopped) {
        return false;
      }
      await setTimeout(FULL_RETRY_MS);
    }
  }

  async #write(batch: readonly Ready[]): Promise<void> {
    const { health } = this.#options;
    const startedMs = performance.now();
    health.onWriteStart(startedMs);
    const records = await this.#recordsOf(batch);
    await this.#options.wal.write(records);
    this.#lazyHardState = undefined;
    this.#writeCount += 1;
    health.onWriteDone(performance.now());
    const durMs = Math.round(performance.now() - startedMs);
    if (durMs > SLOW_WRITE_MS) {
      this.#options.logger.warn({ durMs, records: records.length }, 'the disk was slow to write the log');
    }
  }

  async #recordsOf(batch: readonly Ready[]): Promise<readonly WalRecord[]> {
    const records: WalRecord[] = [];
    if (this.#lazyHardState !== undefined) {
      records.push({ kind: 'append', position: undefined, entries: [], hardState: this.#lazyHardState });
    }
    for (const { snapshot, entries, hardState } of batch) {
      if (snapshot !== undefined) {
        // The file first: a log that has forgotten what the snapshot replaces is worth nothing without it.
        await this.#options.snapshots.save(snapshot);
        const { logIndex, term } = snapshot.meta;
        records.push({ kind: 'reset', position: { logIndex, term }, entries, hardState });
      } else if (entries.length > 0 || hardState !== undefined) {
        records.push({ kind: 'append', position: undefined, entries, hardState });
      }
    }
    assert(records.length > 0, 'a write was asked for and there is nothing to write');
    return records;
  }

  /** Takes nothing more and waits for the write under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#isWriting) {
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
      });
    }
  }
}
