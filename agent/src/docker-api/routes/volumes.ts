import {
  DockerVolumeCreate,
  booleanFilter,
  checkFilters,
  isAtLeast,
  lacksLabels,
  matchesExactly,
  matchesLabels,
  matchesPattern,
  parseBody,
  parseFilters,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { DockerApiContext } from '../context.ts';
import { volumeLabels, volumeToDocker } from '../convert/volume-json.ts';
import type { Exchange } from '../exchange.ts';
import type { Route } from '../router.ts';

export function volumeRoutes(context: DockerApiContext): Route[] {
  const { volumes } = context.engine;
  return [
    { method: 'GET', path: '/volumes', handle: (exchange) => list(context, exchange) },
    { method: 'POST', path: '/volumes/create', handle: (exchange) => create(context, exchange) },
    { method: 'POST', path: '/volumes/prune', handle: (exchange) => prune(context, exchange) },
    {
      method: 'GET',
      path: '/volumes/{name}',
      handle: async (exchange) => {
        exchange.sendJson(200, volumeToDocker(await volumes.inspect(exchange.param('name'))));
      },
    },
    {
      method: 'DELETE',
      path: '/volumes/{name}',
      handle: async (exchange) => {
        await volumes.remove(exchange.param('name'), { force: exchange.flag('force') });
        exchange.sendEmpty(204);
      },
    },
  ];
}

async function list({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, ['dangling', 'driver', 'label', 'name']);
  const isDangling = booleanFilter(filters, 'dangling');
  const found = await engine.volumes.list();
  exchange.sendJson(200, {
    Volumes: found
      .filter(
        (volume) =>
          (isDangling === undefined || isDangling === (volume.usedBy.length === 0)) &&
          matchesExactly(filters, 'driver', volume.driver) &&
          matchesPattern(filters, 'name', [volume.name]) &&
          matchesLabels(filters, volumeLabels(volume)),
      )
      .map((volume) => volumeToDocker(volume)),
    Warnings: null,
  });
}

async function create({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerVolumeCreate, (await exchange.json()) ?? {});
  if (body.ClusterVolumeSpec !== undefined) {
    throw new SwarmError('unimplemented', 'cluster volumes (CSI) are not supported');
  }
  const volume = await engine.volumes.create({
    ...(body.Name ? { name: body.Name } : {}),
    ...(body.Driver ? { driver: body.Driver } : {}),
    ...(body.DriverOpts === undefined ? {} : { options: body.DriverOpts }),
    ...(body.Labels === undefined ? {} : { labels: body.Labels }),
  });
  exchange.sendJson(201, volumeToDocker(volume));
}

async function prune({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, ['label', 'label!', 'all']);
  // Since API 1.42 only anonymous volumes go, unless the client asks for all.
  const isAll = booleanFilter(filters, 'all') ?? !isAtLeast(exchange.version, 42);
  const pruned = await engine.volumes.prune({
    all: isAll,
    isPrunable: (volume) => {
      const labels = volumeLabels(volume);
      return matchesLabels(filters, labels) && lacksLabels(filters, labels);
    },
  });
  exchange.sendJson(200, {
    VolumesDeleted: pruned.names.length === 0 ? null : pruned.names,
    SpaceReclaimed: pruned.reclaimedBytes,
  });
}
