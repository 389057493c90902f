import { createHash } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MEDIA_TYPES, type ImageStore, type StoredImage } from '@skep/oci';

/**
 * Writes an image of the store as a directory that the builder reads (containers/image's `dir` transport). The blobs are
 * links: nothing is copied. The manifest says Docker's form, because a reader of OCI's would drop what only Docker's
 * configuration has: HEALTHCHECK, ONBUILD, SHELL.
 */
export async function writeImageDirectory(
  store: ImageStore,
  image: StoredImage,
  directory: string,
): Promise<void> {
  const { layers } = image.manifest;
  const size = (await store.content.size(image.id)) ?? 0;
  await writeDirectory(store, { config: { digest: image.id, size }, layers }, directory);
  await symlink(store.content.blobPath(image.id), join(directory, hexOf(image.id)));
}

/** As {@link writeImageDirectory}, for a configuration that is not in the store, over layers that are. */
export async function writeStepDirectory(
  store: ImageStore,
  step: { readonly config: string; readonly layers: StoredImage['manifest']['layers'] },
  directory: string,
): Promise<void> {
  const digest = imageIdOf(step.config);
  const size = Buffer.byteLength(step.config);
  await writeDirectory(store, { config: { digest, size }, layers: step.layers }, directory);
  await writeFile(join(directory, hexOf(digest)), step.config);
}

/** The id of the image that has this configuration. */
export function imageIdOf(config: string): string {
  return `sha256:${createHash('sha256').update(config).digest('hex')}`;
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}

async function writeDirectory(
  store: ImageStore,
  image: {
    readonly config: { readonly digest: string; readonly size: number };
    readonly layers: StoredImage['manifest']['layers'];
  },
  directory: string,
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, 'version'), 'Directory Transport Version: 1.1\n');
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.dockerManifest,
    config: { mediaType: MEDIA_TYPES.dockerConfig, ...image.config },
    layers: image.layers.map(({ digest, size }) => ({
      // The reader looks at the bytes to find out how they are packed.
      mediaType: MEDIA_TYPES.dockerLayerGzip,
      digest,
      size,
    })),
  };
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest));
  for (const digest of new Set(image.layers.map((layer) => layer.digest))) {
    await symlink(store.content.blobPath(digest), join(directory, hexOf(digest)));
  }
}
