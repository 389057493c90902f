import type { Logger } from 'pino';

import type { RaftNode } from '@skep/raft';

import type { SnapshotFolder } from '../wal/snapshot-file.ts';
import type { Wal } from '../wal/wal.ts';
import { isNoSpace } from './disk-health.ts';

export interface SnapshotKeeperOptions {
  readonly node: RaftNode;
  readonly wal: Wal;
  readonly snapshots: SnapshotFolder;
  readonly logger: Logger;
  readonly intervalEntries: number;
  readonly keepEntries: number;
  /** Asks the application for a snapshot of what it has applied. */
  readonly ask: (logIndex: number) => void;
}

const EMPTY = new Uint8Array(0);

/** Decides when the log is long enough for a snapshot, stores it, and then forgets what it covers. */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  #snapshotIndex: number;
  #isAsked = false;
  #isSaving = false;
  /** After a failed one the next is not made before this index. */
  #notBefore = 0;

  constructor(options: SnapshotKeeperOptions, snapshotIndex: number) {
    this.#options = options;
    this.#snapshotIndex = snapshotIndex;
  }

  /** Index of the newest durable snapshot. */
  get snapshotIndex(): number {
    return this.#snapshotIndex;
  }

  /** The application has applied everything up to `logIndex`. */
  onApplied(logIndex: number): void {
    const { intervalEntries } = this.#options;
    const isDue = logIndex - this.#snapshotIndex >= intervalEntries && logIndex >= this.#notBefore;
    if (!this.#isAsked && isDue) {
      this.#isAsked = true;
      this.#options.ask(logIndex);
    }
  }

  /** A snapshot of the leader was installed and is durable. */
  onInstalled(logIndex: number): void {
    this.#snapshotIndex = Math.max(this.#snapshotIndex, logIndex);
    this.#options.node.releaseSnapshotData();
    this.#forget();
  }

  /** The application's answer; without data it could not make one, and is asked again later. */
  async onData(logIndex: number, data: Uint8Array | undefined): Promise<void> {
    const { node, snapshots, logger, keepEntries } = this.#options;
    if (data !== undefined && logIndex > this.#snapshotIndex && !this.#isSaving) {
      this.#isSaving = true;
      try {
        const meta = node.snapshotMetaAt(logIndex);
        const startedMs = performance.now();
        await snapshots.save({ meta, data });
        if (logIndex > this.#snapshotIndex) {
          this.#snapshotIndex = logIndex;
          node.compact({ meta, data: EMPTY }, Math.max(0, logIndex - keepEntries));
          this.#forget();
        }
        const durMs = Math.round(performance.now() - startedMs);
        logger.info({ logIndex, sizeBytes: data.length, durMs }, 'saved a snapshot');
      } catch (error) {
        if (!isNoSpace(error)) {
          throw error;
        }
        // The log still holds everything; it only grows until a later snapshot finds room.
        this.#notBefore = logIndex + Math.ceil(this.#options.intervalEntries / 10);
        logger.error({ logIndex, err: error }, 'could not save a snapshot: the disk is full');
      } finally {
        this.#isSaving = false;
      }
    }
    this.#isAsked = false;
  }

  /** Only what a durable snapshot covers. */
  #forget(): void {
    this.#options.wal.removeBefore(this.#snapshotIndex);
    this.#options.snapshots.removeOld();
  }
}
