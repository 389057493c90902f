import { lstat, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { SwarmError } from '@skep/kernel';
import { z } from 'zod';
import type { Digest } from '../core/digest.ts';
import { cleanEntryPath } from '../core/layer-entry.ts';
import { nameInLayout } from '../core/layout-name.ts';
import { INDEX_DEPTH_MAX, choosePlatform, parseManifest } from '../core/manifest.ts';
import { MEDIA_TYPES } from '../core/media-types.ts';
import type { Platform } from '../core/platform.ts';
import { formatReference, parseReference } from '../core/reference.ts';
import { DOCUMENT_BYTES_MAX } from './content-store.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import { storeImage } from './store-image.ts';

const ARCHIVE_BYTES_MAX = 256 * 1024 ** 3;

const dockerManifestSchema = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).nullish(),
  }),
);

export interface LoadRequest {
  readonly store: ImageStore;
  readonly archive: Readable;
  /** A directory on the same file system as the store, for the archive's files while they are read. */
  readonly scratchRoot: string;
  readonly platform: Platform;
  readonly onLayer?: (diffId: Digest, currentBytes: number) => void;
}

export interface LoadedImage {
  readonly image: StoredImage;
  /** Full references that now point at it. */
  readonly references: readonly string[];
}

/** Reads an archive made by `docker save` (old or current form) or an OCI layout in a tar, packed or plain. */
export async function loadImages(request: LoadRequest): Promise<readonly LoadedImage[]> {
  const scratch = await mkdtemp(join(request.scratchRoot, 'load-'));
  try {
    await request.store.pool.unpack(
      {
        kind: 'unpack',
        root: scratch,
        directory: '',
        asLayer: false,
        owner: { uid: 0, gid: 0 },
        bytesMax: ARCHIVE_BYTES_MAX,
      },
      { input: request.archive },
    );
    const source = new ArchiveDirectory(scratch);
    const dockerManifest = await source.readJson('manifest.json');
    const loaded =
      dockerManifest === undefined
        ? await loadOciLayout(request, source)
        : await loadDockerArchive(request, source, dockerManifest);
    return loaded;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The unpacked archive. It came from outside: only regular files really inside of it are opened. */
class ArchiveDirectory {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async path(name: string): Promise<string | undefined> {
    const cleaned = cleanEntryPath(name);
    if (!cleaned.ok) {
      throw cleaned.error;
    }
    try {
      const root = await realpath(this.#root);
      const path = await realpath(join(root, cleaned.value));
      const isInside = path.startsWith(`${root}/`);
      return isInside && (await lstat(path)).isFile() ? path : undefined;
    } catch (error: unknown) {
      if (
        error instanceof Error &&
        'code' in error &&
        ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(String(error.code))
      ) {
        return undefined;
      }
      throw error;
    }
  }

  async require(name: string): Promise<string> {
    const path = await this.path(name);
    if (path === undefined) {
      throw new SwarmError(
        'invalid_argument',
        `the archive has no file ${JSON.stringify(name.slice(0, 200))}`,
      );
    }
    return path;
  }

  async readDocument(name: string): Promise<Buffer | undefined> {
    const path = await this.path(name);
    if (path === undefined) {
      return undefined;
    }
    if ((await lstat(path)).size > DOCUMENT_BYTES_MAX) {
      throw new SwarmError('too_large', `${name} in the archive is too large`);
    }
    return readFile(path);
  }

  async readJson(name: string): Promise<unknown> {
    const bytes = await this.readDocument(name);
    if (bytes === undefined) {
      return undefined;
    }
    try {
      return JSON.parse(bytes.toString()) as unknown;
    } catch (cause) {
      throw new SwarmError('invalid_argument', `${name} in the archive is not JSON`, { cause });
    }
  }
}

async function loadDockerArchive(
  request: LoadRequest,
  source: ArchiveDirectory,
  document: unknown,
): Promise<LoadedImage[]> {
  const parsed = dockerManifestSchema.safeParse(document);
  if (!parsed.success) {
    throw new SwarmError('invalid_argument', 'manifest.json in the archive is malformed');
  }
  const loaded: LoadedImage[] = [];
  for (const entry of parsed.data) {
    const configBytes = await source.readDocument(entry.Config);
    if (configBytes === undefined) {
      throw new SwarmError(
        'invalid_argument',
        `the archive has no image configuration ${entry.Config.slice(0, 200)}`,
      );
    }
    const layerPaths = await Promise.all((entry.Layers ?? []).map((name) => source.require(name)));
    const references = (entry.RepoTags ?? []).map(fullReference);
    loaded.push({
      image: await storeImage(request.store, { ...request, configBytes, layerPaths, references }),
      references,
    });
  }
  return loaded;
}

async function loadOciLayout(request: LoadRequest, source: ArchiveDirectory): Promise<LoadedImage[]> {
  const indexBytes = await source.readDocument('index.json');
  if (indexBytes === undefined) {
    throw new SwarmError(
      'invalid_argument',
      'the archive is neither a `docker save` archive nor an OCI layout',
    );
  }
  const index = parseManifest(indexBytes, MEDIA_TYPES.ociIndex);
  if (!index.ok) {
    throw index.error;
  }
  if (index.value.kind !== 'index') {
    throw new SwarmError('invalid_argument', 'index.json in the archive is not an index');
  }
  const loaded: LoadedImage[] = [];
  for (const descriptor of index.value.manifests) {
    const name = nameInLayout(descriptor.annotations);
    const manifest = await readLayoutManifest(source, descriptor.digest, request.platform);
    const configBytes = await source.readDocument(layoutPath(manifest.config.digest));
    if (configBytes === undefined) {
      throw new SwarmError('invalid_argument', `the archive has no blob ${manifest.config.digest}`);
    }
    const layerPaths = await Promise.all(
      manifest.layers.map((layer) => source.require(layoutPath(layer.digest))),
    );
    const references = name === undefined ? [] : [fullReference(name)];
    loaded.push({
      image: await storeImage(request.store, { ...request, configBytes, layerPaths, references }),
      references,
    });
  }
  return loaded;
}

async function readLayoutManifest(
  source: ArchiveDirectory,
  digest: Digest,
  platform: Platform,
): Promise<{ config: { digest: Digest }; layers: readonly { digest: Digest }[] }> {
  let current = digest;
  for (let depth = 0; depth <= INDEX_DEPTH_MAX; depth += 1) {
    const bytes = await source.readDocument(layoutPath(current));
    const parsed = bytes === undefined ? undefined : parseManifest(bytes);
    if (parsed === undefined) {
      throw new SwarmError('invalid_argument', `the archive has no blob ${current}`);
    }
    if (!parsed.ok) {
      throw parsed.error;
    }
    if (parsed.value.kind === 'manifest') {
      return parsed.value;
    }
    const chosen = choosePlatform(parsed.value, platform);
    if (!chosen.ok) {
      throw chosen.error;
    }
    current = chosen.value.digest;
  }
  throw new SwarmError('invalid_argument', 'the indexes in the archive are nested too deeply, or in circles');
}

function layoutPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function fullReference(name: string): string {
  const parsed = parseReference(name);
  if (!parsed.ok) {
    throw parsed.error;
  }
  return formatReference(parsed.value);
}
