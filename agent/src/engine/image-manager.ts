import { mkdir, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { SwarmError, type Result } from '@skep/kernel';
import {
  RegistryClient,
  familiarName,
  familiarReference,
  formatReference,
  loadImages,
  parseManifest,
  checkRegistryLogin,
  parsePlatform,
  parseReference,
  parseReferenceParts,
  platformFromNodeArch,
  pullImage,
  pushImage,
  repositoryName,
  saveImages,
  shortDigest,
  type ImageConfig,
  type ImageReference,
  type Platform,
  type RegistryConfig,
  type StoredImage,
} from '@skep/oci';
import { mountPointPaths } from './container-diff.ts';
import type { EngineContext } from './engine-context.ts';
import type {
  ImageApi,
  ImageDetails,
  ImageHistoryEntry,
  ImageRemoval,
  ImageSummary,
  ImportOptions,
  ProgressListener,
  PullOptions,
  PullResult,
  RegistryCredentials,
} from './image-api.ts';
import { EMPTY_CONFIG, addImageLayer } from './image-layer.ts';
import { toImageDetails, toImageSummary } from './image-views.ts';
import { isAlive } from './container-record.ts';

const SAVED_IMAGES_MAX = 100;
const DOCKER_HUB = 'docker.io';

export interface ImageManagerHooks {
  /** Freezes a container while its files are read. */
  readonly pause: (containerId: string) => Promise<void>;
  readonly unpause: (containerId: string) => Promise<void>;
}

/** The images of one engine. */
export class ImageManager implements ImageApi {
  readonly #context: EngineContext;
  readonly #registries: RegistryConfig;
  readonly #hooks: ImageManagerHooks;

  constructor(context: EngineContext, registries: RegistryConfig, hooks: ImageManagerHooks) {
    this.#context = context;
    this.#registries = registries;
    this.#hooks = hooks;
  }

  async pull(text: string, options: PullOptions = {}): Promise<PullResult> {
    const reference = unwrap(parseReference(text));
    const client = new RegistryClient(reference, this.#registries, options.credentials ?? {});
    try {
      const result = await pullImage({
        reference,
        platform: choosePlatform(options.platform),
        client,
        store: this.#context.images,
        signal: options.signal,
        ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      });
      this.#publish('pull', familiarReference(reference), familiarName(reference));
      return {
        digest: result.digest,
        imageId: result.image.id,
        isNew: result.isNew,
        reference: formatReference(reference),
      };
    } finally {
      await client.close();
    }
  }

  async push(text: string, options: PullOptions = {}): Promise<{ digest: string; sizeBytes: number }> {
    const reference = unwrap(parseReference(text));
    const image = this.#context.images.find(formatReference(reference));
    if (image === undefined) {
      throw new SwarmError(
        'not_found',
        `An image does not exist locally with the tag: ${familiarName(reference)}`,
      );
    }
    const client = new RegistryClient(reference, this.#registries, options.credentials ?? {});
    try {
      const pushed = await pushImage({
        image,
        reference,
        client,
        store: this.#context.images,
        signal: options.signal,
        ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      });
      await this.#context.images.tag(image.id, `${repositoryName(reference)}@${pushed.digest}`);
      this.#publish('push', familiarReference(reference), familiarName(reference));
      return pushed;
    } finally {
      await client.close();
    }
  }

  async checkLogin(credentials: RegistryCredentials, domain = DOCKER_HUB): Promise<void> {
    await checkRegistryLogin(domain, this.#registries, credentials);
  }

  async resolveDigest(
    text: string,
    options: PullOptions = {},
  ): Promise<{
    digest: string;
    mediaType: string;
    sizeBytes: number;
    platforms: { architecture: string; os: string; variant: string }[];
  }> {
    const reference = unwrap(parseReference(text));
    const client = new RegistryClient(reference, this.#registries, options.credentials ?? {});
    try {
      const remote = await client.getManifest(reference.digest ?? reference.tag ?? 'latest', options.signal);
      const manifest = unwrap(parseManifest(remote.bytes, remote.mediaType));
      const platforms =
        manifest.kind === 'index'
          ? manifest.manifests.flatMap(({ platform }) =>
              platform === undefined || platform.os === 'unknown'
                ? []
                : [{ architecture: platform.architecture, os: platform.os, variant: platform.variant ?? '' }],
            )
          : [];
      return {
        digest: remote.digest,
        mediaType: manifest.mediaType,
        sizeBytes: remote.bytes.length,
        platforms,
      };
    } finally {
      await client.close();
    }
  }

  async has(ref: string): Promise<boolean> {
    return Promise.resolve(this.#context.images.find(ref) !== undefined);
  }

  async list(): Promise<readonly ImageSummary[]> {
    return Promise.resolve(
      this.#context.images
        .list()
        .map((image) => this.#summary(image))
        .sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1)),
    );
  }

  async inspect(ref: string): Promise<ImageDetails> {
    const image = this.#context.images.get(ref);
    return Promise.resolve(toImageDetails(image, this.#summary(image)));
  }

  async history(ref: string): Promise<readonly ImageHistoryEntry[]> {
    const image = this.#context.images.get(ref);
    const sizes = this.#context.images.layersOf(image).map((layer) => layer.sizeBytes);
    const { history } = image.config;
    let layerIndex = 0;
    const entries = history.map((entry, index): ImageHistoryEntry => {
      const sizeBytes = entry.isEmptyLayer ? 0 : (sizes[layerIndex++] ?? 0);
      const isLast = index === history.length - 1;
      return {
        id: isLast ? image.id : '<missing>',
        createdAtMs: Date.parse(entry.created) || 0,
        createdBy: entry.createdBy,
        tags: isLast ? this.#summary(image).tags : [],
        sizeBytes,
        comment: entry.comment,
      };
    });
    return Promise.resolve(entries.reverse());
  }

  async tag(ref: string, text: string): Promise<void> {
    const image = this.#context.images.get(ref);
    const reference = unwrap(parseReference(text));
    if (reference.digest !== undefined) {
      throw new SwarmError('invalid_argument', 'refusing to create a tag with a digest reference');
    }
    await this.#context.images.tag(image.id, formatReference(reference));
    this.#publish('tag', image.id, familiarReference(reference));
  }

  async remove(
    ref: string,
    options: { readonly force?: boolean; readonly noPrune?: boolean } = {},
  ): Promise<ImageRemoval> {
    const { images } = this.#context;
    const image = images.get(ref);
    const names = images.referencesOf(image.id);
    const parsed = parseReference(ref);
    const named = parsed.ok ? names.find((name) => name === formatReference(parsed.value)) : undefined;
    const users = this.#usersOf(image.id);
    if (named !== undefined) {
      const dropped = this.#namesDroppedWith(named, names);
      if (dropped.length < names.length) {
        await images.untag(dropped);
        this.#publish('untag', image.id, familiar(named));
        return { untagged: dropped.map(familiar), deleted: [] };
      }
      this.#refuseWhileUsed(image, users, { isForced: options.force ?? false, ref });
    } else {
      if (names.filter((name) => !name.includes('@')).length > 1 && options.force !== true) {
        throw conflict(
          `conflict: unable to delete ${shortDigest(image.id)} (must be forced) - image is referenced in multiple repositories`,
        );
      }
      this.#refuseWhileUsed(image, users, { isForced: options.force ?? false, ref });
    }
    if (users.length > 0) {
      await images.untag(names);
      this.#publish('untag', image.id, image.id);
      return { untagged: names.map(familiar), deleted: [] };
    }
    const layers = await images.remove(image.id);
    this.#publish('untag', image.id, image.id);
    this.#publish('delete', image.id, image.id);
    return { untagged: names.map(familiar), deleted: [image.id, ...[...layers].reverse()] };
  }

  async prune(
    options: { readonly all?: boolean; readonly isPrunable?: (summary: ImageSummary) => boolean } = {},
  ): Promise<ImageRemoval & { reclaimedBytes: number }> {
    const { images } = this.#context;
    const untagged: string[] = [];
    const deleted: string[] = [];
    const before = layerBytes(images);
    for (const image of images.list()) {
      const summary = this.#summary(image);
      const isDangling = summary.tags.length === 0;
      const isUsed = this.#usersOf(image.id).length > 0;
      if (isUsed || (!isDangling && options.all !== true) || options.isPrunable?.(summary) === false) {
        continue;
      }
      untagged.push(...images.referencesOf(image.id).map(familiar));
      deleted.push(image.id, ...(await images.remove(image.id)));
    }
    const reclaimedBytes = before - layerBytes(images);
    this.#context.events.publish({
      kind: 'image',
      action: 'prune',
      actorId: '',
      attributes: { reclaimed: String(reclaimedBytes) },
    });
    return { untagged, deleted, reclaimedBytes };
  }

  async save(refs: readonly string[]): Promise<Readable> {
    if (refs.length === 0 || refs.length > SAVED_IMAGES_MAX) {
      throw new SwarmError('invalid_argument', `name 1 to ${String(SAVED_IMAGES_MAX)} images to save`);
    }
    const saved = new Map<string, { image: StoredImage; references: string[] }>();
    for (const ref of refs) {
      const image = this.#context.images.get(ref);
      const parsed = parseReference(ref);
      const name = parsed.ok ? formatReference(parsed.value) : '';
      const isTag = this.#context.images.reference(name) !== undefined && !name.includes('@');
      const entry = saved.get(image.id) ?? { image, references: [] };
      saved.set(image.id, { image, references: isTag ? [...entry.references, name] : entry.references });
      this.#publish('save', image.id, image.id);
    }
    return Promise.resolve(saveImages(this.#context.images, [...saved.values()]));
  }

  async load(
    tar: Readable,
    options: { readonly onProgress?: ProgressListener } = {},
  ): Promise<readonly { imageId: string; tags: readonly string[] }[]> {
    const { scratch } = this.#context.paths;
    await mkdir(scratch, { recursive: true });
    const loaded = await loadImages({
      store: this.#context.images,
      archive: tar,
      scratchRoot: scratch,
      platform: choosePlatform(undefined),
      onLayer: (diffId, currentBytes) => {
        options.onProgress?.({ id: shortDigest(diffId), status: 'Loading layer', currentBytes });
      },
    });
    return loaded.map(({ image, references }) => {
      this.#publish('load', image.id, image.id);
      return { imageId: image.id, tags: references.map(familiar) };
    });
  }

  async importRootfs(tar: Readable, options: ImportOptions = {}): Promise<string> {
    const { os, architecture, variant = '' } = choosePlatform(options.platform);
    const base: ImageConfig = { ...EMPTY_CONFIG, os, architecture, variant };
    const image = await addImageLayer(this.#context.images, {
      tar,
      base,
      options,
      layers: [],
      createdBy: '',
    });
    this.#publish('import', image.id, options.reference ?? image.id);
    return image.id;
  }

  async commit(
    containerRef: string,
    options: ImportOptions & { readonly author?: string; readonly pause?: boolean } = {},
  ): Promise<string> {
    const { record } = this.#context.containers.resolve(containerRef);
    const image = this.#context.images.get(record.imageId);
    const mustPause = options.pause !== false && record.state.status === 'running';
    const { effective } = record;
    const base: ImageConfig = {
      ...image.config,
      env: effective.env,
      cmd: effective.cmd,
      entrypoint: effective.entrypoint,
      workingDir: effective.workingDir,
      user: effective.user,
      labels: effective.labels,
      exposedPorts: effective.exposedPorts,
    };
    if (mustPause) {
      await this.#hooks.pause(record.id);
    }
    try {
      const tar = this.#context.pool.pack({
        kind: 'pack',
        root: this.#context.paths.container(record.id).upper,
        path: '',
        name: '',
        asLayer: true,
        skipEmpty: mountPointPaths(record.mounts.map((mount) => mount.destination)),
        ...(record.idMap === undefined ? {} : { idMap: record.idMap }),
      });
      const layers = image.manifest.layers;
      const createdBy = effective.cmd.join(' ');
      const committed = await addImageLayer(this.#context.images, {
        ...{ tar, base, options, layers, createdBy },
        author: options.author ?? '',
      });
      this.#publish('commit', record.id, committed.id);
      return committed.id;
    } finally {
      if (mustPause && isAlive(this.#context.containers.find(record.id)?.record.state.status ?? 'dead')) {
        await this.#hooks.unpause(record.id);
      }
    }
  }

  #summary(image: StoredImage): ImageSummary {
    const { images } = this.#context;
    return toImageSummary(image, {
      references: images.referencesOf(image.id),
      layers: images.layers.chain(image.config.diffIds) ?? [],
      containers: this.#usersOf(image.id).length,
    });
  }

  #usersOf(imageId: string): readonly { id: string; isAlive: boolean }[] {
    return this.#context.containers
      .list()
      .filter(({ record }) => record.imageId === imageId)
      .map(({ record }) => ({ id: record.id, isAlive: isAlive(record.state.status) }));
  }

  /** A tag takes its repository's digest along when no other tag of the repository is left. */
  #namesDroppedWith(name: string, names: readonly string[]): readonly string[] {
    const repository = (text: string): string => {
      const parsed = parseReferenceParts(text);
      return parsed.ok ? repositoryName(parsed.value) : text;
    };
    const own = repository(name);
    const siblings = names.filter((each) => each !== name && repository(each) === own);
    const hasOtherTag = siblings.some((each) => !each.includes('@'));
    return hasOtherTag || name.includes('@') ? [name] : [name, ...siblings];
  }

  #refuseWhileUsed(
    image: StoredImage,
    users: readonly { id: string; isAlive: boolean }[],
    how: { readonly isForced: boolean; readonly ref: string },
  ): void {
    const running = users.find((user) => user.isAlive);
    const user = running ?? users[0];
    if (user === undefined || (running === undefined && how.isForced)) {
      return;
    }
    const short = user.id.slice(0, 12);
    const verb = running === undefined ? 'must be forced' : 'cannot be forced';
    const state = running === undefined ? 'stopped' : 'running';
    throw conflict(
      `conflict: unable to remove repository reference "${how.ref}" (${verb}) - container ${short} is using its referenced ` +
        `image ${shortDigest(image.id)}: image is being used by ${state} container ${short}`,
    );
  }

  #publish(action: string, actorId: string, name: string): void {
    this.#context.events.publish({ kind: 'image', action, actorId, attributes: { name } });
  }
}

function layerBytes(images: EngineContext['images']): number {
  return images.layers.list().reduce((sum, layer) => sum + layer.sizeBytes, 0);
}

function choosePlatform(text: string | undefined): Platform {
  return text === undefined || text === '' ? platformFromNodeArch(process.arch) : unwrap(parsePlatform(text));
}

function familiar(name: string): string {
  const parsed: Result<ImageReference> = parseReferenceParts(name);
  return parsed.ok ? familiarReference(parsed.value) : name;
}

function conflict(message: string): SwarmError {
  return new SwarmError('failed_precondition', message, { details: { dockerStatus: 409 } });
}

function unwrap<T>(result: Result<T>): T {
  if (!result.ok) {
    throw result.error;
  }
  return result.value;
}

/** Removes what broken loads and removals left, and makes the directory. */
export async function emptyScratch(scratch: string): Promise<void> {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true, mode: 0o700 });
}
