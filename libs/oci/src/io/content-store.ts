import { createHash, type Hash } from 'node:crypto';
import { createReadStream, renameSync, rmSync } from 'node:fs';
import {
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { SwarmError, isSwarmError } from '@skep/kernel';
import { isDigest, parseDigest, type Digest } from '../core/digest.ts';
import { syncDirectory } from './atomic-file.ts';

/** Manifests and configurations larger than this are refused (the registries' own limit). */
export const DOCUMENT_BYTES_MAX = 4 * 1024 * 1024;

/** Tells how many bytes of a blob are there by now. */
export type BytesListener = (bytes: number) => void;

/** Is told a digest in time to keep its blob from being collected. */
export type HoldBlob = (digest: Digest) => void;

/** Where a broken transfer goes on: opens the blob at `offset`. May be called again after a failure. */
export type BlobSource = (offset: number) => Promise<Readable>;

/**
 * Blobs by digest in an OCI image layout (`oci-layout`, `blobs/<algorithm>/<hex>`).
 * A blob is written to `ingest/`, verified against its digest, fsynced and renamed; what stands under `blobs/` is whole.
 */
export class ContentStore {
  readonly root: string;
  readonly #ingesting = new Map<Digest, Promise<void>>();

  private constructor(root: string) {
    this.root = root;
  }

  /** Opens or makes the store in directory `root`. */
  static async open(root: string): Promise<ContentStore> {
    await mkdir(join(root, 'blobs/sha256'), { recursive: true, mode: 0o700 });
    await mkdir(join(root, 'blobs/sha512'), { recursive: true, mode: 0o700 });
    await mkdir(join(root, 'ingest'), { recursive: true, mode: 0o700 });
    await writeFile(join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    return new ContentStore(root);
  }

  /** Where a blob is or would be. */
  blobPath(digest: Digest): string {
    const { algorithm, hex } = partsOf(digest);
    return join(this.root, 'blobs', algorithm, hex);
  }

  /** Size in bytes, or undefined when the blob is not there. */
  async size(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.blobPath(digest))).size;
    } catch (error: unknown) {
      if (isErrno(error, 'ENOENT')) {
        return undefined;
      }
      throw error;
    }
  }

  /** A document (manifest, configuration) as a whole, verified against its digest. */
  async readDocument(digest: Digest): Promise<Buffer> {
    const size = await this.size(digest);
    if (size === undefined) {
      throw new SwarmError('not_found', `content ${digest} is not in the local store`);
    }
    if (size > DOCUMENT_BYTES_MAX) {
      throw new SwarmError(
        'too_large',
        `content ${digest} is too large for a document (${String(size)} bytes)`,
      );
    }
    const bytes = await readFile(this.blobPath(digest));
    if (hashOf(digest).update(bytes).digest('hex') !== partsOf(digest).hex) {
      throw new SwarmError('data_loss', `content ${digest} is damaged on disk; pull the image again`);
    }
    return bytes;
  }

  /** Opens a blob for reading. */
  openBlob(digest: Digest, offset = 0): Readable {
    return createReadStream(this.blobPath(digest), { start: offset });
  }

  /** Stores a document and answers its digest. `hold` is told it before the document can be seen, to keep it. */
  async putDocument(content: string | Uint8Array, hold: HoldBlob = () => undefined): Promise<Digest> {
    const bytes = Buffer.from(content);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    hold(digest);
    if ((await this.size(digest)) !== bytes.length || !(await this.verify(digest))) {
      await this.#exclusive(digest, async () => {
        const temporary = this.#ingestPath(digest);
        const file = await open(temporary, 'w', 0o600);
        try {
          await file.writeFile(bytes);
        } catch (error: unknown) {
          await file.close();
          throw error;
        }
        await this.#seal(file, digest, temporary);
      });
    }
    return digest;
  }

  /**
   * Brings a blob of known digest and size into the store. An earlier, broken transfer is resumed: `source` is asked
   * for the rest. Callers who want the same blob at the same time share one transfer.
   * `data_loss` when what arrived is not what the digest says.
   */
  async ingest(
    blob: { readonly digest: Digest; readonly size: number },
    source: BlobSource,
    onBytes: BytesListener = () => undefined,
  ): Promise<void> {
    if ((await this.size(blob.digest)) === blob.size) {
      onBytes(blob.size);
      return;
    }
    await this.#exclusive(blob.digest, () => this.#transfer(blob, source, onBytes));
  }

  /** Takes a stream of unknown digest, computes it, and keeps the blob under it. `hold` as with {@link putDocument}. */
  async ingestUnnamed(
    stream: Readable,
    hold: HoldBlob = () => undefined,
  ): Promise<{ digest: Digest; size: number }> {
    const temporary = join(this.root, 'ingest', `unnamed-${String(process.pid)}-${String(nextUnnamed())}`);
    const hash = createHash('sha256');
    const file = await open(temporary, 'wx', 0o600);
    let size = 0;
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        hash.update(chunk);
        await file.write(chunk);
        size += chunk.length;
      }
      const digest = `sha256:${hash.digest('hex')}`;
      hold(digest);
      await this.#seal(file, digest, temporary);
      return { digest, size };
    } catch (error: unknown) {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw describeDiskError(error, 'a layer');
    }
  }

  /** Reads a whole blob and tells whether it is what its digest says; false when it is not there. */
  async verify(digest: Digest): Promise<boolean> {
    if ((await this.size(digest)) === undefined) {
      return false;
    }
    const hash = hashOf(digest);
    for await (const chunk of this.openBlob(digest) as AsyncIterable<Buffer>) {
      hash.update(chunk);
    }
    return hash.digest('hex') === partsOf(digest).hex;
  }

  /** Removes those of the blobs that are damaged, so that they can be fetched anew. Answers how many. */
  async dropDamaged(digests: readonly Digest[]): Promise<number> {
    let dropped = 0;
    for (const digest of digests) {
      if ((await this.size(digest)) !== undefined && !(await this.verify(digest))) {
        await this.remove(digest);
        dropped += 1;
      }
    }
    return dropped;
  }

  /** Digests of all blobs. */
  async list(): Promise<Digest[]> {
    const found: Digest[] = [];
    for (const algorithm of ['sha256', 'sha512']) {
      for (const hex of await readdir(join(this.root, 'blobs', algorithm))) {
        const digest = `${algorithm}:${hex}`;
        if (isDigest(digest)) {
          found.push(digest);
        }
      }
    }
    return found;
  }

  /** Removes a blob, at once for everybody else. Idempotent. */
  async remove(digest: Digest): Promise<void> {
    const aside = join(this.root, 'ingest', `removed-${String(process.pid)}-${String(nextUnnamed())}`);
    try {
      renameSync(this.blobPath(digest), aside);
    } catch (error: unknown) {
      if (!isErrno(error, 'ENOENT')) {
        throw error;
      }
    }
    await rm(aside, { force: true });
  }

  /** Gives up what broken transfers of these blobs left to be resumed; one that is under way is left alone. */
  dropPartial(digests: readonly Digest[]): void {
    for (const digest of digests.filter((wanted) => !this.#ingesting.has(wanted))) {
      // In one step with the question, or a transfer could begin in between.
      rmSync(this.#ingestPath(digest), { force: true });
    }
  }

  /** Removes leftovers of transfers that nobody goes on with. Answers the number of files removed. */
  async removeLeftovers(): Promise<number> {
    let removed = 0;
    for (const name of await readdir(join(this.root, 'ingest'))) {
      const isActive = [...this.#ingesting.keys()].some((digest) =>
        this.#ingestPath(digest).endsWith(`/${name}`),
      );
      if (!isActive) {
        await rm(join(this.root, 'ingest', name), { force: true });
        removed += 1;
      }
    }
    return removed;
  }

  async #exclusive(digest: Digest, work: () => Promise<void>): Promise<void> {
    const running = this.#ingesting.get(digest);
    if (running !== undefined) {
      await running;
      return;
    }
    const promise = work()
      .catch(async (error: unknown) => {
        if (isDiskFull(error)) {
          // What was brought so far would keep the space from whoever could use it.
          await rm(this.#ingestPath(digest), { force: true });
        }
        throw describeDiskError(error, digest);
      })
      .finally(() => this.#ingesting.delete(digest));
    this.#ingesting.set(digest, promise);
    await promise;
  }

  async #transfer(
    blob: { readonly digest: Digest; readonly size: number },
    source: BlobSource,
    onBytes: BytesListener,
  ): Promise<void> {
    const temporary = this.#ingestPath(blob.digest);
    const file = await open(temporary, 'a+', 0o600);
    try {
      const { hash, offset } = await resumePoint(file, blob);
      onBytes(offset);
      if (offset < blob.size || blob.size === 0) {
        await append({ file, hash, offset, blob, onBytes, stream: await source(offset) });
      }
      if (hash.digest('hex') !== partsOf(blob.digest).hex) {
        await file.truncate(0);
        throw new SwarmError('data_loss', `content ${blob.digest} arrived damaged; try again`, {
          temporary: true,
        });
      }
    } catch (error: unknown) {
      await file.close();
      // A damaged or oversized file must not be resumed; a cut one may.
      if (isSwarmError(error, 'data_loss')) {
        await rm(temporary, { force: true });
      }
      throw error;
    }
    await this.#seal(file, blob.digest, temporary);
  }

  async #seal(file: FileHandle, digest: Digest, temporary: string): Promise<void> {
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    const path = this.blobPath(digest);
    await rename(temporary, path);
    await syncDirectory(join(path, '..'));
  }

  #ingestPath(digest: Digest): string {
    const { algorithm, hex } = partsOf(digest);
    return join(this.root, 'ingest', `${algorithm}-${hex}`);
  }
}

let unnamedCount = 0;

function nextUnnamed(): number {
  unnamedCount += 1;
  return unnamedCount;
}

function partsOf(digest: Digest): { algorithm: 'sha256' | 'sha512'; hex: string } {
  const parts = parseDigest(digest);
  if (!parts.ok) {
    throw parts.error;
  }
  return parts.value;
}

function hashOf(digest: Digest): Hash {
  return createHash(partsOf(digest).algorithm);
}

/** Hashes what an earlier transfer left, so that the rest can be added to it. */
async function resumePoint(
  file: FileHandle,
  blob: { readonly digest: Digest; readonly size: number },
): Promise<{ hash: Hash; offset: number }> {
  const hash = hashOf(blob.digest);
  const { size } = await file.stat();
  if (size === 0 || size > blob.size) {
    await file.truncate(0);
    return { hash, offset: 0 };
  }
  const buffer = Buffer.alloc(1024 * 1024);
  let offset = 0;
  while (offset < size) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    if (bytesRead === 0) {
      break;
    }
    hash.update(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
  return { hash, offset };
}

async function append(transfer: {
  readonly file: FileHandle;
  readonly hash: Hash;
  readonly offset: number;
  readonly blob: { readonly digest: Digest; readonly size: number };
  readonly onBytes: BytesListener;
  readonly stream: Readable;
}): Promise<void> {
  const { file, hash, blob, onBytes, stream } = transfer;
  let offset = transfer.offset;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      offset += chunk.length;
      if (offset > blob.size) {
        throw new SwarmError(
          'data_loss',
          `content ${blob.digest} is longer than its ${String(blob.size)} bytes`,
        );
      }
      hash.update(chunk);
      await file.appendFile(chunk);
      onBytes(offset);
    }
  } finally {
    stream.destroy();
  }
  if (offset < blob.size) {
    throw new SwarmError(
      'unavailable',
      `the transfer of ${blob.digest} was cut after ${String(offset)} of ${String(blob.size)} bytes`,
    );
  }
}

function isDiskFull(error: unknown): boolean {
  return isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT');
}

function describeDiskError(error: unknown, what: string): unknown {
  if (!isDiskFull(error)) {
    return error;
  }
  return new SwarmError(
    'resource_exhausted',
    `no space left on the disk for ${what}: remove images or add space`,
    {
      cause: error,
      temporary: false,
    },
  );
}

/** Whether `error` is a system error of this kind. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
