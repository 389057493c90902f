import { SwarmError, errorMessage } from '@skep/kernel';

import type { Sealer } from './frame.ts';
import { LogImage } from './log-image.ts';
import { readSegment, segmentName } from './segment.ts';
import type { LogPosition } from './wal-record.ts';

/** A segment as it lies on a disk. */
export interface SegmentFile {
  readonly number: number;
  readonly path: string;
  readonly read: () => Buffer;
}

export interface Segment {
  readonly number: number;
  /** Where the log stood when the segment began. */
  readonly start: LogPosition;
}

/** What the segments of a log add up to, and where it goes on. */
export interface LoadedLog {
  readonly image: LogImage;
  readonly segments: readonly Segment[];
  readonly nextSequence: number;
  /** In the last segment: where the next frame goes, the size of the file, and what a crash left half-written. */
  readonly endOffset: number;
  readonly fileBytes: number;
  readonly tornBytes: number;
}

/**
 * Reads the segments of a log, in the order of their numbers.
 * @throws SwarmError `data_loss` when anything but the tail of the last one is damaged.
 */
export function assembleLog(files: readonly SegmentFile[], keys: Sealer): LoadedLog {
  const image = new LogImage();
  const segments: Segment[] = [];
  let last = { nextSequence: 1, endOffset: 0, fileBytes: 0, tornBytes: 0 };
  for (const [i, { number, path, read }] of files.entries()) {
    if (i > 0 && number !== (files[i - 1]?.number ?? 0) + 1) {
      throw new SwarmError('data_loss', `segment ${segmentName(number - 1)} is missing before ${path}`);
    }
    const file = read();
    const content = readSegment(file, {
      path,
      keys,
      firstSequence: i === 0 ? undefined : last.nextSequence,
      isLast: i === files.length - 1,
    });
    const { endOffset, tornBytes } = content;
    const nextSequence = content.records.length > 0 || i === 0 ? content.nextSequence : last.nextSequence;
    segments.push({ number, start: startOf(content.records[0]?.position, image.last) });
    try {
      content.records.forEach((record) => {
        image.add(record);
      });
    } catch (error) {
      throw new SwarmError('data_loss', `${path}: ${errorMessage(error)}`, { cause: error });
    }
    last = { nextSequence, endOffset, fileBytes: file.length, tornBytes };
  }
  return { image, segments, ...last };
}

function startOf(found: LogPosition | undefined, before: LogPosition): LogPosition {
  return found ?? { logIndex: before.logIndex, term: before.term };
}
