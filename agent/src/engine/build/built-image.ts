import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '@skep/kernel';
import { isDigest, parseManifest, storeImage, type ImageStore, type StoredImage } from '@skep/oci';

/** Takes an image that the builder wrote into a directory (`dir` transport) into the store. */
export async function storeBuiltImage(store: ImageStore, directory: string): Promise<StoredImage> {
  const manifest = parseManifest(await readFile(join(directory, 'manifest.json')));
  if (!manifest.ok) {
    throw manifest.error;
  }
  if (manifest.value.kind !== 'manifest') {
    throw new SwarmError('internal', 'the builder wrote an index instead of an image');
  }
  const pathOf = (digest: string): string => {
    if (!isDigest(digest)) {
      throw new SwarmError('internal', 'the builder wrote a manifest without digests');
    }
    return join(directory, digest.slice(digest.indexOf(':') + 1));
  };
  const { config, layers } = manifest.value;
  return storeImage(store, {
    configBytes: await readFile(pathOf(config.digest)),
    layerPaths: layers.map((layer) => pathOf(layer.digest)),
    references: [],
    reuseLayers: true,
  });
}
