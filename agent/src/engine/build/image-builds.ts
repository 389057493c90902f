import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError, newHexId, type Result } from '@skep/kernel';
import {
  familiarReference,
  formatReference,
  parsePlatform,
  parseReference,
  platformFromNodeArch,
  type ImageReference,
  type StoredImage,
} from '@skep/oci';
import type {
  BuildApi,
  BuildCacheRecord,
  BuildRequest,
  BuildResult,
  CachePruneOptions,
} from '../build-api.ts';
import type { EngineContext } from '../engine-context.ts';
import type { ImageApi } from '../image-api.ts';
import { removeCgroups } from '../runtime/cgroup-host.ts';
import { writeImageDirectory } from './base-images.ts';
import { openBuildContext, type BuildContext } from './build-context.ts';
import { prepareBuildNetwork } from './build-network.ts';
import { builderArguments, containersConf } from './builder-arguments.ts';
import { BuilderOutput, describeFailure } from './builder-output.ts';
import { bringCacheSources } from './cache-sources.ts';
import type { BuilderStorage } from './builder-storage.ts';
import { storeBuiltImage } from './built-image.ts';
import { cacheRecords, planCachePrune } from './cache-records.ts';
import { parseDockerfile, renameBases, type Dockerfile } from './dockerfile.ts';

/** After a build has filled the cache, it is cut down to this share of its bound, so that not each build has to. */
const KEPT_SHARE = 0.8;
const CGROUP_ATTEMPTS_MAX = 100;
const CGROUP_RETRY_MS = 20;

export interface ImageBuildsOptions {
  readonly context: EngineContext;
  readonly images: ImageApi;
  readonly storage: BuilderStorage;
  readonly cacheBytesMax: number;
}

interface Build {
  readonly id: string;
  readonly request: BuildRequest;
  readonly tags: readonly ImageReference[];
  readonly work: string;
  /** Base image's id without `sha256:` -> name in the Dockerfile. */
  readonly names: Map<string, string>;
}

/** Builds of one engine, each by a builder of its own on a storage that they share. */
export class ImageBuilds implements BuildApi {
  readonly #options: ImageBuildsOptions;
  readonly #active = new Set<string>();
  /** Builds wait for upkeep, and upkeep takes place only while there is none. */
  #upkeep: Promise<unknown> = Promise.resolve();

  constructor(options: ImageBuildsOptions) {
    this.#options = options;
  }

  /** Removes what builds left that were cut off; builds wait until it is done. */
  clean(): void {
    const { storage, context } = this.#options;
    this.#upkeep = Promise.all([storage.clean(), this.#removeCgroups()]).catch((err: unknown) => {
      context.log.warn({ err }, 'leftovers of builds stay');
    });
  }

  async close(): Promise<void> {
    await this.#upkeep;
  }

  async build(request: BuildRequest): Promise<BuildResult> {
    const { storage } = this.#options;
    const tags = (request.tags ?? []).map(parseTag);
    const id = newHexId(randomBytes);
    await this.#upkeep;
    this.#active.add(id);
    let isWhole = false;
    try {
      await storage.prepare(id);
      const work = storage.workDirectory(id);
      const image = await this.#run({ id, request, tags, work, names: new Map() });
      isWhole = true;
      return { imageId: image.id, tags: tags.map(familiarReference) };
    } finally {
      this.#active.delete(id);
      await storage.release(id);
      this.#afterBuild(isWhole);
    }
  }

  async cache(): Promise<readonly BuildCacheRecord[]> {
    const { storage, context } = this.#options;
    const images = await storage.images();
    const descriptions = await Promise.all(
      images.map(async (image) => [image.id, await storage.describe(image.id)] as const),
    );
    return cacheRecords({
      images,
      layers: await storage.layers(),
      usage: await storage.usage(),
      storedDiffIds: context.images.list().map((image) => image.config.diffIds),
      descriptions: new Map(descriptions),
      hasActiveBuilds: this.#active.size > 0,
    });
  }

  async pruneCache(
    options: CachePruneOptions = {},
  ): Promise<{ readonly ids: readonly string[]; readonly reclaimedBytes: number }> {
    const work = this.#upkeep.then(() => this.#prune(options));
    this.#upkeep = work.catch(() => undefined);
    const removed = await work;
    return {
      ids: removed.map((record) => record.id),
      reclaimedBytes: removed.reduce((sum, record) => sum + record.sizeBytes, 0),
    };
  }

  async #prune({ all, keepBytes, isPrunable }: CachePruneOptions): Promise<readonly BuildCacheRecord[]> {
    const { storage } = this.#options;
    const records = await this.cache();
    const chosen = planCachePrune(records, {
      all: all ?? false,
      keepBytes: keepBytes ?? 0,
      isPrunable: isPrunable ?? (() => true),
    });
    if (chosen.length === 0 || this.#active.size > 0) {
      return [];
    }
    if (chosen.length === records.length) {
      await storage.reset();
    } else {
      await storage.removeImages(chosen.map((record) => record.id));
    }
    return chosen;
  }

  /** With no build under way: removes what a broken one left in the storage, and keeps the cache within its bound. */
  #afterBuild(isWhole: boolean): void {
    const { storage, context, cacheBytesMax } = this.#options;
    if (this.#active.size > 0) {
      return;
    }
    this.#upkeep = this.#upkeep
      .then(async () => {
        await this.#removeCgroups();
        if (!isWhole) {
          await storage.removeWorkingContainers();
        }
        const bytes = (await this.cache()).reduce((sum, record) => sum + record.sizeBytes, 0);
        if (bytes > cacheBytesMax) {
          await this.#prune({ all: true, keepBytes: Math.max(1, Math.floor(cacheBytesMax * KEPT_SHARE)) });
        }
      })
      .catch((err: unknown) => {
        context.log.warn({ err }, 'upkeep of the build cache failed');
      });
  }

  async #run(build: Build): Promise<StoredImage> {
    const { context } = this.#options;
    const { request } = build;
    const files = await openBuildContext({
      source: request.source,
      dockerfile: request.dockerfile,
      work: build.work,
      pool: context.pool,
      signal: request.signal,
    });
    const dockerfile = unwrap(
      parseDockerfile(files.dockerfile, {
        args: { ...platformArguments(request.platform), ...request.buildArgs },
        ...(request.target === undefined ? {} : { target: request.target }),
      }),
    );
    const pins: (() => void)[] = [];
    try {
      const bases = await this.#bringBases(build, dockerfile, pins);
      await bringCacheSources({ ...this.#options, build, ...startOf(dockerfile, bases), pins });
      const path = join(build.work, 'Dockerfile');
      await writeFile(
        path,
        renameBases(files.dockerfile, dockerfile.uses, ({ name }) => hexOf(bases.get(name)?.id ?? name)),
      );
      const imageId = await this.#runBuilder(build, { dockerfile, path, files });
      const image = await this.#takeOver(build, imageId);
      for (const tag of build.tags) {
        await context.images.tag(image.id, formatReference(tag));
        context.events.publish({
          kind: 'image',
          action: 'tag',
          actorId: image.id,
          attributes: { name: familiarReference(tag) },
        });
      }
      return image;
    } finally {
      for (const release of pins) {
        release();
      }
    }
  }

  /** Makes sure that each base image is in the store, and in the builder's storage under its id. */
  async #bringBases(
    build: Build,
    dockerfile: Dockerfile,
    pins: (() => void)[],
  ): Promise<ReadonlyMap<string, StoredImage>> {
    const { context, storage } = this.#options;
    const bases = new Map<string, StoredImage>();
    for (const name of new Set(dockerfile.uses.map((use) => use.name))) {
      const image = await this.#findBase(build.request, name);
      bases.set(name, image);
      build.names.set(hexOf(image.id), name);
      pins.push(context.images.pin([image.id, ...image.manifest.layers.map((layer) => layer.digest)]));
    }
    const known = new Set((await storage.images()).map((image) => image.id));
    for (const [index, image] of [...new Set(bases.values())].entries()) {
      if (!known.has(hexOf(image.id))) {
        const directory = join(build.work, `base-${String(index)}`);
        await writeImageDirectory(context.images, image, directory);
        const policy = `--signature-policy=${storage.configurationPath('policy.json')}`;
        await storage.ask(build.id, ['pull', '--quiet', policy, `dir:${directory}`], build.request.signal);
      }
    }
    return bases;
  }

  async #findBase(request: BuildRequest, name: string): Promise<StoredImage> {
    const { context, images } = this.#options;
    const reference = unwrap(parseReference(name));
    const local = context.images.find(name);
    if (local !== undefined && request.pull !== true) {
      return local;
    }
    const credentials = request.credentials?.(reference.domain);
    const pulled = await images.pull(name, {
      ...(credentials === undefined ? {} : { credentials }),
      ...(request.platform === undefined ? {} : { platform: request.platform }),
      ...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    return context.images.get(pulled.imageId);
  }

  async #runBuilder(
    build: Build,
    made: { readonly dockerfile: Dockerfile; readonly path: string; readonly files: BuildContext },
  ): Promise<string> {
    const { storage, context } = this.#options;
    const { request } = build;
    const run = storage.runDirectory(build.id);
    const mode = request.networkMode;
    const network = await prepareBuildNetwork(context, { id: build.id, mode, runDirectory: run });
    try {
      const hosts = network.hosts.map(({ address, names }) => `${address}\t${names.join(' ')}\n`).join('');
      await writeFile(join(run, 'hosts'), hosts);
      await writeFile(join(run, 'containers.conf'), containersConf(join(run, 'hosts')));
      let slowed: void | Promise<void>;
      const fromTexts = made.dockerfile.stages.map((stage) => stage.text);
      const output = new BuilderOutput({ fromTexts, names: build.names }, (text) => {
        slowed = request.onOutput?.(text);
      });
      const end = await storage.run(build.id, builderArguments(request, this.#pathsOf(build, made)), {
        network: network.network,
        signal: request.signal,
        environment: { CONTAINERS_CONF: join(run, 'containers.conf') },
        onOutput: (stream, text) => {
          slowed = undefined;
          output.feed(stream, text);
          return slowed;
        },
      });
      const { imageId, error } = output.end(end.exitCode === 0);
      if (end.exitCode !== 0 || imageId === '') {
        const { message, exitCode } = describeFailure(error, build.names);
        throw new SwarmError('failed_precondition', message, { details: { exitCode } });
      }
      await storage.noteUse([...output.stepImages, imageId, ...build.names.keys()]);
      return imageId;
    } finally {
      await network.release();
    }
  }

  #pathsOf(
    build: Build,
    made: { readonly path: string; readonly files: BuildContext },
  ): Parameters<typeof builderArguments>[1] {
    const { storage, context } = this.#options;
    return {
      dockerfile: made.path,
      ignoreFile: made.files.ignoreFile,
      context: made.files.directory,
      policy: storage.configurationPath('policy.json'),
      runtimePath: context.runtimes.get(context.defaultRuntime)?.path ?? context.defaultRuntime,
      runtimeRoot: join(storage.runDirectory(build.id), 'runtime'),
      cgroup: this.#cgroupOf(build.id),
    };
  }

  /** Brings the builder's image into the store; one that is there already is taken as it is. */
  async #takeOver(build: Build, imageId: string): Promise<StoredImage> {
    const { storage, context } = this.#options;
    const known = context.images.find(`sha256:${imageId}`);
    if (known !== undefined) {
      return known;
    }
    const directory = join(build.work, 'built');
    const policy = `--signature-policy=${storage.configurationPath('policy.json')}`;
    const push = ['push', '--quiet', policy, '--disable-compression', '--format=v2s2', imageId];
    await storage.ask(build.id, [...push, `dir:${directory}`], build.request.signal);
    return storeBuiltImage(context.images, directory);
  }

  /** No build is under way: what is still there ends, and its cgroups go. */
  async #removeCgroups(): Promise<void> {
    const { context } = this.#options;
    for (let attempt = 0; attempt < CGROUP_ATTEMPTS_MAX; attempt += 1) {
      if (removeCgroups(context.cgroups, this.#cgroupParent)) {
        return;
      }
      await delay(CGROUP_RETRY_MS);
    }
    context.log.warn({ cgroup: this.#cgroupParent }, 'cgroups of a build stay');
  }

  get #cgroupParent(): string {
    return `${this.#options.context.cgroupParent}/build`;
  }

  #cgroupOf(buildId: string): string {
    return `${this.#cgroupParent}/${buildId}`;
  }
}

/** What a build starts from, for the steps of other images to begin there. */
function startOf(
  { stages }: Dockerfile,
  bases: ReadonlyMap<string, StoredImage>,
): { readonly bases: readonly StoredImage[]; readonly startsFromScratch: boolean } {
  const startsFromScratch = stages.some(({ text }) => /^FROM (--\S+ )*scratch( |$)/i.test(text));
  return { bases: [...bases.values()], startsFromScratch };
}

/** What the builder defines for FROM by itself. */
function platformArguments(platform: string | undefined): Record<string, string> {
  const own = platformFromNodeArch(process.arch);
  const target = platform === undefined || platform === '' ? own : unwrap(parsePlatform(platform));
  const describe = (
    prefix: string,
    { os, architecture, variant = '' }: typeof own,
  ): Record<string, string> => ({
    [`${prefix}PLATFORM`]: [os, architecture, variant].filter((part) => part !== '').join('/'),
    [`${prefix}OS`]: os,
    [`${prefix}ARCH`]: architecture,
    [`${prefix}VARIANT`]: variant,
  });
  return { ...describe('BUILD', own), ...describe('TARGET', target) };
}

function parseTag(text: string): ImageReference {
  const reference = parseReference(text);
  if (!reference.ok || reference.value.digest !== undefined) {
    throw new SwarmError(
      'invalid_argument',
      reference.ok
        ? 'refusing to create a tag with a digest reference'
        : `invalid argument "${text.slice(0, 100)}" for tag: ${reference.error.message}`,
    );
  }
  return reference.value;
}

function hexOf(imageId: string): string {
  return imageId.replace(/^sha256:/, '');
}

function unwrap<T>(result: Result<T>): T {
  if (!result.ok) {
    throw result.error;
  }
  return result.value;
}
