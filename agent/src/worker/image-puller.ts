import type { Logger } from 'pino';

import { SwarmError, errorMessage, type Timers } from '@skep/kernel';

import type { ImageApi } from '../engine/image-api.ts';
import { processTimers } from './process-timers.ts';

/** An image with a tag that is here already is looked up again at most this often, and not longer than this. */
const FRESH_MS = 10_000;
const REVALIDATE_TIMEOUT_MS = 2_000;
/** A registry that did not answer is not asked again so soon. */
const UNREACHABLE_MS = 60_000;

/**
 * Makes sure that a task's image is on this node. Many tasks with one image pull it once; an image by digest that is
 * here is not asked for again; a tag is looked up in its registry, and what is here is used when that fails.
 */
export class ImagePuller {
  readonly #images: Pick<ImageApi, 'has' | 'pull'>;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  readonly #timers: Timers;
  readonly #pulling = new Map<string, Promise<void>>();
  readonly #trustUntilMs = new Map<string, number>();

  constructor(
    images: Pick<ImageApi, 'has' | 'pull'>,
    log: Logger,
    nowMs: () => number,
    timers: Timers = processTimers,
  ) {
    this.#images = images;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#timers = timers;
  }

  /** @throws SwarmError when the image is not here and cannot be pulled. */
  async ensure(reference: string): Promise<void> {
    const isHere = await this.#images.has(reference);
    if (isHere && reference.includes('@sha256:')) {
      return;
    }
    if (isHere && this.#nowMs() < (this.#trustUntilMs.get(reference) ?? 0)) {
      return;
    }
    let pulling = this.#pulling.get(reference);
    if (pulling === undefined) {
      pulling = this.#pull(reference, isHere).finally(() => this.#pulling.delete(reference));
      this.#pulling.set(reference, pulling);
    }
    await pulling;
  }

  async #pull(reference: string, isHere: boolean): Promise<void> {
    const startMs = this.#nowMs();
    const pull = this.#images.pull(reference);
    try {
      const pulled = await (isHere ? this.#orTimeout(pull) : pull);
      if (pulled.isNew) {
        this.#log.info({ image: reference, durMs: this.#nowMs() - startMs }, 'image was pulled');
      }
      this.#trustUntilMs.set(reference, this.#nowMs() + FRESH_MS);
    } catch (error) {
      if (!isHere) {
        throw error instanceof SwarmError
          ? error
          : new SwarmError('internal', errorMessage(error), { cause: error });
      }
      this.#trustUntilMs.set(reference, this.#nowMs() + UNREACHABLE_MS);
      this.#log.info(
        { image: reference, err: errorMessage(error) },
        'registry was not reached; the local image is used',
      );
    }
  }

  /** What is slow goes on by itself, and is there for the next task. */
  async #orTimeout<T>(work: Promise<T>): Promise<T> {
    let cancel: () => void = () => undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      cancel = this.#timers.after(REVALIDATE_TIMEOUT_MS, () => {
        reject(new SwarmError('deadline_exceeded', `no answer within ${String(REVALIDATE_TIMEOUT_MS)} ms`));
      });
    });
    try {
      return await Promise.race([work, timeout]);
    } finally {
      cancel();
    }
  }
}
