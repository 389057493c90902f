import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  createReadStream,
  fsyncSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { PassThrough, Transform, type Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { SwarmError, assert, isSwarmError, toErrorRecord } from '@skep/kernel';
import { cleanEntryPath } from '../core/layer-entry.ts';
import { detectCompression } from '../core/media-types.ts';
import { TarReader } from '../core/tar-reader.ts';
import {
  CHUNK_WINDOW,
  type AdjustJob,
  type ArchiveJob,
  type ConfinedStat,
  type FromWorker,
  type PackJob,
  type ResolveOwnerJob,
  type StatJob,
  type ToWorker,
  type UnpackJob,
  type UnpackResult,
} from './archive-job.ts';
import { ArchiveExtractor } from './extract-archive.ts';
import { confineTo, detachFilesystemRoot, returnToRoot, syncFilesystem } from './native.ts';
import { packArchive } from './pack-archive.ts';

/*
 * A worker thread that handles archives of untrusted content. Its root directory is its own (unshare CLONE_FS), and
 * for each job it is confined (chroot) to the job's root: the kernel itself makes sure that no name, symbolic link or
 * hard link of an archive reaches anything else. File system calls here are synchronous on purpose: asynchronous ones
 * would run on libuv's threads, which are not confined.
 */

const BYTES_MAX_DEFAULT = 64 * 1024 ** 3;
const ENTRIES_MAX_DEFAULT = 4_000_000;
const PROGRESS_STEP_BYTES = 1024 * 1024;
const DECOMPRESS_CHUNK_BYTES = 256 * 1024;

const port = parentPort;
assert(port !== null, 'archive-worker must run as a worker thread');

detachFilesystemRoot();
const rootFd = openSync('/', 'r');

let input: PassThrough | undefined;
let credits = CHUNK_WINDOW;
let isAborted = false;
let wakeOnCredit: (() => void) | undefined;

const tell = (message: FromWorker): void => {
  port.postMessage(message);
};

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'job':
      void runJob(message.job);
      return;
    case 'chunk':
      takeChunk(message.bytes);
      return;
    case 'end':
      input?.end();
      return;
    case 'credit':
      credits += 1;
      wakeOnCredit?.();
      return;
    case 'abort':
      isAborted = true;
      input?.destroy(new SwarmError('cancelled', 'the transfer was cancelled'));
      wakeOnCredit?.();
  }
});

tell({ kind: 'ready' });

function takeChunk(bytes: Uint8Array): void {
  const target = input;
  if (target === undefined || target.destroyed) {
    return;
  }
  if (target.write(bytes)) {
    tell({ kind: 'credit' });
  } else {
    target.once('drain', () => {
      tell({ kind: 'credit' });
    });
  }
}

async function runJob(job: ArchiveJob): Promise<void> {
  isAborted = false;
  credits = CHUNK_WINDOW;
  input = job.kind === 'unpack' && job.archivePath === undefined ? new PassThrough() : undefined;
  // An error before anybody reads must not be an unhandled one.
  input?.on('error', () => undefined);
  try {
    const result = await perform(job);
    tell({ kind: 'done', result });
  } catch (error: unknown) {
    tell({ kind: 'failed', error: toErrorRecord(error) });
  } finally {
    returnToRoot(rootFd);
    input = undefined;
  }
}

async function perform(job: ArchiveJob): Promise<unknown> {
  switch (job.kind) {
    case 'unpack':
      return unpack(job);
    case 'pack':
      return pack(job);
    case 'stat':
      confineTo(job.root);
      return describePaths(job);
    case 'read':
      confineTo(job.root);
      return readFiles(job);
    case 'adjust':
      confineTo(job.root);
      return adjust(job);
  }
}

async function unpack(job: UnpackJob): Promise<UnpackResult> {
  const archive: Readable =
    job.archivePath === undefined
      ? (input ?? new PassThrough())
      : createReadStream('', { fd: openSync(job.archivePath, 'r'), highWaterMark: DECOMPRESS_CHUNK_BYTES });
  confineTo(job.root);
  const directory = cleanEntryPath(job.directory);
  if (!directory.ok) {
    throw directory.error;
  }
  const extractor = new ArchiveExtractor({
    root: directory.value === '' ? '' : `/${directory.value}`,
    asLayer: job.asLayer,
    noOverwriteDirNonDir: job.noOverwriteDirNonDir ?? false,
    bytesMax: job.bytesMax ?? BYTES_MAX_DEFAULT,
    entriesMax: job.entriesMax ?? ENTRIES_MAX_DEFAULT,
    ...(job.owner === undefined ? {} : { owner: job.owner }),
    ...(job.idMap === undefined ? {} : { idMap: job.idMap }),
  });
  const hash = createHash('sha256');
  const reader = new TarReader(extractor);
  try {
    for await (const chunk of await decompressed(archive)) {
      hash.update(chunk);
      reader.push(chunk);
    }
    reader.finish();
    extractor.finish();
  } catch (error: unknown) {
    archive.destroy();
    throw describeStreamError(error);
  } finally {
    extractor.abandon();
  }
  if (job.asLayer) {
    syncConfinedFilesystem();
  }
  return {
    diffId: `sha256:${hash.digest('hex')}`,
    sizeBytes: extractor.sizeBytes,
    entryCount: extractor.entryCount,
    impliedDirectories: extractor.impliedDirectories,
  };
}

/** A layer is unpacked once and trusted ever after, so it must be on the disk before anybody says that it is there. */
function syncConfinedFilesystem(): void {
  const fd = openSync('/', 'r');
  try {
    syncFilesystem(fd);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

async function decompressed(archive: Readable): Promise<AsyncIterable<Buffer>> {
  const head = await firstBytes(archive);
  const compression = detectCompression(head);
  const counted = countBytes(archive);
  if (compression === 'none') {
    return counted;
  }
  const options = { chunkSize: DECOMPRESS_CHUNK_BYTES };
  const decompressor = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  counted.on('error', (error) => decompressor.destroy(error));
  return counted.pipe(decompressor) as AsyncIterable<Buffer>;
}

function countBytes(archive: Readable): Transform {
  let bytes = 0;
  let told = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      bytes += chunk.length;
      if (bytes - told >= PROGRESS_STEP_BYTES) {
        told = bytes;
        tell({ kind: 'progress', archiveBytes: bytes });
      }
      callback(null, chunk);
    },
  });
  archive.on('error', (error) => counter.destroy(error));
  return archive.pipe(counter);
}

/** Looks at the first four bytes without taking them. */
async function firstBytes(stream: Readable): Promise<Buffer> {
  const taken: Buffer[] = [];
  let size = 0;
  while (size < 4) {
    const chunk = stream.read() as Buffer | null;
    if (chunk !== null) {
      taken.push(chunk);
      size += chunk.length;
    } else if (stream.readableEnded) {
      break;
    } else {
      await waitReadable(stream);
    }
  }
  const head = Buffer.concat(taken);
  if (head.length > 0 && !stream.readableEnded) {
    stream.unshift(head);
  }
  return head;
}

function waitReadable(stream: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown): void => {
      stream.off('readable', settle).off('end', settle).off('error', settle);
      if (error instanceof Error) {
        reject(error);
      } else {
        resolve();
      }
    };
    stream.on('readable', settle).on('end', settle).on('error', settle);
  });
}

function describeStreamError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (
    !isSwarmError(error) &&
    (code.startsWith('Z_') || code.startsWith('ZSTD_') || code.startsWith('ERR_ZLIB'))
  ) {
    return new SwarmError('invalid_argument', `the archive cannot be decompressed: ${code}`, {
      cause: error,
    });
  }
  return error;
}

async function pack(job: PackJob): Promise<null> {
  confineTo(job.root);
  const path = cleanEntryPath(job.path);
  if (!path.ok) {
    throw path.error;
  }
  for (const bytes of packArchive({ ...job, root: '', path: path.value })) {
    while (credits === 0 && !isAborted) {
      await new Promise<void>((resolve) => {
        wakeOnCredit = resolve;
      });
    }
    if (isAborted) {
      throw new SwarmError('cancelled', 'the transfer was cancelled');
    }
    credits -= 1;
    tell({ kind: 'chunk', bytes });
    // Credits and aborts are messages: they need a turn of the event loop.
    if (credits === 0) {
      await setImmediate();
    }
  }
  return null;
}

function describePaths(job: StatJob): (ConfinedStat | null)[] {
  return job.paths.map((path) => {
    const absolute = `/${path.replace(/^\/+/, '')}`;
    const stats = lstatSync(absolute, { throwIfNoEntry: false });
    if (stats === undefined) {
      return null;
    }
    return {
      mode: stats.mode,
      uid: stats.uid,
      gid: stats.gid,
      sizeBytes: stats.size,
      modifiedAtMs: stats.mtimeMs,
      linkTarget: stats.isSymbolicLink() ? readlinkSync(absolute) : '',
      resolvedPath:
        statSync(absolute, { throwIfNoEntry: false }) === undefined ? '' : realpathSync.native(absolute),
    };
  });
}

function readFiles(job: ResolveOwnerJob): (Buffer | null)[] {
  return job.paths.map((path) => {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() !== true || stats.size > job.bytesMax) {
      return null;
    }
    return readFileSync(path);
  });
}

function adjust(job: AdjustJob): null {
  for (const { path, mode, uid, gid, modifiedAtMs } of job.directories) {
    const absolute = `/${path}`;
    mkdirSync(absolute, { recursive: true });
    lchownSync(absolute, uid, gid);
    chmodSync(absolute, mode & 0o7777);
    if (modifiedAtMs !== undefined) {
      lutimesSync(absolute, modifiedAtMs / 1000, modifiedAtMs / 1000);
    }
  }
  return null;
}
