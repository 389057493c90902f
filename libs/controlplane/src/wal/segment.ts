import { SwarmError, errorMessage } from '@skep/kernel';

import { findFrame, frameAt, openFrame, type Sealer } from './frame.ts';
import { decodeRecords, type WalRecord } from './wal-record.ts';

const SEGMENT_NAME = /^(\d{16})\.wal$/;

export function segmentName(segmentNumber: number): string {
  return `${String(segmentNumber).padStart(16, '0')}.wal`;
}

/** The number in a segment's file name; undefined for any other file. */
export function segmentNumberOf(fileName: string): number | undefined {
  const match = SEGMENT_NAME.exec(fileName);
  return match === null ? undefined : Number(match[1]);
}

/** What a segment holds. */
export interface SegmentContent {
  readonly records: readonly WalRecord[];
  /** Where the next frame goes. */
  readonly endOffset: number;
  readonly nextSequence: number;
  /** Bytes of a write that the power cut short, which have to be wiped; only in the last segment. */
  readonly tornBytes: number;
}

export interface SegmentReadOptions {
  readonly path: string;
  readonly keys: Sealer;
  /** Sequence of the first frame; undefined for the oldest segment, which may start anywhere. */
  readonly firstSequence: number | undefined;
  /** Only the last segment can end in a torn write. */
  readonly isLast: boolean;
}

/**
 * Reads all frames of a segment. Every frame was made durable before the next one was written, so a damaged frame with
 * a whole one after it cannot come from a power cut: the disk changed it, and what it held may have been acknowledged.
 * @throws SwarmError `data_loss`, saying where and what to do.
 */
export function readSegment(file: Buffer, options: SegmentReadOptions): SegmentContent {
  const records: WalRecord[] = [];
  let offset = 0;
  let sequence = options.firstSequence;
  for (let frame = frameAt(file, offset); frame !== undefined; frame = frameAt(file, offset)) {
    if (sequence !== undefined && frame.sequence !== sequence) {
      throw damaged(options.path, offset, `record ${String(sequence)} is missing`);
    }
    try {
      records.push(...decodeRecords(openFrame(options.keys, 'wal', frame)));
    } catch (error) {
      throw damaged(options.path, offset, errorMessage(error));
    }
    sequence = frame.sequence + 1;
    offset = frame.endOffset;
  }
  const tornBytes = trailingBytes(file, offset);
  if (tornBytes > 0 && !options.isLast) {
    throw damaged(options.path, offset, 'a record is damaged and later segments follow');
  }
  const later = tornBytes > 0 ? findFrame(file, offset + 1) : undefined;
  if (later !== undefined && later.frame.sequence >= (sequence ?? 0)) {
    throw damaged(options.path, offset, 'a record is damaged and whole records follow it');
  }
  return { records, endOffset: offset, nextSequence: sequence ?? 1, tornBytes };
}

/** How many bytes after `offset` are not the zeros that a segment is filled with. */
function trailingBytes(file: Buffer, offset: number): number {
  for (let end = file.length; end > offset; end -= 1) {
    if (file[end - 1] !== 0) {
      return end - offset;
    }
  }
  return 0;
}

function damaged(path: string, offset: number, reason: string): SwarmError {
  return new SwarmError(
    'data_loss',
    `the log of this manager is damaged: ${path}, byte ${String(offset)}: ${reason}. Nothing was changed. ` +
      'If a majority of the other managers is healthy, remove this manager from the cluster, delete its data ' +
      'folder and join it again; if not, restore the folder from a backup.',
    { details: { path, offset } },
  );
}
