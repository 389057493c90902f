import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { SwarmError, errorMessage } from '@skep/kernel';
import {
  ByteReader,
  ByteWriter,
  readSnapshotMeta,
  writeSnapshotMeta,
  type Snapshot,
  type SnapshotMeta,
} from '@skep/raft';

import type { DataKeys } from './data-key.ts';
import { ensureFolder, streamFileDurably, syncFolder } from './durable-file.ts';
import { encodeFrame, frameAt, openFrame, resealFrames } from './frame.ts';

const SNAPSHOT_NAME = /^(\d{16})-(\d{16})\.snapshot$/;
const CHUNK_BYTES = 1024 * 1024;
/** Older snapshots are kept as long as they are this many, in case the newest turns out damaged. */
const KEPT_COUNT = 2;

function snapshotName(logIndex: number, term: number): string {
  return `${String(logIndex).padStart(16, '0')}-${String(term).padStart(16, '0')}.snapshot`;
}

/** The snapshots of one member: whole files, written beside and renamed, so that a half-written one never counts. */
export class SnapshotFolder {
  readonly #folder: string;
  readonly #keys: DataKeys;
  readonly #saving = new Set<Promise<void>>();

  constructor(folder: string, keys: DataKeys) {
    this.#folder = folder;
    this.#keys = keys;
    ensureFolder(folder);
  }

  /** Makes `snapshot` durable. Older ones are not touched: see {@link removeOld}. */
  async save(snapshot: Snapshot): Promise<void> {
    const { logIndex, term } = snapshot.meta;
    const path = join(this.#folder, snapshotName(logIndex, term));
    const saving = streamFileDurably(path, this.#frames(snapshot));
    this.#saving.add(saving);
    await saving.finally(() => this.#saving.delete(saving));
  }

  *#frames(snapshot: Snapshot): Generator<Uint8Array> {
    const head = new ByteWriter();
    writeSnapshotMeta(head, snapshot.meta);
    head.uint(snapshot.data.length);
    yield encodeFrame(this.#keys, 'snapshot', 0, head.written);
    for (let i = 0; i * CHUNK_BYTES < snapshot.data.length; i += 1) {
      const chunk = snapshot.data.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
      yield encodeFrame(this.#keys, 'snapshot', i + 1, chunk);
    }
  }

  /**
   * The newest snapshot; undefined when there is none.
   * @throws SwarmError `data_loss` when it is damaged. An older one is not taken instead in silence: the log that
   * would have to follow it may be gone.
   */
  loadNewest(): Snapshot | undefined {
    const name = this.#names().at(-1);
    return name === undefined ? undefined : this.#load(join(this.#folder, name));
  }

  /**
   * The data of the snapshot at this index and term.
   * @throws SwarmError `not_found` when it was replaced by newer ones, `data_loss` when it is damaged.
   */
  load(meta: Pick<SnapshotMeta, 'logIndex' | 'term'>): Snapshot {
    const name = snapshotName(meta.logIndex, meta.term);
    if (!this.#names().includes(name)) {
      throw new SwarmError('not_found', `there is no snapshot ${name} any more`);
    }
    return this.#load(join(this.#folder, name));
  }

  /** Seals all snapshots with the current key, each written beside and renamed. */
  async reseal(): Promise<void> {
    // One that was begun before the key changed is sealed with both.
    await Promise.allSettled(this.#saving);
    for (const name of this.#names()) {
      const path = join(this.#folder, name);
      const resealed = resealFrames(this.#keys, 'snapshot', readFileSync(path));
      if (resealed !== undefined) {
        await streamFileDurably(path, [resealed], () => this.#names().includes(name));
      }
    }
  }

  #names(): readonly string[] {
    return readdirSync(this.#folder)
      .filter((name) => SNAPSHOT_NAME.test(name))
      .sort();
  }

  #load(path: string): Snapshot {
    try {
      return this.#decode(readFileSync(path));
    } catch (error) {
      throw new SwarmError(
        'data_loss',
        `the snapshot ${path} is damaged: ${errorMessage(error)}. If a majority of the other managers is healthy, ` +
          'remove this manager from the cluster, delete its data folder and join it again; if not, restore the ' +
          'folder from a backup.',
        { cause: error, details: { path } },
      );
    }
  }

  #decode(file: Buffer): Snapshot {
    const chunks: Buffer[] = [];
    let offset = 0;
    for (let sequence = 0; offset < file.length; sequence += 1) {
      const frame = frameAt(file, offset);
      if (frame?.sequence !== sequence) {
        throw new SwarmError('data_loss', `byte ${String(offset)} does not begin part ${String(sequence)}`);
      }
      chunks.push(openFrame(this.#keys, 'snapshot', frame));
      offset = frame.endOffset;
    }
    const reader = new ByteReader(chunks.shift() ?? new Uint8Array(0));
    const meta = readSnapshotMeta(reader);
    const sizeBytes = reader.uint();
    reader.end();
    const data = Buffer.concat(chunks);
    if (data.length !== sizeBytes) {
      throw new SwarmError('data_loss', `it holds ${String(data.length)} of ${String(sizeBytes)} bytes`);
    }
    return { meta, data };
  }

  /** Removes all but the newest two, and what a crash left half-written. */
  removeOld(): void {
    const stale = readdirSync(this.#folder).filter((name) => name.endsWith('.tmp'));
    const names = this.#names();
    for (const name of [...stale, ...names.slice(0, Math.max(0, names.length - KEPT_COUNT))]) {
      rmSync(join(this.#folder, name), { force: true });
    }
    syncFolder(this.#folder);
  }
}
