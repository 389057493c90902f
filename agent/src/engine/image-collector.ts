import { statfs } from 'node:fs/promises';
import { parseReferenceParts, type StoredImage } from '@skep/oci';
import type { EngineContext } from './engine-context.ts';
import { nextToCollect, usedPercent, type CollectableImage, type Watermarks } from './image-collection.ts';

export const WATERMARKS_DEFAULT: Watermarks = { highPercent: 90, lowPercent: 80, minAgeMs: 10 * 60_000 };

/** Removes images nobody needs when the disk fills, until there is room again. */
export class ImageCollector {
  readonly #context: EngineContext;
  readonly #watermarks: Watermarks;
  readonly #measure: () => Promise<number>;
  /** Image id -> when a container was last seen with it. */
  readonly #usedAtMs = new Map<string, number>();
  #running: Promise<readonly string[]> | undefined;

  /** `measure` answers how full the disk is, in percent; the data root's own when absent. */
  constructor(context: EngineContext, watermarks: Watermarks, measure?: () => Promise<number>) {
    this.#context = context;
    this.#watermarks = watermarks;
    this.#measure = measure ?? (async () => usedPercent(await statfs(context.paths.dataRoot)));
  }

  /** Collects when the disk is fuller than the high watermark. Answers the ids of the images that went. */
  async run(): Promise<readonly string[]> {
    this.#noteUse();
    this.#running ??= this.#collect().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #collect(): Promise<readonly string[]> {
    const { highPercent, lowPercent, minAgeMs } = this.#watermarks;
    const { images, events, log } = this.#context;
    const removed: string[] = [];
    if (highPercent === 0 || (await this.#measure()) < highPercent) {
      return removed;
    }
    while ((await this.#measure()) > lowPercent) {
      // Chosen and taken off the list in one step: a container that is created meanwhile finds it, or finds it gone.
      const chosen = nextToCollect(this.#candidates(), { nowMs: Date.now(), minAgeMs });
      if (chosen === undefined) {
        log.warn({ lowPercent }, 'the disk is full, and no image may be collected');
        break;
      }
      await images.remove(chosen.id);
      removed.push(chosen.id);
      events.publish({
        kind: 'image',
        action: 'delete',
        actorId: chosen.id,
        attributes: { name: chosen.id },
      });
      log.info({ imageId: chosen.id }, 'an unused image was collected');
    }
    return removed;
  }

  #candidates(): CollectableImage[] {
    const used = new Set(this.#context.containers.list().map(({ record }) => record.imageId));
    return this.#context.images.list().map((image) => ({
      id: image.id,
      isInUse: used.has(image.id) || this.#context.images.isPinned(image),
      ...this.#namesOf(image),
      lastUsedAtMs: Math.max(image.taggedAtMs, this.#usedAtMs.get(image.id) ?? 0),
    }));
  }

  #namesOf(image: StoredImage): { isDangling: boolean; isFetchable: boolean } {
    const names = this.#context.images.referencesOf(image.id).flatMap((name) => {
      const parsed = parseReferenceParts(name);
      return parsed.ok ? [parsed.value] : [];
    });
    return {
      isDangling: names.every((name) => name.digest !== undefined),
      isFetchable: names.some((name) => name.digest !== undefined),
    };
  }

  /** Containers that are there keep their image fresh, also for a while after they are gone. */
  #noteUse(): void {
    const nowMs = Date.now();
    for (const { record } of this.#context.containers.list()) {
      this.#usedAtMs.set(record.imageId, nowMs);
    }
    for (const imageId of this.#usedAtMs.keys()) {
      if (this.#context.images.find(imageId) === undefined) {
        this.#usedAtMs.delete(imageId);
      }
    }
  }
}
