/** What decides whether an image may be collected. */
export interface CollectableImage {
  readonly id: string;
  /** A container has it, or something is being made of it. */
  readonly isInUse: boolean;
  /** It has no tag. */
  readonly isDangling: boolean;
  /** A registry holds it: what is collected can be pulled again. */
  readonly isFetchable: boolean;
  /** When it was pulled, tagged, or last made a container of. */
  readonly lastUsedAtMs: number;
}

export interface Watermarks {
  /** Share of the disk in use, in percent, at which collection begins. 0: never. */
  readonly highPercent: number;
  /** And at which it ends. */
  readonly lowPercent: number;
  /** Images used less long ago than this stay. */
  readonly minAgeMs: number;
}

/** Share of a disk that is in use, as df(1) counts it, in percent. */
export function usedPercent(disk: {
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
}): number {
  const used = disk.blocks - disk.bfree;
  const whole = used + disk.bavail;
  return whole === 0 ? 0 : (used / whole) * 100;
}

/**
 * The image to collect next: dangling ones first, then the longest unused. Undefined when none may go: one that is in
 * use, one that was used a moment ago, one that exists nowhere else and has a name.
 */
export function nextToCollect(
  images: readonly CollectableImage[],
  limits: { readonly nowMs: number; readonly minAgeMs: number },
): CollectableImage | undefined {
  return images
    .filter(
      (image) =>
        !image.isInUse &&
        (image.isDangling || image.isFetchable) &&
        limits.nowMs - image.lastUsedAtMs >= limits.minAgeMs,
    )
    .sort(
      (a, b) =>
        Number(b.isDangling) - Number(a.isDangling) ||
        a.lastUsedAtMs - b.lastUsedAtMs ||
        (a.id < b.id ? -1 : 1),
    )[0];
}
