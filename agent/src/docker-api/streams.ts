import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Writes and waits until the other side has room again. Answers false when the stream has been closed. */
export async function writeAll(stream: Writable, data: Uint8Array | string): Promise<boolean> {
  if (stream.destroyed || stream.writableEnded) {
    return false;
  }
  if (stream.write(data)) {
    return true;
  }
  const ended = new AbortController();
  try {
    await Promise.race([
      once(stream, 'drain', { signal: ended.signal }),
      once(stream, 'close', { signal: ended.signal }),
    ]);
  } finally {
    ended.abort();
  }
  return !stream.destroyed;
}

/** Writes one JSON value per line. */
export function writeJsonLine(stream: Writable, value: unknown): Promise<boolean> {
  return writeAll(stream, `${JSON.stringify(value)}\r\n`);
}
