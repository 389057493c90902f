import { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import { MEDIA_TYPES } from '../core/media-types.ts';
import { familiarReference, parseReferenceParts } from '../core/reference.ts';
import { encodeTarHeader, tarEnd, tarPadding } from '../core/tar-writer.ts';
import type { ImageStore, StoredImage } from './image-store.ts';

/** One image of an archive with the full references it keeps in it. */
export interface SavedImage {
  readonly image: StoredImage;
  readonly references: readonly string[];
}

/**
 * A `docker save` archive: an OCI layout with Docker's `manifest.json` beside it, as current Docker writes it.
 * Blobs go out as they are, so a loaded image has the same digests.
 */
export function saveImages(store: ImageStore, images: readonly SavedImage[]): Readable {
  return Readable.from(archive(store, images), { objectMode: false, highWaterMark: 1024 * 1024 });
}

async function* archive(store: ImageStore, images: readonly SavedImage[]): AsyncGenerator<Uint8Array> {
  const release = store.pin(images.flatMap(({ image }) => blobsOf(image)));
  try {
    yield* document('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
    const written = new Set<Digest>();
    for (const digest of images.flatMap(({ image }) => blobsOf(image))) {
      if (!written.has(digest)) {
        written.add(digest);
        yield* blob(store, digest);
      }
    }
    yield* document('index.json', await ociIndex(store, images));
    yield* document('manifest.json', dockerManifest(images));
    yield tarEnd();
  } finally {
    release();
  }
}

function blobsOf(image: StoredImage): Digest[] {
  return [image.manifestDigest, image.id, ...image.manifest.layers.map((layer) => layer.digest)];
}

function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function* document(path: string, text: string): Generator<Uint8Array> {
  const bytes = Buffer.from(text);
  yield encodeTarHeader({ path, type: 'file', sizeBytes: bytes.length });
  yield bytes;
  yield tarPadding(bytes.length);
}

async function* blob(store: ImageStore, digest: Digest): AsyncGenerator<Uint8Array> {
  const sizeBytes = (await store.content.size(digest)) ?? 0;
  yield encodeTarHeader({ path: blobPath(digest), type: 'file', sizeBytes });
  for await (const chunk of store.content.openBlob(digest) as AsyncIterable<Buffer>) {
    yield chunk;
  }
  yield tarPadding(sizeBytes);
}

async function ociIndex(store: ImageStore, images: readonly SavedImage[]): Promise<string> {
  const manifests: object[] = [];
  for (const { image, references } of images) {
    const descriptor = {
      mediaType: image.manifest.mediaType,
      digest: image.manifestDigest,
      size: (await store.content.size(image.manifestDigest)) ?? 0,
      platform: { os: image.config.os, architecture: image.config.architecture },
    };
    const named = references.map((name) => ({
      ...descriptor,
      annotations: {
        'io.containerd.image.name': name,
        'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
      },
    }));
    manifests.push(...(named.length === 0 ? [descriptor] : named));
  }
  return JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });
}

function dockerManifest(images: readonly SavedImage[]): string {
  return JSON.stringify(
    images.map(({ image, references }) => ({
      Config: blobPath(image.id),
      RepoTags: references.flatMap((name) => {
        const parsed = parseReferenceParts(name);
        return parsed.ok ? [familiarReference(parsed.value)] : [];
      }),
      Layers: image.manifest.layers.map((layer) => blobPath(layer.digest)),
    })),
  );
}
