import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { SwarmError } from '@skep/kernel';
import type { Digest } from '../core/digest.ts';
import { parseImageConfig } from '../core/image-config.ts';
import type { Descriptor } from '../core/manifest.ts';
import { MEDIA_TYPES, detectCompression, type Compression } from '../core/media-types.ts';
import type { HoldBlob } from './content-store.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import { chainIds } from './layer-store.ts';

/** An image in files. */
export interface ImageFiles {
  readonly configBytes: Buffer;
  /** Lowest first. */
  readonly layerPaths: readonly string[];
  /** Full references to point at the image. */
  readonly references: readonly string[];
  /** Take layers that an image in the store has under the same blob as there, and leave their files alone. */
  readonly reuseLayers?: boolean;
  readonly onLayer?: (diffId: Digest, currentBytes: number) => void;
}

type LayerDescriptor = Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;

/**
 * Takes an image from files into the store. The manifest is always made anew from what was found, in one form, so
 * that an image saved and loaded keeps its digests.
 */
export async function storeImage(store: ImageStore, found: ImageFiles): Promise<StoredImage> {
  const config = parseImageConfig(found.configBytes);
  if (!config.ok) {
    throw config.error;
  }
  const { diffIds } = config.value;
  if (diffIds.length !== found.layerPaths.length) {
    throw new SwarmError(
      'invalid_argument',
      'the image configuration and the archive disagree about the layers',
    );
  }
  const chains = chainIds(diffIds);
  const pins = [store.pin(chains)];
  const hold = (digest: Digest): void => {
    pins.push(store.pin([digest]));
  };
  try {
    const layers: LayerDescriptor[] = [];
    for (const [index, path] of found.layerPaths.entries()) {
      const known = found.reuseLayers === true ? knownLayer(store, chains[index] ?? '') : undefined;
      if (known !== undefined) {
        hold(known.digest);
      }
      layers.push(known ?? (await ingestLayer(store, path, hold)));
    }
    const imageId = await store.content.putDocument(found.configBytes, hold);
    await store.layers.unpackAll(
      diffIds,
      layers.map(({ digest }, index) => () => {
        const diffId = diffIds[index] ?? '';
        found.onLayer?.(diffId, 0);
        return Promise.resolve({
          archivePath: store.content.blobPath(digest),
          diffId,
          onProgress: (bytes: number) => found.onLayer?.(diffId, bytes),
        });
      }),
    );
    const manifestDigest = await store.content.putDocument(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociManifest,
        config: { mediaType: MEDIA_TYPES.ociConfig, digest: imageId, size: found.configBytes.length },
        layers,
      }),
      hold,
    );
    const references = found.references.map((name) => ({ name, digest: manifestDigest }));
    return await store.add({ manifestDigest, references });
  } finally {
    for (const release of pins) {
      release();
    }
  }
}

/** The blob of a layer that is unpacked and belongs to an image of the store. */
function knownLayer(store: ImageStore, chainId: Digest): LayerDescriptor | undefined {
  if (store.layers.get(chainId) === undefined) {
    return undefined;
  }
  for (const { config, manifest } of store.list()) {
    const layer = manifest.layers[chainIds(config.diffIds).indexOf(chainId)];
    if (layer !== undefined) {
      const { digest, size } = layer;
      return { mediaType: ociLayerType(layer.mediaType), digest, size };
    }
  }
  return undefined;
}

/** Docker's name of a layer's form in OCI's words: the new manifest is OCI's. */
function ociLayerType(mediaType: string): string {
  if (/[+.]gzip$/.test(mediaType)) {
    return MEDIA_TYPES.ociLayerGzip;
  }
  return /[+.]zstd$/.test(mediaType) ? MEDIA_TYPES.ociLayerZstd : MEDIA_TYPES.ociLayer;
}

async function ingestLayer(store: ImageStore, path: string, hold: HoldBlob): Promise<LayerDescriptor> {
  const { digest, size } = await store.content.ingestUnnamed(createReadStream(path), hold);
  return { mediaType: LAYER_TYPES[await compressionOf(path)], digest, size };
}

const LAYER_TYPES: Readonly<Record<Compression, string>> = {
  none: MEDIA_TYPES.ociLayer,
  gzip: MEDIA_TYPES.ociLayerGzip,
  zstd: MEDIA_TYPES.ociLayerZstd,
};

async function compressionOf(path: string): Promise<Compression> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return detectCompression(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** Computes the digest of a tar as it would be unpacked; used when a layer is made from a stream. */
export async function describeLayer(path: string): Promise<{ diffId: Digest; compression: Compression }> {
  const compression = await compressionOf(path);
  const file = createReadStream(path);
  const hash = createHash('sha256');
  const plain =
    compression === 'none'
      ? file
      : file.pipe(compression === 'gzip' ? createGunzip() : createZstdDecompress());
  for await (const chunk of plain as AsyncIterable<Buffer>) {
    hash.update(chunk);
  }
  return { diffId: `sha256:${hash.digest('hex')}`, compression };
}
