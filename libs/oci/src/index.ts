export { isDigest, parseDigest, shortDigest, type Digest, type DigestParts } from './core/digest.ts';
export {
  DEFAULT_DOMAIN,
  familiarName,
  familiarReference,
  formatReference,
  parseReference,
  parseReferenceParts,
  repositoryName,
  type ImageReference,
} from './core/reference.ts';
export { MEDIA_TYPES, isIndexType, isManifestType } from './core/media-types.ts';
export {
  choosePlatform,
  parseManifest,
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
} from './core/manifest.ts';
export {
  formatPlatform,
  normalizePlatform,
  parsePlatform,
  platformFromNodeArch,
  type Platform,
} from './core/platform.ts';
export {
  parseImageConfig,
  renderImageConfig,
  type ImageConfig,
  type ImageHealthcheckConfig,
  type ImageHistory,
} from './core/image-config.ts';
export { cleanEntryPath } from './core/layer-entry.ts';
export {
  OVERFLOW_ID,
  toContainerId,
  toHostId,
  toHostOwner,
  type IdMap,
  type IdRange,
} from './core/id-map.ts';
export { TarReader, type TarSink } from './core/tar-reader.ts';
export type { TarEntry, TarEntryType } from './core/tar-entry.ts';
export { encodeTarHeader, tarEnd, tarPadding, type TarEntryInput } from './core/tar-writer.ts';
export { ArchivePool } from './io/archive-pool.ts';
export type { ConfinedStat, UnpackResult } from './io/archive-job.ts';
export { writeFileAtomically } from './io/atomic-file.ts';
export { ContentStore, isErrno } from './io/content-store.ts';
export { chainIds, LayerStore, type UnpackedLayer } from './io/layer-store.ts';
export { ImageStore, type StoredImage } from './io/image-store.ts';
export { RegistryClient, type RemoteManifest } from './io/registry-client.ts';
export { checkRegistryLogin } from './io/registry-login.ts';
export { isInsecureRegistry, type RegistryConfig } from './io/registry-config.ts';
export type { Credentials } from './io/registry-auth.ts';
export { pullImage, type PullProgress } from './io/pull-image.ts';
export { pushImage } from './io/push-image.ts';
export { saveImages, type SavedImage } from './io/save-images.ts';
export { loadImages, type LoadedImage } from './io/load-images.ts';
export { describeLayer, storeImage } from './io/store-image.ts';
export {
  buildArchive,
  buildImage,
  buildTar,
  type BuiltImage,
  type ImageFile,
  type ImageRecipe,
} from './io/image-builder.ts';
export { startRegistry, type RegistryProcess, type RegistryProcessOptions } from './io/registry-process.ts';
export { buildBusyboxImage, type BusyboxRecipe } from './io/busybox-image.ts';
