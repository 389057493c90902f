import { z } from 'zod';
import type { BuildCacheRecord } from '../build-api.ts';

/** What containers/storage writes into `overlay-images/images.json`, as far as it matters here. */
export const storageImagesSchema = z.array(
  z.object({
    id: z.string().regex(/^[0-9a-f]{64}$/),
    layer: z.string().optional(),
    created: z.string().optional(),
  }),
);

/** Likewise `overlay-layers/layers.json`. */
export const storageLayersSchema = z.array(
  z.object({
    id: z.string(),
    parent: z.string().optional(),
    created: z.string().optional(),
    'diff-digest': z.string().optional(),
    'diff-size': z.number().optional(),
  }),
);

export type StorageImages = z.infer<typeof storageImagesSchema>;
export type StorageLayers = z.infer<typeof storageLayersSchema>;

/** When a step's result was used, and how often. */
export const cacheUsageSchema = z.record(
  z.string(),
  z.object({ lastUsedAtMs: z.number(), usageCount: z.number() }),
);
export type CacheUsage = z.infer<typeof cacheUsageSchema>;

export interface CacheFacts {
  readonly images: StorageImages;
  readonly layers: StorageLayers;
  readonly usage: CacheUsage;
  /** The layers of each image in the engine's own store, lowest first. */
  readonly storedDiffIds: readonly (readonly string[])[];
  readonly descriptions: ReadonlyMap<string, string>;
  readonly hasActiveBuilds: boolean;
}

/** What `docker system df -v` shows: one record for each image of the builder, a layer counted once. */
export function cacheRecords(facts: CacheFacts): BuildCacheRecord[] {
  const layers = new Map(facts.layers.map((layer) => [layer.id, layer]));
  const owners = new Map<string, string>();
  for (const image of facts.images) {
    if (image.layer !== undefined && !owners.has(image.layer)) {
      owners.set(image.layer, image.id);
    }
  }
  const stored = new Set(facts.storedDiffIds.flatMap(prefixesOf));
  return facts.images.map((image) => {
    const chain = chainOf(image.layer, layers);
    const top = chain[0];
    const isOwner = top !== undefined && owners.get(top.id) === image.id;
    // Layers whose own image is gone are counted with the image above them.
    const own = isOwner ? [top, ...untilOwned(chain.slice(1), owners)] : [];
    const parent = chain.slice(1).find((layer) => owners.has(layer.id));
    const createdAtMs = Date.parse(top?.created ?? image.created ?? '') || 0;
    const used = facts.usage[image.id];
    return {
      id: image.id,
      parent: parent === undefined ? null : (owners.get(parent.id) ?? null),
      description: facts.descriptions.get(image.id) ?? '',
      isInUse: facts.hasActiveBuilds,
      isShared: stored.has(diffKey([...chain].reverse().map((layer) => layer['diff-digest'] ?? ''))),
      sizeBytes: own.reduce((sum, layer) => sum + (layer['diff-size'] ?? 0), 0),
      createdAtMs,
      lastUsedAtMs: Math.max(used?.lastUsedAtMs ?? 0, createdAtMs),
      usageCount: used?.usageCount ?? 1,
    };
  });
}

function chainOf(top: string | undefined, layers: ReadonlyMap<string, StorageLayers[number]>): StorageLayers {
  const chain: StorageLayers = [];
  let layer = top === undefined ? undefined : layers.get(top);
  while (layer !== undefined && chain.length <= layers.size) {
    chain.push(layer);
    layer = layer.parent === undefined ? undefined : layers.get(layer.parent);
  }
  return chain;
}

function untilOwned(below: StorageLayers, owners: ReadonlyMap<string, string>): StorageLayers {
  const end = below.findIndex((layer) => owners.has(layer.id));
  return end === -1 ? below : below.slice(0, end);
}

function prefixesOf(diffIds: readonly string[]): string[] {
  return diffIds.map((_, index) => diffKey(diffIds.slice(0, index + 1)));
}

function diffKey(diffIds: readonly string[]): string {
  return diffIds.join(' ');
}

/**
 * Which records to remove, the longest unused first: those that may go, until no more than `keepBytes` are left.
 * Without `all` what present images share is kept: it costs nothing to build them anew.
 */
export function planCachePrune(
  records: readonly BuildCacheRecord[],
  wanted: {
    readonly all: boolean;
    readonly keepBytes: number;
    readonly isPrunable: (record: BuildCacheRecord) => boolean;
  },
): readonly BuildCacheRecord[] {
  let leftBytes = records.reduce((sum, record) => sum + record.sizeBytes, 0);
  const chosen: BuildCacheRecord[] = [];
  const oldestFirst = [...records].sort(
    (a, b) => a.lastUsedAtMs - b.lastUsedAtMs || a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1),
  );
  for (const record of oldestFirst) {
    if (wanted.keepBytes > 0 && leftBytes <= wanted.keepBytes) {
      break;
    }
    const mayGo = !record.isInUse && (wanted.all || !record.isShared) && wanted.isPrunable(record);
    if (mayGo) {
      chosen.push(record);
      leftBytes -= record.sizeBytes;
    }
  }
  return chosen;
}

/** Notes that images were used by a build; forgets those that are gone. */
export function noteUse(
  usage: CacheUsage,
  images: StorageImages,
  used: { readonly prefixes: readonly string[]; readonly nowMs: number },
): CacheUsage {
  const next: CacheUsage = {};
  for (const { id } of images) {
    const before = usage[id];
    const isUsed = used.prefixes.some((prefix) => id.startsWith(prefix));
    if (isUsed) {
      next[id] = { lastUsedAtMs: used.nowMs, usageCount: (before?.usageCount ?? 0) + 1 };
    } else if (before !== undefined) {
      next[id] = before;
    }
  }
  return next;
}
