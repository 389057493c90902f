import {
  closeSync,
  constants,
  fdatasync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  write,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';

import { assert, present } from '@skep/kernel';
import type { HardState } from '@skep/raft';

import type { DataKeys } from './data-key.ts';
import { ensureFolder, streamFileDurably, syncFolder } from './durable-file.ts';
import { encodeFrame, resealFrames } from './frame.ts';
import { assembleLog, type LoadedLog, type Segment } from './log-assembly.ts';
import type { LogImage } from './log-image.ts';
import { segmentName, segmentNumberOf } from './segment.ts';
import { encodeRecords, type LogPosition, type WalRecord } from './wal-record.ts';

const writeAsync = promisify(write);
const fdatasyncAsync = promisify(fdatasync);

/** Size that segments are filled up to in advance, so that a write does not have to grow the file. */
const SEGMENT_BYTES = 8 * 1024 * 1024;
const SPARE_NAME = 'spare.tmp';
const ZEROS = Buffer.alloc(1024 * 1024);
/**
 * A write to a segment returns when its data is durable (open(2): as though each was followed by fdatasync): one trip to
 * the thread pool and not two, and an error of the disk belongs to the write that it met.
 */
const DURABLE = constants.O_RDWR | constants.O_DSYNC;

export interface WalOptions {
  readonly folder: string;
  readonly keys: DataKeys;
  readonly segmentBytes?: number;
}

/**
 * The write-ahead log: a row of segments of checksummed, sealed frames. One {@link write} is one frame and one
 * fdatasync, however many records it holds; only one may be under way.
 */
export class Wal {
  readonly #folder: string;
  readonly #keys: DataKeys;
  readonly #segmentBytes: number;
  #segments: Segment[];
  #fd = -1;
  #offset = 0;
  #capacity = 0;
  #sequence: number;
  #position: LogPosition;
  #hardState: HardState;
  #isWriting = false;
  #rolling: Promise<void> | undefined;
  #spare: Promise<void> | undefined;
  /** How many bytes the last start found cut short and wiped; for the log. */
  readonly repairedBytes: number;

  private constructor(options: WalOptions, loaded: LoadedLog) {
    this.#folder = options.folder;
    this.#keys = options.keys;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#segments = [...loaded.segments];
    this.#sequence = loaded.nextSequence;
    this.#position = loaded.image.last;
    this.#hardState = loaded.image.hardState;
    this.repairedBytes = loaded.tornBytes;
  }

  /**
   * Reads the log in `folder` (an absent one is an empty log), wipes a torn tail and opens it for writing.
   * @throws SwarmError `data_loss` when it is damaged anywhere else.
   */
  static async open(options: WalOptions): Promise<{ readonly wal: Wal; readonly image: LogImage }> {
    ensureFolder(options.folder);
    rmSync(join(options.folder, SPARE_NAME), { force: true });
    const loaded = loadLog(options);
    const wal = new Wal(options, loaded);
    await wal.#openLast(loaded);
    return { wal, image: loaded.image };
  }

  /** Total of {@link write}s so far, as the sequence of the next frame. */
  get nextSequence(): number {
    return this.#sequence;
  }

  async #openLast(loaded: LoadedLog): Promise<void> {
    const last = this.#segments.at(-1);
    if (last === undefined) {
      await this.#startSegment(1);
      return;
    }
    this.#fd = openSync(join(this.#folder, segmentName(last.number)), DURABLE);
    this.#offset = loaded.endOffset;
    this.#capacity = loaded.fileBytes;
    if (loaded.tornBytes > 0) {
      await fillZeros(this.#fd, loaded.endOffset, loaded.endOffset + loaded.tornBytes);
    }
    if (this.#offset === 0) {
      // The power went while this segment was begun.
      await this.#writeStart();
    }
  }

  /**
   * Makes `records` durable, in order and as one unit: after a crash either all or none of them are there. When it fails
   * for want of space, nothing is lost and the same records may be written again.
   */
  async write(records: readonly WalRecord[]): Promise<void> {
    assert(!this.#isWriting, 'a write to the log is already under way');
    assert(records.length > 0, 'an empty write makes nothing durable');
    this.#isWriting = true;
    // Between two writes the log may be going on in a new segment.
    await this.#rolling;
    try {
      if (this.#offset === 0) {
        await this.#writeStart();
      }
      let frame = this.#encode(records);
      if (this.#offset + frame.length > this.#capacity) {
        await this.#cut(frame.length);
        frame = this.#encode(records);
      }
      await this.#writeFrame(frame);
      this.#note(records);
      this.#prepareNext();
    } finally {
      this.#isWriting = false;
    }
  }

  #encode(records: readonly WalRecord[]): Buffer {
    return encodeFrame(this.#keys, 'wal', this.#sequence, encodeRecords(records));
  }

  async #writeFrame(frame: Buffer): Promise<void> {
    for (let done = 0; done < frame.length;) {
      const { bytesWritten } = await writeAsync(
        this.#fd,
        frame,
        done,
        frame.length - done,
        this.#offset + done,
      );
      done += bytesWritten;
    }
    this.#offset += frame.length;
    this.#sequence += 1;
  }

  #note(records: readonly WalRecord[]): void {
    for (const record of records) {
      this.#position = record.entries.at(-1) ?? record.position ?? this.#position;
      this.#hardState = record.hardState ?? this.#hardState;
    }
  }

  /**
   * Seals everything that is on disk with the current key, while the log is written on: what is written goes on in a new
   * segment, and the older ones are rewritten beside and renamed, one after the other.
   */
  async reseal(): Promise<void> {
    await this.#rollOver();
    for (const segment of this.#segments.slice(0, -1)) {
      const path = join(this.#folder, segmentName(segment.number));
      const isThere = (): boolean => this.#segments.includes(segment);
      if (isThere()) {
        const resealed = resealFrames(this.#keys, 'wal', readFileSync(path));
        if (resealed !== undefined) {
          await streamFileDurably(path, [resealed], isThere);
        }
      }
    }
  }

  async #rollOver(): Promise<void> {
    while (this.#isWriting) {
      await setImmediate();
    }
    this.#rolling = this.#cut();
    try {
      await this.#rolling;
    } finally {
      this.#rolling = undefined;
    }
  }

  /** Goes on in a new segment. */
  async #cut(frameBytes = 0): Promise<void> {
    const last = present(this.#segments.at(-1), 'last segment');
    await this.#startSegment(last.number + 1, frameBytes);
  }

  async #startSegment(number: number, frameBytes = 0): Promise<void> {
    const path = join(this.#folder, segmentName(number));
    const spare = this.#spare ?? this.#makeSpare();
    // A spare that could not be made is tried anew by the next write.
    this.#spare = undefined;
    await spare;
    const fd = openSync(join(this.#folder, SPARE_NAME), DURABLE);
    renameSync(join(this.#folder, SPARE_NAME), path);
    syncFolder(this.#folder);
    if (this.#fd >= 0) {
      closeSync(this.#fd);
    }
    this.#fd = fd;
    this.#offset = 0;
    this.#capacity = Math.max(this.#segmentBytes, frameBytes);
    const { logIndex, term } = this.#position;
    this.#segments.push({ number, start: { logIndex, term } });
    await this.#writeStart();
  }

  /** The next segment is filled while this one is in use, so that going on costs a rename; not before it is needed. */
  #prepareNext(): void {
    if (this.#spare === undefined && this.#offset * 2 > this.#capacity) {
      this.#spare = this.#makeSpare();
      // Whoever goes on to it meets the error.
      this.#spare.catch(() => undefined);
    }
  }

  async #writeStart(): Promise<void> {
    const position = present(this.#segments.at(-1), 'last segment').start;
    await this.#writeFrame(
      this.#encode([{ kind: 'start', position, entries: [], hardState: this.#hardState }]),
    );
  }

  async #makeSpare(): Promise<void> {
    const fd = openSync(join(this.#folder, SPARE_NAME), 'w', 0o600);
    try {
      await fillZeros(fd, 0, this.#segmentBytes);
      await fdatasyncAsync(fd);
    } catch (error) {
      // On a full disk the zeros written so far are the last thing to keep.
      rmSync(join(this.#folder, SPARE_NAME), { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Removes segments that only hold entries up to `logIndex`, which a durable snapshot covers. The one that holds the
   * entry itself stays, to prove that log and snapshot belong together.
   */
  removeBefore(logIndex: number): void {
    const kept = this.#segments.findLastIndex((segment) => segment.start.logIndex <= logIndex);
    const removed = this.#segments.splice(0, Math.max(kept, 0));
    for (const segment of removed) {
      rmSync(join(this.#folder, segmentName(segment.number)), { force: true });
    }
    if (removed.length > 0) {
      syncFolder(this.#folder);
    }
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  /** Closes the file; what was not written is not there. */
  async close(): Promise<void> {
    await this.#spare?.catch(() => undefined);
    if (this.#fd >= 0) {
      closeSync(this.#fd);
      this.#fd = -1;
    }
  }
}

async function fillZeros(fd: number, from: number, to: number): Promise<void> {
  for (let at = from; at < to;) {
    const length = Math.min(ZEROS.length, to - at);
    const { bytesWritten } = await writeAsync(fd, ZEROS, 0, length, at);
    at += bytesWritten;
  }
}

function loadLog({ folder, keys }: WalOptions): LoadedLog {
  const numbers = readdirSync(folder)
    .map(segmentNumberOf)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  const files = numbers.map((number) => {
    const path = join(folder, segmentName(number));
    return { number, path, read: () => readFileSync(path) };
  });
  return assembleLog(files, keys);
}
