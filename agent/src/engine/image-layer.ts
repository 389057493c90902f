import type { Readable } from 'node:stream';
import type { Result } from '@skep/kernel';
import {
  MEDIA_TYPES,
  chainIds,
  describeLayer,
  formatReference,
  parseReference,
  renderImageConfig,
  type ImageConfig,
  type ImageStore,
  type StoredImage,
} from '@skep/oci';
import { applyChanges } from './dockerfile-changes.ts';
import type { ImportOptions } from './image-api.ts';

/** An image that is nothing yet. */
export const EMPTY_CONFIG: ImageConfig = {
  created: '',
  author: '',
  comment: '',
  architecture: 'amd64',
  os: 'linux',
  variant: '',
  user: '',
  exposedPorts: [],
  env: [],
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

/** Makes an image out of a base and one more layer, which comes as a tar. */
export async function addImageLayer(
  images: ImageStore,
  made: {
    readonly tar: Readable;
    readonly base: ImageConfig;
    readonly options: ImportOptions;
    readonly layers: StoredImage['manifest']['layers'];
    readonly createdBy: string;
    /** Who made the layer; empty: nobody is named. */
    readonly author?: string;
  },
): Promise<StoredImage> {
  const { base, options } = made;
  const reference = options.reference === undefined ? undefined : unwrap(parseReference(options.reference));
  const changed = unwrap(applyChanges(base, options.changes ?? []));
  const pins = [images.pin([...made.layers.map((layer) => layer.digest), ...chainIds(base.diffIds)])];
  const hold = (digest: string): void => {
    pins.push(images.pin([digest]));
  };
  try {
    const { digest, size } = await images.content.ingestUnnamed(made.tar, hold);
    const path = images.content.blobPath(digest);
    const { diffId, compression } = await describeLayer(path);
    const diffIds = [...base.diffIds, diffId];
    chainIds(diffIds).slice(-1).forEach(hold);
    await images.layers.unpackAll(
      diffIds,
      diffIds.map(() => () => Promise.resolve({ archivePath: path, diffId })),
    );
    const created = new Date().toISOString();
    // As Docker does, who and why are those of the last change alone, never the base image's.
    const { author = '' } = made;
    const comment = options.message ?? '';
    const history = { created, createdBy: made.createdBy, author, comment, isEmptyLayer: false };
    const config = { ...changed, created, author, comment, diffIds, history: [...base.history, history] };
    const text = renderImageConfig(config);
    const configDigest = await images.content.putDocument(text, hold);
    const types = {
      none: MEDIA_TYPES.ociLayer,
      gzip: MEDIA_TYPES.ociLayerGzip,
      zstd: MEDIA_TYPES.ociLayerZstd,
    };
    const manifestDigest = await images.content.putDocument(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociManifest,
        config: { mediaType: MEDIA_TYPES.ociConfig, digest: configDigest, size: Buffer.byteLength(text) },
        layers: [...made.layers, { mediaType: types[compression], digest, size }],
      }),
      hold,
    );
    const references =
      reference === undefined ? [] : [{ name: formatReference(reference), digest: manifestDigest }];
    return await images.add({ manifestDigest, references });
  } finally {
    for (const release of pins) {
      release();
    }
  }
}

function unwrap<T>(result: Result<T>): T {
  if (!result.ok) {
    throw result.error;
  }
  return result.value;
}
