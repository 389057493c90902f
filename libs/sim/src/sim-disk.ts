import {
  assembleLog,
  encodeFrame,
  encodeRecords,
  segmentName,
  type LoadedLog,
  type LogPosition,
  type Sealer,
  type WalRecord,
} from '@skep/controlplane/parts';
import { assert, present, type Prng } from '@skep/kernel';
import type { HardState, Ready, Snapshot, StoredState } from '@skep/raft';

const SECTOR_BYTES = 512;
const EMPTY_HARD_STATE: HardState = { term: 0, vote: 0, commit: 0 };

/** Labels what it seals, as the real one does, and encrypts nothing: the same run has the same bytes. */
const SEALER: Sealer = {
  currentKeyId: 1,
  seal: (plain, label) => Buffer.concat([Buffer.from([label.length]), label, plain]),
  open: (_keyId, sealed, label) => {
    const length = sealed[0] ?? 0;
    assert(Buffer.compare(sealed.subarray(1, 1 + length), label) === 0, 'the seal is of another place');
    return Buffer.from(sealed.subarray(1 + length));
  },
};

interface SimSegment {
  readonly number: number;
  readonly start: LogPosition;
  /** Filled in advance with zeros, as the real ones are. */
  bytes: Buffer;
  endOffset: number;
}

interface Frame {
  readonly segment: SimSegment;
  readonly offset: number;
  readonly length: number;
}

/** One thing that a write does to the disk; a crash comes between any two of them, or in the middle of a frame. */
type Step =
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'segment'; readonly segment: SimSegment }
  | { readonly kind: 'forget'; readonly logIndex: number }
  | { readonly kind: 'frame'; readonly frame: Buffer; readonly records: readonly WalRecord[] };

/**
 * The disk of one member, in bytes: segments of the real log's frames and the newest snapshot. What is read back at a
 * start goes through the real decoding and repair. A write is staged, and durable when it is synced; a crash in between
 * leaves none of it, all of it, or a torn part.
 */
export class SimDisk {
  readonly #segmentBytes: number;
  #segments: SimSegment[] = [];
  #frames: Frame[] = [];
  #snapshot: Snapshot | undefined;
  #staged: Step[] = [];
  #sequence = 1;
  #position: LogPosition = { logIndex: 0, term: 0 };
  #hardState = EMPTY_HARD_STATE;
  readonly #acceptsDamage: boolean;
  #flipped: { readonly bytes: Buffer; readonly at: number; readonly mask: number } | undefined;
  repairCount = 0;

  constructor(
    segmentBytes: number,
    mistakes: { readonly acceptsDamage: boolean } = { acceptsDamage: false },
  ) {
    this.#segmentBytes = segmentBytes;
    this.#acceptsDamage = mistakes.acceptsDamage;
    this.#stageSegment(1);
    this.sync();
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** A bit of what was durable is not what it was. */
  get isDamaged(): boolean {
    return this.#flipped !== undefined;
  }

  /** Starts with what a bootstrap writes. */
  format({ entries, hardState }: StoredState): void {
    this.#stageRecords([{ kind: 'append', position: undefined, entries, hardState }]);
    this.sync();
  }

  /** Begins a write of everything that `batch` asks for, as one frame. */
  stage(batch: readonly Ready[], lazyHardState: HardState | undefined): void {
    const records: WalRecord[] = [];
    if (lazyHardState !== undefined) {
      records.push({ kind: 'append', position: undefined, entries: [], hardState: lazyHardState });
    }
    for (const { snapshot, entries, hardState } of batch) {
      if (snapshot !== undefined) {
        this.#staged.push({ kind: 'snapshot', snapshot });
        const { logIndex, term } = snapshot.meta;
        records.push({ kind: 'reset', position: { logIndex, term }, entries, hardState });
      } else if (entries.length > 0 || hardState !== undefined) {
        records.push({ kind: 'append', position: undefined, entries, hardState });
      }
    }
    if (records.length > 0) {
      this.#stageRecords(records);
    }
    const snapshot = batch.findLast((ready) => ready.snapshot !== undefined)?.snapshot;
    if (snapshot !== undefined) {
      this.#staged.push({ kind: 'forget', logIndex: snapshot.meta.logIndex });
    }
  }

  /** What is staged is durable. */
  sync(): void {
    for (const step of this.#staged) {
      this.#carryOut(step);
    }
    this.#staged = [];
  }

  /** The power goes in the middle of what is staged. */
  crash(random: Prng): void {
    const done = random.nextInt(this.#staged.length + 1);
    this.#staged.slice(0, done).forEach((step) => this.#carryOut(step));
    const next = this.#staged[done];
    if (next?.kind === 'frame') {
      this.#tear(next.frame, random);
    }
    this.#staged = [];
  }

  /**
   * Reads everything back as a start does, and repairs a torn tail.
   * @throws SwarmError `data_loss` when what was durable is damaged.
   */
  load(): StoredState {
    if (this.#acceptsDamage) {
      this.#cutAtDamage();
    }
    const loaded = assembleLog(
      this.#segments.map(({ number, bytes }) => ({ number, path: segmentName(number), read: () => bytes })),
      SEALER,
    );
    const entries = loaded.image.entriesAfter(this.#snapshot?.meta);
    this.#goOnFrom(loaded);
    return { hardState: loaded.image.hardState, snapshot: this.#snapshot?.meta, entries };
  }

  /** Mistake: what follows a damaged frame counts as torn, wherever it is. */
  #cutAtDamage(): void {
    const flipped = this.#flipped;
    const frame = this.#frames.findLast(
      ({ segment, offset }) => segment.bytes === flipped?.bytes && offset <= flipped.at,
    );
    if (frame !== undefined) {
      frame.segment.bytes.fill(0, frame.offset);
      this.#segments = this.#segments.slice(0, this.#segments.indexOf(frame.segment) + 1);
    }
  }

  #goOnFrom(loaded: LoadedLog): void {
    const last = this.#last();
    if (loaded.tornBytes > 0) {
      this.repairCount += 1;
      last.bytes.fill(0, loaded.endOffset);
    }
    last.endOffset = loaded.endOffset;
    this.#sequence = loaded.nextSequence;
    const { logIndex, term } = loaded.image.last;
    this.#position = { logIndex, term };
    this.#hardState = loaded.image.hardState;
    this.#frames = this.#frames.filter(
      ({ segment, offset }) => segment !== last || offset < loaded.endOffset,
    );
    if (last.endOffset === 0) {
      this.#stageStart(last.start);
      this.sync();
    }
  }

  /** A snapshot of the member's own application: written beside and renamed, then what it covers is forgotten. */
  saveSnapshot(snapshot: Snapshot): void {
    if (snapshot.meta.logIndex > (this.#snapshot?.meta.logIndex ?? 0)) {
      this.#snapshot = snapshot;
      this.#removeBefore(snapshot.meta.logIndex);
    }
  }

  #removeBefore(logIndex: number): void {
    const kept = this.#segments.findLastIndex(({ start }) => start.logIndex <= logIndex);
    const removed = new Set(this.#segments.splice(0, Math.max(0, kept)));
    this.#frames = this.#frames.filter(({ segment }) => !removed.has(segment));
  }

  /** Flips a bit of a frame that is not the last one; false when there is none. The last may pass for a torn one. */
  flipBit(random: Prng): boolean {
    if (this.#frames.length < 2 || this.#flipped !== undefined) {
      return false;
    }
    const { segment, offset, length } = random.pick(this.#frames.slice(0, -1));
    const at = offset + random.nextInt(length);
    const mask = 1 << random.nextInt(8);
    segment.bytes[at] = (segment.bytes[at] ?? 0) ^ mask;
    this.#flipped = { bytes: segment.bytes, at, mask };
    return true;
  }

  /** The sector reads well again. */
  unflip(): void {
    if (this.#flipped !== undefined) {
      const { bytes, at, mask } = this.#flipped;
      bytes[at] = (bytes[at] ?? 0) ^ mask;
      this.#flipped = undefined;
    }
  }

  #last(): SimSegment {
    return present(this.#segments.at(-1), 'last segment');
  }

  /** The frame that holds `records`; in a new segment when the last one is full. */
  #stageRecords(records: readonly WalRecord[]): void {
    const last = this.#last();
    const bytes = encodeRecords(records);
    if (last.endOffset > 0 && last.endOffset + bytes.length > this.#segmentBytes) {
      this.#stageSegment(last.number + 1);
    }
    this.#stageFrame(records, bytes);
  }

  #stageSegment(number: number): void {
    const segment = { number, start: this.#position, bytes: Buffer.alloc(this.#segmentBytes), endOffset: 0 };
    this.#staged.push({ kind: 'segment', segment });
    this.#stageStart(segment.start);
  }

  #stageStart(position: LogPosition): void {
    const records: WalRecord[] = [{ kind: 'start', position, entries: [], hardState: this.#hardState }];
    this.#stageFrame(records, encodeRecords(records));
  }

  #stageFrame(records: readonly WalRecord[], bytes: Uint8Array): void {
    const frame = encodeFrame(SEALER, 'wal', this.#sequence, bytes);
    this.#sequence += 1;
    this.#staged.push({ kind: 'frame', frame, records });
  }

  #carryOut(step: Step): void {
    switch (step.kind) {
      case 'snapshot':
        this.#snapshot = step.snapshot;
        return;
      case 'forget':
        this.#removeBefore(step.logIndex);
        return;
      case 'segment':
        this.#segments.push(step.segment);
        return;
      case 'frame': {
        const segment = this.#makeRoom(step.frame.length);
        const offset = segment.endOffset;
        step.frame.copy(segment.bytes, offset);
        segment.endOffset += step.frame.length;
        this.#frames.push({ segment, offset, length: step.frame.length });
        for (const record of step.records) {
          this.#position = record.entries.at(-1) ?? record.position ?? this.#position;
          this.#hardState = record.hardState ?? this.#hardState;
        }
      }
    }
  }

  #makeRoom(bytes: number): SimSegment {
    const segment = this.#last();
    if (segment.endOffset + bytes > segment.bytes.length) {
      const larger = Buffer.alloc(segment.endOffset + bytes);
      segment.bytes.copy(larger);
      segment.bytes = larger;
    }
    return segment;
  }

  /** Some of the sectors of a frame reach the disk, or its beginning does. */
  #tear(frame: Buffer, random: Prng): void {
    const segment = this.#makeRoom(frame.length);
    const cutAt = random.chance(0.5) ? random.nextInt(frame.length + 1) : frame.length;
    for (let at = 0; at < cutAt;) {
      const end = Math.min(cutAt, at + SECTOR_BYTES - ((segment.endOffset + at) % SECTOR_BYTES));
      if (cutAt < frame.length || random.chance(0.6)) {
        frame.copy(segment.bytes, segment.endOffset + at, at, end);
      }
      at = end;
    }
  }
}
