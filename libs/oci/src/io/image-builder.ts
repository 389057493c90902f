import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Digest } from '../core/digest.ts';
import { renderImageConfig, type ImageConfig } from '../core/image-config.ts';
import { MEDIA_TYPES } from '../core/media-types.ts';
import { encodeTarHeader, tarEnd, tarPadding, type TarEntryInput } from '../core/tar-writer.ts';

/** One file of an image to be built. */
export type ImageFile = Omit<TarEntryInput, 'sizeBytes'> & { readonly content?: string | Uint8Array };

/** What an image is to be; all that is absent is Docker's default. */
export interface ImageRecipe {
  /** Lowest first; parents of files need not be listed. */
  readonly layers: readonly (readonly ImageFile[])[];
  readonly config?: Partial<Omit<ImageConfig, 'diffIds' | 'history'>>;
  /** RFC 3339; the epoch when absent, so that the same recipe gives the same image. */
  readonly created?: string;
}

/** An image as blobs, ready to be written to a store, an archive or a registry. */
export interface BuiltImage {
  readonly imageId: Digest;
  readonly manifestDigest: Digest;
  readonly manifestMediaType: string;
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

const EPOCH = '1970-01-01T00:00:00Z';

/** Builds an image from files alone: the same recipe always gives the same digests. */
export function buildImage(recipe: ImageRecipe): BuiltImage {
  const blobs = new Map<Digest, Buffer>();
  const put = (bytes: Buffer): Digest => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return digest;
  };
  const created = recipe.created ?? EPOCH;
  const layers = recipe.layers.map((files) => {
    const tar = buildTar(files);
    const packed = gzipSync(tar, { level: 6 });
    return { diffId: sha256(tar), digest: put(packed), size: packed.length };
  });
  const config = Buffer.from(
    renderImageConfig({
      ...EMPTY_CONFIG,
      created,
      ...recipe.config,
      diffIds: layers.map((layer) => layer.diffId),
      history: layers.map((_, index) => ({
        created,
        createdBy: `layer ${String(index + 1)} of a built image`,
        author: '',
        comment: '',
        isEmptyLayer: false,
      })),
    }),
  );
  const imageId = put(config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: { mediaType: MEDIA_TYPES.ociConfig, digest: imageId, size: config.length },
      layers: layers.map(({ digest, size }) => ({ mediaType: MEDIA_TYPES.ociLayerGzip, digest, size })),
    }),
  );
  const manifestDigest = put(manifest);
  return { imageId, manifestDigest, manifestMediaType: MEDIA_TYPES.ociManifest, blobs };
}

/** A tar archive of files, parents before children as they are listed. */
export function buildTar(files: readonly ImageFile[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { content, ...entry } of files) {
    const bytes = Buffer.from(content ?? '');
    parts.push(encodeTarHeader({ ...entry, sizeBytes: bytes.length }), bytes, tarPadding(bytes.length));
  }
  parts.push(tarEnd());
  return Buffer.concat(parts);
}

/**
 * An archive that `docker load` reads: an OCI layout together with Docker's manifest.json.
 * `references` are familiar names with tags.
 */
export function buildArchive(image: BuiltImage, references: readonly string[]): Buffer {
  const manifest = JSON.parse(image.blobs.get(image.manifestDigest)?.toString() ?? '{}') as {
    layers: { digest: Digest }[];
  };
  const blobPath = (digest: Digest): string => `blobs/${digest.replace(':', '/')}`;
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociIndex,
    manifests: references.map((name) => ({
      mediaType: image.manifestMediaType,
      digest: image.manifestDigest,
      size: image.blobs.get(image.manifestDigest)?.length ?? 0,
      annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tagOf(name) },
    })),
  };
  const dockerManifest = [
    {
      Config: blobPath(image.imageId),
      RepoTags: references,
      Layers: manifest.layers.map((layer) => blobPath(layer.digest)),
    },
  ];
  return buildTar([
    { path: 'oci-layout', type: 'file', content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: 'index.json', type: 'file', content: JSON.stringify(index) },
    { path: 'manifest.json', type: 'file', content: JSON.stringify(dockerManifest) },
    ...[...image.blobs].map(([digest, content]): ImageFile => ({
      path: blobPath(digest),
      type: 'file',
      content,
    })),
  ]);
}

const EMPTY_CONFIG: ImageConfig = {
  created: EPOCH,
  author: '',
  comment: '',
  architecture: 'amd64',
  os: 'linux',
  variant: '',
  user: '',
  exposedPorts: [],
  env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  entrypoint: [],
  cmd: [],
  volumes: [],
  workingDir: '',
  labels: {},
  stopSignal: '',
  healthcheck: null,
  shell: [],
  onBuild: [],
  diffIds: [],
  history: [],
};

function tagOf(name: string): string {
  return name.slice(name.lastIndexOf(':') + 1);
}

function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
