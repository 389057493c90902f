import { buildCacheToDocker, isAtLeast } from '@skep/docker-api';

import type { DockerApiContext } from '../context.ts';
import { containerSummaryToDocker } from '../convert/container-json.ts';
import { imageSummaryToDocker } from '../convert/image-json.ts';
import { volumeToDocker } from '../convert/volume-json.ts';
import type { Exchange } from '../exchange.ts';

/** `GET /system/df`; `type` (since API 1.42) asks for parts of it. */
export async function diskUsage(
  { engine }: DockerApiContext,
  exchange: Exchange,
): Promise<Readonly<Record<string, unknown>>> {
  const types = isAtLeast(exchange.version, 42) ? exchange.query.getAll('type') : [];
  const wants = (type: string): boolean => types.length === 0 || types.includes(type);
  const [usage, images, containers, volumes, cache] = await Promise.all([
    engine.diskUsage(),
    wants('image') ? engine.images.list() : [],
    wants('container') ? engine.containers.list({ all: true }) : [],
    wants('volume') ? engine.volumes.list() : [],
    wants('build-cache') ? engine.builds.cache() : [],
  ]);
  const imageSizes = new Map(usage.images.map((image) => [image.id, image]));
  const writable = new Map(usage.containers.map(({ id, writableBytes }) => [id, writableBytes]));
  const volumeSizes = new Map(usage.volumes.map(({ name, bytes }) => [name, bytes]));
  return {
    LayersSize: usage.layersBytes,
    Images: images.map((image) => ({
      ...imageSummaryToDocker(image, exchange.version),
      Containers: image.containers,
      SharedSize: imageSizes.get(image.id)?.sharedBytes ?? 0,
    })),
    Containers: containers.map((container) =>
      containerSummaryToDocker({ ...container, writableBytes: writable.get(container.id) ?? 0 }, Date.now()),
    ),
    Volumes: volumes.map((volume) => volumeToDocker(volume, volumeSizes.get(volume.name))),
    BuildCache: cache.map((record) => buildCacheToDocker(record, isAtLeast(exchange.version, 42))),
    ...(isAtLeast(exchange.version, 42)
      ? {}
      : { BuilderSize: cache.reduce((sum, record) => sum + record.sizeBytes, 0) }),
  };
}
