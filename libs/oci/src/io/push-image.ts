import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { shortDigest, type Digest } from '../core/digest.ts';
import { MEDIA_TYPES } from '../core/media-types.ts';
import { parseReferenceParts, type ImageReference } from '../core/reference.ts';
import type { Descriptor } from '../core/manifest.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import { limiter, type PullProgress } from './pull-image.ts';
import type { RegistryClient } from './registry-client.ts';

const UPLOADS_MAX = 4;
const PROGRESS_STEP_BYTES = 512 * 1024;

export interface PushRequest {
  readonly image: StoredImage;
  readonly reference: ImageReference;
  readonly client: RegistryClient;
  readonly store: ImageStore;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Puts an image into a registry: layers that are missing there (mounted from a sibling repository where possible), configuration, manifest. */
export async function pushImage(
  request: PushRequest,
): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
  const { image, reference, client, store, signal } = request;
  const report = request.onProgress ?? (() => undefined);
  const limit = limiter(UPLOADS_MAX);
  const siblings = siblingRepositories(request);
  const unique = new Map(image.manifest.layers.map((layer) => [layer.digest, layer]));
  await Promise.all([...unique.values()].map((layer) => limit(() => pushLayer(request, layer, siblings[0]))));
  const { config } = image.manifest;
  if (!(await client.hasBlob(config.digest, signal))) {
    const open = (): Readable => store.content.openBlob(config.digest);
    await client.pushBlob({ digest: config.digest, size: config.size, open, signal });
  }
  const bytes = await readFile(store.content.blobPath(image.manifestDigest));
  const tag = reference.tag ?? image.manifestDigest;
  const mediaType = image.manifest.mediaType === '' ? MEDIA_TYPES.ociManifest : image.manifest.mediaType;
  await client.putManifest(tag, bytes, mediaType, signal);
  report({ id: '', status: `${tag}: digest: ${image.manifestDigest} size: ${String(bytes.length)}` });
  return { digest: image.manifestDigest, sizeBytes: bytes.length };
}

async function pushLayer(
  request: PushRequest,
  layer: Descriptor,
  mountFrom: string | undefined,
): Promise<void> {
  const { client, store, signal } = request;
  const report = request.onProgress ?? (() => undefined);
  const id = shortDigest(layer.digest);
  report({ id, status: 'Preparing' });
  if (await client.hasBlob(layer.digest, signal)) {
    report({ id, status: 'Layer already exists' });
    return;
  }
  const open = (): Readable => {
    let bytes = 0;
    let told = 0;
    const counter = new Transform({
      transform(chunk: Buffer, _encoding, callback) {
        bytes += chunk.length;
        if (bytes - told >= PROGRESS_STEP_BYTES || bytes === layer.size) {
          told = bytes;
          report({ id, status: 'Pushing', currentBytes: bytes, totalBytes: layer.size });
        }
        callback(null, chunk);
      },
    });
    const blob = store.content.openBlob(layer.digest);
    blob.on('error', (error) => counter.destroy(error));
    return blob.pipe(counter);
  };
  const outcome = await client.pushBlob({ digest: layer.digest, size: layer.size, open, mountFrom, signal });
  report({ id, status: outcome === 'mounted' ? `Mounted from ${mountFrom ?? ''}` : 'Pushed' });
}

/** Repositories of the same registry that this image is known to have come from. */
function siblingRepositories({ image, reference, store }: PushRequest): string[] {
  const paths = store.referencesOf(image.id).flatMap((name) => {
    const parsed = parseReferenceParts(name);
    const isSibling =
      parsed.ok && parsed.value.domain === reference.domain && parsed.value.path !== reference.path;
    // Only a reference by digest tells that the registry once had it.
    return isSibling && parsed.value.digest !== undefined ? [parsed.value.path] : [];
  });
  return [...new Set(paths)];
}
