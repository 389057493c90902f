import { SwarmError } from '@skep/kernel';
import {
  ByteReader,
  ByteWriter,
  entrySizeBytes,
  readEntry,
  readHardState,
  writeEntry,
  writeHardState,
  type Entry,
  type HardState,
} from '@skep/raft';

/** A place in the log: an index and the term of the entry there. */
export interface LogPosition {
  readonly logIndex: number;
  readonly term: number;
}

/** What one frame of the log holds, in the order it takes effect: position, then entries, then hard state. */
export interface WalRecord {
  /**
   * `start`: first record of a segment, tells where the log stood. `reset`: a snapshot replaced the log, which goes on
   * after `position`. `append`: neither.
   */
  readonly kind: 'append' | 'start' | 'reset';
  readonly position: LogPosition | undefined;
  /** Each entry replaces what is stored at and after its index. */
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
}

/** The number on disk is the place here: add at the end, never reorder. */
const KINDS = ['append', 'start', 'reset'] as const;

/** Encodes several records as one frame's content. */
export function encodeRecords(records: readonly WalRecord[]): Uint8Array {
  const entries = records.flatMap((record) => record.entries);
  const writer = new ByteWriter(256 + entries.reduce((sum, entry) => sum + entrySizeBytes(entry), 0));
  for (const record of records) {
    writer.byte(KINDS.indexOf(record.kind));
    if (record.position !== undefined) {
      writer.uint(record.position.logIndex);
      writer.uint(record.position.term);
    }
    writer.list(record.entries, (entry) => {
      writeEntry(writer, entry);
    });
    writer.flag(record.hardState !== undefined);
    if (record.hardState !== undefined) {
      writeHardState(writer, record.hardState);
    }
  }
  return writer.written;
}

/** @throws SwarmError `data_loss` on bytes that {@link encodeRecords} did not make. */
export function decodeRecords(bytes: Uint8Array): readonly WalRecord[] {
  const reader = new ByteReader(bytes);
  const records: WalRecord[] = [];
  while (reader.remainingBytes > 0) {
    const kind = KINDS[reader.byte()];
    if (kind === undefined) {
      throw new SwarmError('data_loss', 'log record of an unknown kind; it may come from a newer version');
    }
    const position = kind === 'append' ? undefined : { logIndex: reader.uint(), term: reader.uint() };
    const entries = reader.list(() => readEntry(reader));
    const hardState = reader.flag() ? readHardState(reader) : undefined;
    records.push({ kind, position, entries, hardState });
  }
  return records;
}
