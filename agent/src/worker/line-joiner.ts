import type { LogLine } from '@skep/wire';

import type { LogRecord } from '../engine/container-api.ts';

/** A longer line is cut: it is not a line for people, and what waits for its end is held in memory. */
export const LINE_BYTES_MAX = 64 * 1024;

const NEWLINE = 0x0a;

interface Begun {
  readonly tsNs: string;
  readonly parts: Buffer[];
  bytes: number;
}

/**
 * Makes lines of the pieces of a log. A piece ends where the process paused or a buffer was full, and not where its line
 * does: pieces of one stream are joined until a newline, and have the time of the first.
 */
export class LineJoiner {
  readonly #begun = new Map<LogRecord['stream'], Begun>();

  /** Whether lines have begun that did not end yet. */
  get isInLine(): boolean {
    return this.#begun.size > 0;
  }

  /** Takes a piece; answers the line that it ends, if it ends one. */
  add(record: LogRecord): LogLine | undefined {
    const { stream, data } = record;
    const begun = this.#begun.get(stream) ?? { tsNs: nanoseconds(record.timestamp), parts: [], bytes: 0 };
    const isEnd = data.at(-1) === NEWLINE;
    const text = isEnd ? data.subarray(0, -1) : data;
    begun.parts.push(text);
    begun.bytes += text.byteLength;
    if (!isEnd && begun.bytes < LINE_BYTES_MAX) {
      this.#begun.set(stream, begun);
      return undefined;
    }
    this.#begun.delete(stream);
    return lineOf(stream, begun);
  }

  /** The lines that have begun, as far as they came; what comes after begins new ones. */
  flush(): LogLine[] {
    const lines = [...this.#begun].map(([stream, begun]) => lineOf(stream, begun));
    this.#begun.clear();
    return lines;
  }
}

function lineOf(stream: LogRecord['stream'], { tsNs, parts }: Begun): LogLine {
  return { tsNs, stream, text: Buffer.concat(parts).toString('utf8') };
}

/** RFC 3339 with up to nine digits of fraction as nanoseconds since the epoch. */
export function nanoseconds(timestamp: string): string {
  const match = /^(.*?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(timestamp);
  const seconds = Math.floor(Date.parse(`${match?.[1] ?? ''}${match?.[3] ?? ''}`) / 1000);
  if (Number.isNaN(seconds)) {
    return '0';
  }
  return `${String(seconds)}${(match?.[2] ?? '').padEnd(9, '0')}`;
}
