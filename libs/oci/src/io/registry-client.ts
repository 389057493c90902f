import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { SwarmError, isSwarmError } from '@skep/kernel';
import type { Digest } from '../core/digest.ts';
import { ACCEPTED_MANIFESTS } from '../core/media-types.ts';
import { familiarReference, type ImageReference } from '../core/reference.ts';
import { DOCUMENT_BYTES_MAX } from './content-store.ts';
import type { Credentials } from './registry-auth.ts';
import type { RegistryConfig } from './registry-config.ts';
import {
  RegistryConnection,
  discard,
  headerOf,
  readBody,
  type RegistryResponse,
} from './registry-connection.ts';

/** A manifest or index as the registry holds it. */
export interface RemoteManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** Speaks the OCI distribution API (spec 1.1) with the registry of one image reference, mirrors first for reading. */
export class RegistryClient {
  readonly #reference: ImageReference;
  readonly #origin: RegistryConnection;
  readonly #readers: readonly RegistryConnection[];

  constructor(reference: ImageReference, config: RegistryConfig = {}, credentials: Credentials = {}) {
    this.#reference = reference;
    this.#origin = new RegistryConnection(reference.domain, config, credentials);
    const mirrors = (config.mirrors?.[reference.domain] ?? []).map(
      (base) => new RegistryConnection(reference.domain, config, {}, base),
    );
    this.#readers = [...mirrors, this.#origin];
  }

  /** Lets go of all connections. */
  async close(): Promise<void> {
    await Promise.all(this.#readers.map((connection) => connection.close()));
  }

  /** Fetches a manifest by tag or digest and verifies it when the digest is known. */
  async getManifest(tagOrDigest: string, signal?: AbortSignal): Promise<RemoteManifest> {
    const response = await this.#read(
      `/v2/${this.#reference.path}/manifests/${tagOrDigest}`,
      { accept: ACCEPTED_MANIFESTS.join(', ') },
      { expected: [200], signal, what: `manifest for ${familiarReference(this.#reference)} not found` },
    );
    const bytes = await readBody(response, DOCUMENT_BYTES_MAX);
    const algorithm = tagOrDigest.startsWith('sha512:') ? 'sha512' : 'sha256';
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    if (tagOrDigest.includes(':') && digest !== tagOrDigest) {
      throw new SwarmError(
        'data_loss',
        `the registry answered ${tagOrDigest} with content of another digest`,
      );
    }
    const mediaType = (headerOf(response, 'content-type') ?? '').split(';')[0]?.trim() ?? '';
    return { bytes, digest, mediaType };
  }

  /** Opens a blob at `offset`. The stream may break; the caller resumes with a new offset. */
  async openBlob(digest: Digest, offset: number, signal?: AbortSignal): Promise<Readable> {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${String(offset)}-` } : {};
    const response = await this.#read(`/v2/${this.#reference.path}/blobs/${digest}`, headers, {
      expected: [200, 206, 416],
      signal,
      what: `blob ${digest} of ${familiarReference(this.#reference)}`,
    });
    if (response.status === 416) {
      await discard(response);
      throw new SwarmError(
        'data_loss',
        `the registry does not have byte ${String(offset)} of blob ${digest}`,
      );
    }
    if (response.status === 200 && offset > 0) {
      await skipBytes(response.body, offset);
    }
    return response.body;
  }

  /** Whether the registry has a blob in this repository. */
  async hasBlob(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const response = await this.#origin.send({
      method: 'HEAD',
      path: `/v2/${this.#reference.path}/blobs/${digest}`,
      scope: this.#scope('pull,push'),
      signal,
    });
    await discard(response);
    return response.status === 200;
  }

  /**
   * Puts a blob into the repository; first tries to mount it from `mountFrom` (a path in the same registry).
   * Answers whether it was mounted or uploaded.
   */
  async pushBlob(blob: {
    readonly digest: Digest;
    readonly size: number;
    readonly open: () => Readable;
    readonly mountFrom?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<'mounted' | 'uploaded'> {
    const { digest, size, mountFrom, signal } = blob;
    const query = mountFrom === undefined ? '' : `?mount=${digest}&from=${encodeURIComponent(mountFrom)}`;
    const pullOther = mountFrom === undefined ? '' : ` repository:${mountFrom}:pull`;
    const scope = this.#scope('pull,push') + pullOther;
    const begun = await this.#origin.expect(
      { method: 'POST', path: `/v2/${this.#reference.path}/blobs/uploads/${query}`, scope, signal },
      [201, 202],
      `starting the upload of ${digest}`,
    );
    const location = headerOf(begun, 'location');
    await discard(begun);
    if (begun.status === 201) {
      return 'mounted';
    }
    if (location === undefined) {
      throw new SwarmError('unavailable', 'the registry accepted an upload but did not say where to');
    }
    const url = new URL(location, 'http://relative.invalid');
    url.searchParams.set('digest', digest);
    const path = url.hostname === 'relative.invalid' ? url.pathname + url.search : url.toString();
    const done = await this.#origin.expect(
      {
        method: 'PUT',
        path,
        scope,
        headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
        body: blob.open,
        signal,
      },
      [201, 204],
      `uploading ${digest}`,
    );
    await discard(done);
    return 'uploaded';
  }

  /** Puts a manifest under a tag or its digest. */
  async putManifest(
    tagOrDigest: string,
    bytes: Buffer,
    mediaType: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const response = await this.#origin.expect(
      {
        method: 'PUT',
        path: `/v2/${this.#reference.path}/manifests/${tagOrDigest}`,
        scope: this.#scope('pull,push'),
        headers: { 'content-type': mediaType },
        body: () => bytes,
        signal,
      },
      [200, 201],
      `pushing ${familiarReference(this.#reference)}`,
    );
    await discard(response);
  }

  #scope(actions: string): string {
    return `repository:${this.#reference.path}:${actions}`;
  }

  /** Reads from the mirrors, then from the registry itself; a mirror's failure is never final. */
  async #read(
    path: string,
    headers: Record<string, string>,
    options: {
      readonly expected: readonly number[];
      readonly signal: AbortSignal | undefined;
      readonly what: string;
    },
  ): Promise<RegistryResponse> {
    const ask = { method: 'GET', path, headers, scope: this.#scope('pull'), signal: options.signal } as const;
    for (const reader of this.#readers) {
      try {
        return await reader.expect(ask, options.expected, options.what);
      } catch (error: unknown) {
        if (reader === this.#origin || isSwarmError(error, 'cancelled')) {
          throw error;
        }
      }
    }
    throw new SwarmError('internal', 'no registry to read from');
  }
}

/** For registries that ignore Range: reads past what we have. */
async function skipBytes(stream: Readable, count: number): Promise<void> {
  let left = count;
  while (left > 0) {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) {
      if (stream.readableEnded) {
        throw new SwarmError('data_loss', 'the registry sent less than it had sent before');
      }
      await new Promise<void>((resolve, reject) => {
        const settle = (error?: Error): void => {
          stream.off('readable', settle).off('end', settle).off('error', settle);
          if (error instanceof Error) {
            reject(error);
          } else {
            resolve();
          }
        };
        stream.on('readable', settle).on('end', settle).on('error', settle);
      });
      continue;
    }
    left -= chunk.length;
    if (left < 0) {
      stream.unshift(chunk.subarray(chunk.length + left));
      left = 0;
    }
  }
}
