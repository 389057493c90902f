import { join } from 'node:path';
import { SwarmError } from '@skep/kernel';
import { renderImageConfig, type ImageConfig, type StoredImage } from '@skep/oci';
import type { BuildRequest } from '../build-api.ts';
import type { EngineContext } from '../engine-context.ts';
import { EMPTY_CONFIG } from '../image-layer.ts';
import { imageIdOf, writeImageDirectory, writeStepDirectory } from './base-images.ts';
import type { BuilderStorage } from './builder-storage.ts';
import { cacheSteps, isBuiltOn } from './cache-steps.ts';

const SOURCES_MAX = 16;
/** Each step costs a tenth of a second once. Docker's images have 127 layers at most. */
const STEPS_MAX = 256;

/** What the builder gives an image that is made from nothing. */
const SCRATCH: ImageConfig = {
  ...EMPTY_CONFIG,
  env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
};

export interface CacheSourceOptions {
  readonly context: Pick<EngineContext, 'images'>;
  readonly storage: BuilderStorage;
  readonly build: { readonly id: string; readonly work: string; readonly request: BuildRequest };
  /** The images that the Dockerfile is built on, and whether a stage of it is built on nothing. */
  readonly bases: readonly StoredImage[];
  readonly startsFromScratch: boolean;
  /** What must stay until the build has ended. */
  readonly pins: (() => void)[];
}

/**
 * Makes the builder take the steps of the images of `--cache-from` for done: it looks for the result of a step among the
 * images in its storage, so these get the images that stood between. An image that is of no use is no error; the client
 * is told which and why.
 * @throws SwarmError `invalid_argument` for too many images.
 */
export async function bringCacheSources(options: CacheSourceOptions): Promise<void> {
  const { request } = options.build;
  const names = [...new Set(request.cacheFrom ?? [])].filter((name) => name !== '');
  if (names.length > SOURCES_MAX) {
    throw new SwarmError(
      'invalid_argument',
      `--cache-from: at most ${String(SOURCES_MAX)} images can be named`,
    );
  }
  for (const name of request.noCache === true ? [] : names) {
    const reason = await bringSource(options, name);
    if (reason !== '') {
      await request.onOutput?.(`WARNING: --cache-from ${name} is not used: ${reason}\n`);
    }
  }
}

/** Answers why the image is of no use, or nothing. */
async function bringSource(options: CacheSourceOptions, name: string): Promise<string> {
  const { context, storage, build, bases, pins } = options;
  const source = context.images.find(name);
  if (source === undefined) {
    return 'it is not on this host; pull it first';
  }
  pins.push(context.images.pin([source.id, ...source.manifest.layers.map((layer) => layer.digest)]));
  // The longest beginning is the base that it was really built on.
  const [base] = [...bases.map((image) => image.config), ...(options.startsFromScratch ? [SCRATCH] : [])]
    .filter((config) => isBuiltOn(config, source.config))
    .sort((a, b) => b.history.length - a.history.length);
  if (base === undefined) {
    return 'it is not built on an image that this Dockerfile is built on';
  }
  const steps = cacheSteps(base, source.config);
  if (!steps.ok) {
    return steps.error.message;
  }
  if (steps.value.length > STEPS_MAX) {
    return `it has more than ${String(STEPS_MAX)} steps`;
  }
  const known = new Set((await storage.images()).map((image) => `sha256:${image.id}`));
  for (const [index, config] of steps.value.entries()) {
    const text = renderImageConfig(config);
    const id = imageIdOf(text);
    if (!known.has(id)) {
      const directory = join(build.work, `step-${id.slice(-64)}`);
      const layers = source.manifest.layers.slice(0, config.diffIds.length);
      await writeStepDirectory(context.images, { config: text, layers }, directory);
      await pull(options, directory);
    }
    await storage.noteUse(index === 0 ? [source.id.slice(-64), id.slice(-64)] : [id.slice(-64)]);
  }
  if (!known.has(source.id)) {
    const directory = join(build.work, `step-${source.id.slice(-64)}`);
    await writeImageDirectory(context.images, source, directory);
    await pull(options, directory);
  }
  return '';
}

async function pull({ storage, build }: CacheSourceOptions, directory: string): Promise<void> {
  const policy = `--signature-policy=${storage.configurationPath('policy.json')}`;
  await storage.ask(build.id, ['pull', '--quiet', policy, `dir:${directory}`], build.request.signal);
}
