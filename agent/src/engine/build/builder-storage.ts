import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '@skep/kernel';
import { isErrno, parseImageConfig, writeFileAtomically } from '@skep/oci';
import type { z } from 'zod';
import {
  cacheUsageSchema,
  noteUse,
  storageImagesSchema,
  storageLayersSchema,
  type CacheUsage,
  type StorageImages,
  type StorageLayers,
} from './cache-records.ts';
import { runBuilder, type BuilderCommand, type BuilderEnd } from './builder-process.ts';

/** Nothing that is configured on the host reaches the builder: these are all the files it reads. */
const CONFIGURATION: Readonly<Record<string, string>> = {
  'storage.conf': '[storage]\ndriver = "overlay"\n',
  'registries.conf': 'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "disabled"\n',
  'policy.json': '{"default":[{"type":"insecureAcceptAnything"}]}',
};

export interface BuilderStoragePaths {
  /** Lasts. */
  readonly root: string;
  /** Of one boot. */
  readonly runRoot: string;
}

/**
 * The builder's own storage: results of steps, kept for the next build. Nothing in it is needed for anything else, so it
 * can be thrown away at any time when no build runs.
 */
export class BuilderStorage {
  readonly #paths: BuilderStoragePaths;
  readonly #program: string | undefined;

  constructor(paths: BuilderStoragePaths, program: string | undefined) {
    this.#paths = paths;
    this.#program = program;
  }

  get storageRoot(): string {
    return join(this.#paths.root, 'storage');
  }

  /** A directory of one build; removed with everything in it when the build has ended. */
  workDirectory(buildId: string): string {
    return join(this.#paths.root, 'work', buildId);
  }

  runDirectory(buildId: string): string {
    return join(this.#paths.runRoot, buildId);
  }

  configurationPath(name: string): string {
    return join(this.#paths.root, name);
  }

  /** Removes what builds left that were cut off. */
  async clean(): Promise<void> {
    await rm(join(this.#paths.root, 'work'), { recursive: true, force: true });
    await rm(this.#paths.runRoot, { recursive: true, force: true });
    if (await this.#hasWorkingContainers()) {
      await this.removeWorkingContainers();
    }
  }

  /** Makes the directories of a build. */
  async prepare(buildId: string): Promise<void> {
    for (const directory of [this.#paths.root, this.storageRoot, this.#paths.runRoot]) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    }
    await mkdir(join(this.workDirectory(buildId), 'tmp'), { recursive: true, mode: 0o700 });
    await mkdir(join(this.runDirectory(buildId), 'runtime'), { recursive: true, mode: 0o700 });
    for (const [name, text] of Object.entries(CONFIGURATION)) {
      if (!existsSync(this.configurationPath(name))) {
        writeFileSync(this.configurationPath(name), text);
      }
    }
  }

  async release(buildId: string): Promise<void> {
    await rm(this.workDirectory(buildId), { recursive: true, force: true });
    await rm(this.runDirectory(buildId), { recursive: true, force: true });
  }

  /** Runs the builder on this storage. The run root is the build's own: what it mounts is seen by itself alone. */
  run(
    buildId: string,
    args: readonly string[],
    how: Pick<BuilderCommand, 'network' | 'onOutput' | 'signal'> & {
      readonly environment?: Readonly<Record<string, string>>;
    },
  ): Promise<BuilderEnd> {
    if (this.#program === undefined) {
      throw new SwarmError(
        'failed_precondition',
        'buildah is not installed on this host: apt install buildah',
      );
    }
    const run = this.runDirectory(buildId);
    return runBuilder({
      program: this.#program,
      args: ['--root', this.storageRoot, '--runroot', join(run, 'storage'), ...args],
      environment: {
        PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: run,
        XDG_RUNTIME_DIR: run,
        TMPDIR: join(this.workDirectory(buildId), 'tmp'),
        CONTAINERS_CONF: '/dev/null',
        CONTAINERS_STORAGE_CONF: this.configurationPath('storage.conf'),
        CONTAINERS_REGISTRIES_CONF: this.configurationPath('registries.conf'),
        ...how.environment,
      },
      network: how.network,
      signal: how.signal,
      ...(how.onOutput === undefined ? {} : { onOutput: how.onOutput }),
    });
  }

  /** As {@link run}, for a command that must succeed and says little. Answers its output. */
  async ask(buildId: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
    const end = await this.run(buildId, args, { network: { kind: 'host' }, signal });
    if (end.exitCode !== 0) {
      const said = end.stderr.trim().split('\n').at(-1) ?? '';
      throw new SwarmError('failed_precondition', `the builder failed at ${args[0] ?? ''}: ${said}`);
    }
    return end.stdout;
  }

  async images(): Promise<StorageImages> {
    return this.#readJson('overlay-images/images.json', storageImagesSchema, []);
  }

  async layers(): Promise<StorageLayers> {
    return this.#readJson('overlay-layers/layers.json', storageLayersSchema, []);
  }

  usage(): Promise<CacheUsage> {
    return this.#readJson('usage.json', cacheUsageSchema, {});
  }

  /** Notes which results a build used. */
  async noteUse(prefixes: readonly string[]): Promise<void> {
    const next = noteUse(await this.usage(), await this.images(), { prefixes, nowMs: Date.now() });
    await writeFileAtomically(join(this.storageRoot, 'usage.json'), JSON.stringify(next));
  }

  /** The instruction that made an image; empty when it cannot be told. */
  async describe(imageId: string): Promise<string> {
    const name = `=${Buffer.from(`sha256:${imageId}`).toString('base64')}`;
    try {
      const bytes = await readFile(join(this.storageRoot, 'overlay-images', imageId, name));
      const config = parseImageConfig(bytes);
      return config.ok ? (config.value.history.at(-1)?.createdBy ?? '') : '';
    } catch (error: unknown) {
      if (isErrno(error, 'ENOENT')) {
        return '';
      }
      throw error;
    }
  }

  /** Removes images and the layers that only they need. */
  async removeImages(imageIds: readonly string[]): Promise<void> {
    await this.#maintain(['rmi', '--force', ...imageIds]);
  }

  async removeWorkingContainers(): Promise<void> {
    await this.#maintain(['rm', '--all']);
  }

  /** Throws all results away. */
  async reset(): Promise<void> {
    await rm(this.storageRoot, { recursive: true, force: true });
  }

  async #maintain(args: readonly string[]): Promise<void> {
    await this.prepare('upkeep');
    try {
      await this.ask('upkeep', args);
    } catch (error: unknown) {
      // A storage that the builder cannot tidy up is of no use to the next build either.
      if (error instanceof SwarmError) {
        await this.reset();
      } else {
        throw error;
      }
    } finally {
      await this.release('upkeep');
    }
  }

  async #hasWorkingContainers(): Promise<boolean> {
    try {
      const text = await readFile(join(this.storageRoot, 'overlay-containers/containers.json'), 'utf8');
      return text.trim() !== '[]';
    } catch (error: unknown) {
      if (isErrno(error, 'ENOENT')) {
        return false;
      }
      throw error;
    }
  }

  async #readJson<S extends z.ZodType>(name: string, schema: S, absent: z.infer<S>): Promise<z.infer<S>> {
    try {
      const parsed = schema.safeParse(JSON.parse(await readFile(join(this.storageRoot, name), 'utf8')));
      return parsed.success ? parsed.data : absent;
    } catch (error: unknown) {
      if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) {
        return absent;
      }
      throw error;
    }
  }
}
