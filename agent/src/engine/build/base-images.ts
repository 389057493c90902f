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
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, 'version'), 'Directory Transport Version: 1.1\n');
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.dockerManifest,
    config: {
      mediaType: MEDIA_TYPES.dockerConfig,
      digest: image.id,
      size: (await store.content.size(image.id)) ?? 0,
    },
    layers: image.manifest.layers.map(({ digest, size }) => ({
      // The reader looks at the bytes to find out how they are packed.
      mediaType: MEDIA_TYPES.dockerLayerGzip,
      digest,
      size,
    })),
  };
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest));
  const digests = new Set([image.id, ...image.manifest.layers.map((layer) => layer.digest)]);
  for (const digest of digests) {
    await symlink(store.content.blobPath(digest), join(directory, digest.slice(digest.indexOf(':') + 1)));
  }
}
