import { SwarmError, isSwarmError } from '@skep/kernel';
import { shortDigest, type Digest } from '../core/digest.ts';
import { parseImageConfig } from '../core/image-config.ts';
import {
  INDEX_DEPTH_MAX,
  choosePlatform,
  parseManifest,
  type Descriptor,
  type ImageManifest,
} from '../core/manifest.ts';
import type { Platform } from '../core/platform.ts';
import { formatReference, repositoryName, type ImageReference } from '../core/reference.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import { chainIds, type LayerArchive } from './layer-store.ts';
import type { RegistryClient } from './registry-client.ts';

const DOWNLOADS_MAX = 4;
const ATTEMPTS_MAX = 6;
const RETRY_DELAY_MS = 500;

/** One line of progress, in the words of `docker pull`. `id` is a short layer digest or empty. */
export interface PullProgress {
  readonly id: string;
  readonly status: string;
  readonly currentBytes?: number;
  readonly totalBytes?: number;
}

export interface PullRequest {
  readonly reference: ImageReference;
  readonly platform: Platform;
  readonly client: RegistryClient;
  readonly store: ImageStore;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Fetches an image with all its layers, in parallel, and unpacks and names it. */
export async function pullImage(
  request: PullRequest,
): Promise<{ readonly image: StoredImage; readonly digest: Digest; readonly isNew: boolean }> {
  const { reference, client, store, signal } = request;
  const report = request.onProgress ?? (() => undefined);
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  const top = await client.getManifest(wanted, signal);
  const { manifest, digest: manifestDigest, documents } = await resolveManifest(request, top);
  const releasePins = store.pin([
    ...documents.map((document) => document.digest),
    manifest.config.digest,
    ...manifest.layers.map((layer) => layer.digest),
  ]);
  try {
    const before = store.find(formatReference(reference))?.manifestDigest;
    for (const document of documents) {
      await store.content.putDocument(document.bytes);
    }
    await fetchContent(request, manifest);
    const image = await store.add({ manifestDigest, references: namesOf(reference, top.digest) });
    report({ id: '', status: `Digest: ${top.digest}` });
    return { image, digest: top.digest, isNew: before !== manifestDigest };
  } catch (error: unknown) {
    if (isSwarmError(error, 'resource_exhausted')) {
      // Layers of an image that does not fit would fill the disk, and no name leads to them.
      releasePins();
      store.content.dropPartial(manifest.layers.map((layer) => layer.digest));
      await store.collect();
    }
    throw error;
  } finally {
    releasePins();
  }
}

/** Content that was damaged on our disk since an earlier pull is found out here, and fetched once more. */
async function fetchContent(request: PullRequest, manifest: ImageManifest): Promise<void> {
  try {
    await fetchConfigAndLayers(request, manifest);
  } catch (error: unknown) {
    const digests = [manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
    const isOurs = isSwarmError(error, 'data_loss') && (await request.store.content.dropDamaged(digests)) > 0;
    if (!isOurs) {
      throw error;
    }
    await fetchConfigAndLayers(request, manifest);
  }
}

async function fetchConfigAndLayers(request: PullRequest, manifest: ImageManifest): Promise<void> {
  const { store } = request;
  await fetchBlob(request, manifest.config, () => undefined);
  const config = parseImageConfig(await store.content.readDocument(manifest.config.digest));
  if (!config.ok) {
    throw config.error;
  }
  if (config.value.diffIds.length !== manifest.layers.length) {
    throw new SwarmError(
      'invalid_argument',
      'the image configuration and the manifest disagree about the layers',
    );
  }
  const releaseChains = store.pin(chainIds(config.value.diffIds));
  try {
    await fetchLayers(request, manifest, config.value.diffIds);
  } finally {
    releaseChains();
  }
}

/** An image pulled by tag is known by tag and by digest; one pulled by digest by digest only. */
function namesOf(reference: ImageReference, digest: Digest): { name: string; digest: Digest }[] {
  const byDigest = { name: `${repositoryName(reference)}@${digest}`, digest };
  if (reference.digest !== undefined || reference.tag === undefined) {
    return [byDigest];
  }
  return [{ name: formatReference(reference), digest }, byDigest];
}

interface ResolvedManifest {
  readonly manifest: ImageManifest;
  readonly digest: Digest;
  /** The index, if any, and the manifest. */
  readonly documents: readonly { readonly digest: Digest; readonly bytes: Buffer }[];
}

async function resolveManifest(
  request: PullRequest,
  top: { readonly bytes: Buffer; readonly digest: Digest; readonly mediaType: string },
): Promise<ResolvedManifest> {
  let current = top;
  const documents: { digest: Digest; bytes: Buffer }[] = [];
  for (let depth = 0; depth <= INDEX_DEPTH_MAX; depth += 1) {
    documents.push({ digest: current.digest, bytes: current.bytes });
    const parsed = parseManifest(current.bytes, current.mediaType);
    if (!parsed.ok) {
      throw parsed.error;
    }
    if (parsed.value.kind === 'manifest') {
      return { manifest: parsed.value, digest: current.digest, documents };
    }
    const chosen = choosePlatform(parsed.value, request.platform);
    if (!chosen.ok) {
      throw chosen.error;
    }
    current = await request.client.getManifest(chosen.value.digest, request.signal);
  }
  throw new SwarmError('invalid_argument', 'the image index is nested too deeply');
}

async function fetchLayers(
  request: PullRequest,
  manifest: ImageManifest,
  diffIds: readonly Digest[],
): Promise<void> {
  const { store, signal } = request;
  const report = request.onProgress ?? (() => undefined);
  const limit = limiter(DOWNLOADS_MAX);
  const chains = chainIds(diffIds);
  const known = chains.map((chainId) => store.layers.get(chainId) !== undefined);
  // A sibling's failure stops the other transfers.
  const failure = new AbortController();
  const linked = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  const linkedRequest = { ...request, signal: linked };
  const archives = manifest.layers.map((layer, index) => {
    const id = shortDigest(layer.digest);
    report({ id, status: known[index] === true ? 'Already exists' : 'Pulling fs layer' });
    const download = limit(() => downloadLayer(linkedRequest, layer, known[index] === true));
    download.catch((error: unknown) => {
      failure.abort(error);
    });
    return async (): Promise<LayerArchive> => {
      await download;
      return {
        archivePath: store.content.blobPath(layer.digest),
        diffId: diffIds[index] ?? '',
        signal: linked,
        onProgress: (archiveBytes) => {
          report({ id, status: 'Extracting', currentBytes: archiveBytes, totalBytes: layer.size });
        },
      };
    };
  });
  try {
    const onReady = (index: number): void => {
      const layer = manifest.layers[index];
      if (layer !== undefined && known[index] !== true) {
        report({ id: shortDigest(layer.digest), status: 'Pull complete' });
      }
    };
    await store.layers.unpackAll(diffIds, archives, onReady, (error) => {
      failure.abort(error);
    });
    await Promise.all(archives.map((archive) => archive()));
  } catch (error: unknown) {
    failure.abort(error);
    // The sibling that failed first tells more than those that were stopped because of it.
    const first: unknown = failure.signal.reason;
    throw signal?.aborted !== true && isSwarmError(error, 'cancelled') && isSwarmError(first) ? first : error;
  }
}

async function downloadLayer(request: PullRequest, layer: Descriptor, isUnpacked: boolean): Promise<void> {
  const report = request.onProgress ?? (() => undefined);
  const id = shortDigest(layer.digest);
  if ((await request.store.content.size(layer.digest)) === layer.size) {
    return;
  }
  let told = 0;
  await fetchBlob(request, layer, (bytes) => {
    if (!isUnpacked && (bytes - told > 512 * 1024 || bytes === layer.size)) {
      told = bytes;
      report({ id, status: 'Downloading', currentBytes: bytes, totalBytes: layer.size });
    }
  });
  if (!isUnpacked) {
    report({ id, status: 'Download complete' });
  }
}

/** A broken transfer goes on where it stopped; attempts that brought something do not count against the limit. */
async function fetchBlob(
  request: PullRequest,
  blob: Descriptor,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { client, store, signal } = request;
  let failures = 0;
  let reached = 0;
  for (;;) {
    const reachedBefore = reached;
    try {
      await store.content.ingest(
        blob,
        (offset) => client.openBlob(blob.digest, offset, signal),
        (bytes) => {
          reached = Math.max(reached, bytes);
          onBytes(bytes);
        },
      );
      return;
    } catch (error: unknown) {
      failures = reached > reachedBefore ? 1 : failures + 1;
      if (signal?.aborted === true) {
        throw new SwarmError('cancelled', 'the transfer was cancelled', { cause: error });
      }
      if (failures >= ATTEMPTS_MAX || !isWorthRetrying(error)) {
        throw error;
      }
      await delay(RETRY_DELAY_MS * failures, signal);
    }
  }
}

function isWorthRetrying(error: unknown): boolean {
  if (isSwarmError(error)) {
    return error.temporary;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('UND_ERR') || code === 'ECONNRESET' || code === 'EPIPE' || code === 'ETIMEDOUT';
}

function delay(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', settle);
      resolve();
    };
    const timer = setTimeout(settle, durationMs);
    signal?.addEventListener('abort', settle);
  });
}

/** Runs at most `count` pieces of work at a time, in the order they were given. */
export function limiter(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    while (running >= count) {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}
