import { existsSync, watch, type FSWatcher } from 'node:fs';
import { open, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno } from '@skep/oci';
import type { LogOptions, LogRecord } from './container-api.ts';

const READ_BYTES = 64 * 1024;
const POLL_MS = 1000;
const ROTATED_MAX = 1000;

/** Parses one line of conmon's log: `<time> <stream> <F or P> <text>`; P means that no newline followed the text. */
export function parseLogLine(line: Buffer): LogRecord | null {
  const first = line.indexOf(0x20);
  const second = line.indexOf(0x20, first + 1);
  const third = line.indexOf(0x20, second + 1);
  if (first <= 0 || second === -1 || third === -1) {
    return null;
  }
  const timestamp = line.toString('latin1', 0, first);
  const stream = line.toString('latin1', first + 1, second);
  const flag = line.toString('latin1', second + 1, third);
  const timeMs = parseTimestampMs(timestamp);
  if ((stream !== 'stdout' && stream !== 'stderr') || Number.isNaN(timeMs)) {
    return null;
  }
  const text = line.subarray(third + 1);
  const data = flag === 'P' ? Buffer.from(text) : Buffer.concat([text, Buffer.from('\n')]);
  return { stream, timestamp: toUtc(timestamp), timeMs, data };
}

/** Milliseconds since the epoch with fractions, from RFC 3339 with nanoseconds. */
export function parseTimestampMs(timestamp: string): number {
  const match = /^(.*?T\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(timestamp);
  if (match === null) {
    return Number.NaN;
  }
  return Date.parse(`${match[1] ?? ''}${match[3] ?? 'Z'}`) + Number(match[2] ?? '0') * 1000;
}

/** conmon writes local time with an offset; Docker's clients expect `Z`. */
function toUtc(timestamp: string): string {
  if (timestamp.endsWith('Z')) {
    return timestamp;
  }
  const fraction = /\.\d+/.exec(timestamp)?.[0] ?? '';
  const whole = new Date(Math.floor(parseTimestampMs(timestamp) / 1000) * 1000).toISOString().slice(0, 19);
  return `${whole}${fraction.padEnd(10, '0')}Z`;
}

export interface LogSource {
  readonly path: string;
  /** Whether more may come. Asked before each last look. */
  readonly isLive: () => boolean;
  /** Calls back when the container has ended; answers a function that ends the interest. */
  readonly onEnd: (callback: () => void) => () => void;
}

/** Reads a container's log, rotated parts first, in the order it was written; follows it when asked to. */
export async function* readLogs(source: LogSource, options: LogOptions): AsyncGenerator<LogRecord> {
  const wantsStdout = options.stdout ?? true;
  const wantsStderr = options.stderr ?? true;
  const isWanted = (record: LogRecord): boolean =>
    (record.stream === 'stdout' ? wantsStdout : wantsStderr) &&
    (options.sinceMs === undefined || record.timeMs >= options.sinceMs);
  const isPast = (record: LogRecord): boolean =>
    options.untilMs !== undefined && record.timeMs > options.untilMs;
  const isPlain =
    wantsStdout && wantsStderr && options.sinceMs === undefined && options.untilMs === undefined;
  const lines = readLines(source, options, isPlain ? options.tail : undefined);
  const tail = isPlain ? undefined : options.tail;
  if (tail !== undefined && options.follow !== true) {
    yield* lastRecords(lines, tail, isWanted, isPast);
    return;
  }
  const skipped = tail === undefined ? 0 : await countWanted(source, options, isWanted, tail);
  let index = 0;
  for await (const line of lines) {
    const record = parseLogLine(line);
    if (record === null || !isWanted(record)) {
      continue;
    }
    if (isPast(record)) {
      return;
    }
    index += 1;
    if (index > skipped) {
      yield record;
    }
  }
}

async function* lastRecords(
  lines: AsyncIterable<Buffer>,
  tail: number,
  isWanted: (record: LogRecord) => boolean,
  isPast: (record: LogRecord) => boolean,
): AsyncGenerator<LogRecord> {
  const kept: LogRecord[] = [];
  for await (const line of lines) {
    const record = parseLogLine(line);
    if (record !== null && isWanted(record) && !isPast(record)) {
      kept.push(record);
      if (kept.length > tail) {
        kept.shift();
      }
    }
  }
  yield* kept;
}

/** How many wanted records there are now before the last `tail`. */
async function countWanted(
  source: LogSource,
  options: LogOptions,
  isWanted: (record: LogRecord) => boolean,
  tail: number,
): Promise<number> {
  let count = 0;
  const { follow: _follow, ...rest } = options;
  for await (const line of readLines(source, rest, undefined)) {
    const record = parseLogLine(line);
    count += record !== null && isWanted(record) ? 1 : 0;
  }
  return Math.max(0, count - tail);
}

async function* readLines(
  source: LogSource,
  options: LogOptions,
  tail: number | undefined,
): AsyncGenerator<Buffer> {
  const files = rotatedPaths(source.path);
  const starts = await findTail(files, tail);
  for (const [index, path] of files.entries()) {
    const start = starts[index];
    if (start === undefined || (path === source.path && options.follow === true)) {
      continue;
    }
    yield* readFileLines(path, start);
  }
  if (options.follow === true) {
    yield* followLines(source, starts.at(-1) ?? 0, options.signal);
  }
}

/** Oldest first: `log.2`, `log.1`, `log`. */
function rotatedPaths(path: string): string[] {
  const paths = [path];
  for (let number = 1; number <= ROTATED_MAX && existsSync(`${path}.${String(number)}`); number += 1) {
    paths.unshift(`${path}.${String(number)}`);
  }
  return paths;
}

/** Where to begin in each file for the last `tail` lines; undefined: nothing of this file. */
async function findTail(paths: readonly string[], tail: number | undefined): Promise<(number | undefined)[]> {
  if (tail === undefined) {
    return paths.map(() => 0);
  }
  const starts: (number | undefined)[] = [];
  let missing = tail;
  for (const path of [...paths].reverse()) {
    if (missing === 0 && starts.length > 0) {
      starts.unshift(undefined);
      continue;
    }
    const { offset, lines } = await tailOffset(path, missing);
    starts.unshift(offset);
    missing -= lines;
  }
  return starts;
}

async function tailOffset(path: string, count: number): Promise<{ offset: number; lines: number }> {
  const file = await openOptional(path);
  if (file === undefined) {
    return { offset: 0, lines: 0 };
  }
  try {
    const { size } = await file.stat();
    return count === 0 ? { offset: size, lines: 0 } : await scanBackwards(file, size, count);
  } finally {
    await file.close();
  }
}

async function scanBackwards(
  file: FileHandle,
  size: number,
  count: number,
): Promise<{ offset: number; lines: number }> {
  const buffer = Buffer.alloc(READ_BYTES);
  let found = 0;
  let position = size;
  while (position > 0) {
    const length = Math.min(READ_BYTES, position);
    position -= length;
    const { bytesRead } = await file.read(buffer, 0, length, position);
    for (let index = bytesRead - 1; index >= 0; index -= 1) {
      // The newline at the very end closes the last line and begins none.
      const isBetweenLines = buffer[index] === 0x0a && position + index !== size - 1;
      found += isBetweenLines ? 1 : 0;
      if (isBetweenLines && found === count) {
        return { offset: position + index + 1, lines: count };
      }
    }
  }
  return { offset: 0, lines: size === 0 ? 0 : found + 1 };
}

async function openOptional(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error: unknown) {
    if (isErrno(error, 'ENOENT')) {
      return undefined;
    }
    throw error;
  }
}

async function* readFileLines(path: string, start: number): AsyncGenerator<Buffer> {
  const file = await openOptional(path);
  if (file === undefined) {
    return;
  }
  try {
    yield* new LineCursor(file, start).available();
  } finally {
    await file.close();
  }
}

/** Reads whole lines from a file that may grow. */
class LineCursor {
  readonly #file: FileHandle;
  #position: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  async *available(): AsyncGenerator<Buffer> {
    for (;;) {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#position);
      if (bytesRead === 0) {
        return;
      }
      this.#position += bytesRead;
      let chunk = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
      for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a)) {
        yield chunk.subarray(0, end);
        chunk = chunk.subarray(end + 1);
      }
      this.#rest = chunk;
    }
  }
}

async function* followLines(source: LogSource, start: number, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const news = new NewsWaiter(source, signal);
  let position = start;
  try {
    for (;;) {
      const wasLive = source.isLive();
      const file = await openOptional(source.path);
      if (file !== undefined) {
        yield* followFile({ file, position, source, news });
        position = 0;
      }
      if (news.isAborted || !wasLive || !source.isLive()) {
        return;
      }
      await news.wait();
    }
  } finally {
    news.close();
  }
}

/** Follows one file until another one takes its place, the container has ended, or the reader has gone. */
async function* followFile(follow: {
  readonly file: FileHandle;
  readonly position: number;
  readonly source: LogSource;
  readonly news: NewsWaiter;
}): AsyncGenerator<Buffer> {
  const { file, source, news } = follow;
  const cursor = new LineCursor(file, follow.position);
  try {
    for (;;) {
      // Asked before the look: what was written until then is seen by it.
      const isLast = news.isAborted || !source.isLive() || (await isReplaced(file, source.path));
      yield* cursor.available();
      if (isLast) {
        return;
      }
      await news.wait();
    }
  } finally {
    await file.close();
  }
}

/**
 * Whether the path now names another file than the open one: the log was rotated and conmon writes to the new file.
 * While the path names nothing, conmon still writes to the old one.
 */
async function isReplaced(file: FileHandle, path: string): Promise<boolean> {
  const opened = await file.stat();
  const named = await stat(path).catch(() => undefined);
  return named !== undefined && named.ino !== opened.ino;
}

/** Waits until the log may have grown, the container has ended, or the reader has gone. */
class NewsWaiter {
  #wake: (() => void) | undefined;
  #hasNews = false;
  readonly #watcher: FSWatcher;
  readonly #endInterest: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onNews = (): void => {
    this.#hasNews = true;
    this.#wake?.();
  };

  constructor(source: LogSource, signal: AbortSignal | undefined) {
    this.#watcher = watch(dirname(source.path), this.#onNews);
    this.#watcher.on('error', this.#onNews);
    this.#endInterest = source.onEnd(this.#onNews);
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onNews);
  }

  get isAborted(): boolean {
    return this.#signal?.aborted === true;
  }

  async wait(): Promise<void> {
    if (!this.#hasNews && !this.isAborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#hasNews = false;
  }

  close(): void {
    this.#watcher.close();
    this.#endInterest();
    this.#signal?.removeEventListener('abort', this.#onNews);
  }
}

/**
 * Rotates a log that has grown beyond `bytesMax`: `log` becomes `log.1` and so on, at most `filesMax` files in all.
 * conmon is told through its control fifo to open the log anew.
 */
export async function rotateLog(
  log: { readonly path: string; readonly controlPath: string },
  limits: { readonly bytesMax: number; readonly filesMax: number },
): Promise<boolean> {
  const size = await stat(log.path).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size < limits.bytesMax) {
    return false;
  }
  if (limits.filesMax <= 1) {
    await rm(log.path, { force: true });
  } else {
    await rm(`${log.path}.${String(limits.filesMax - 1)}`, { force: true });
    for (let number = limits.filesMax - 2; number >= 1; number -= 1) {
      await rename(`${log.path}.${String(number)}`, `${log.path}.${String(number + 1)}`).catch(
        () => undefined,
      );
    }
    await rename(log.path, `${log.path}.1`);
  }
  await writeControl(log.controlPath, '2 0 0\n');
  return true;
}

/** Writes a message to conmon's control fifo. */
export async function writeControl(controlPath: string, message: string): Promise<void> {
  await writeFile(controlPath, message, { flag: 'r+' });
}
