import {
  checkFilters,
  parseBuildUlimits,
  parseFilters,
  parseRegistryConfig,
  parseStringList,
  parseStringMap,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { BuildRequest, BuildResources, BuildSource } from '../../engine/build-api.ts';
import type { DockerApiContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { ProgressStream } from '../progress-stream.ts';
import type { Route } from '../router.ts';
import { pruneCutoff } from './prune.ts';
import { toCredentials } from './registry-credentials.ts';

const SHORT_ID_DIGITS = 12;
const CACHE_FILTERS = [
  'description',
  'id',
  'inuse',
  'label',
  'parent',
  'private',
  'shared',
  'type',
  'until',
  'unused-for',
];

/** Making images (the API of the classic builder), and the cache of steps. */
export function buildRoutes(context: DockerApiContext): Route[] {
  return [
    { method: 'POST', path: '/build', handle: (exchange) => build(context, exchange) },
    { method: 'POST', path: '/build/prune', handle: (exchange) => prune(context, exchange) },
  ];
}

async function build({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  refuseUnsupported(exchange);
  const request = readRequest(exchange);
  const isQuiet = exchange.flag('q');
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    const { imageId, tags } = await engine.builds.build({
      ...request,
      onOutput: (text) => (isQuiet ? undefined : progress.writeAll({ stream: text })),
      ...(isQuiet ? {} : { onProgress: progress.onProgress }),
      signal: exchange.signal,
    });
    progress.write({ aux: { ID: imageId } });
    if (isQuiet) {
      progress.write({ stream: `${imageId}\n` });
      return;
    }
    const short = imageId.replace(/^sha256:/, '').slice(0, SHORT_ID_DIGITS);
    progress.write({ stream: `Successfully built ${short}\n` });
    for (const tag of tags) {
      progress.write({ stream: `Successfully tagged ${tag}\n` });
    }
  });
}

function refuseUnsupported(exchange: Exchange): void {
  if (exchange.text('version') === '2') {
    throw new SwarmError('unimplemented', 'BuildKit is not supported: build with DOCKER_BUILDKIT=0');
  }
  if (exchange.flag('squash')) {
    throw new SwarmError('invalid_argument', 'squash is only supported with experimental mode');
  }
}

function readRequest(exchange: Exchange): BuildRequest {
  const find = parseRegistryConfig(exchange.header('x-registry-config'));
  const text = (name: string): string | undefined => exchange.text(name);
  const [dockerfile, target, platform, networkMode] = [
    ...[text('dockerfile'), text('target'), text('platform'), text('networkmode')],
  ];
  return {
    source: sourceOf(exchange),
    ...(dockerfile === undefined ? {} : { dockerfile }),
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platform }),
    ...(networkMode === undefined ? {} : { networkMode }),
    tags: exchange.query.getAll('t').filter((tag) => tag !== ''),
    buildArgs: parseStringMap(text('buildargs'), 'buildargs'),
    labels: parseStringMap(text('labels'), 'labels'),
    extraHosts: exchange.query
      .getAll('extrahosts')
      .flatMap((hosts) => hosts.split(',').filter((host) => host !== '')),
    noCache: exchange.flag('nocache'),
    cacheFrom: parseStringList(text('cachefrom'), 'cachefrom'),
    pull: exchange.flag('pull'),
    resources: resourcesOf(exchange),
    credentials: (registry) => {
      const auth = find(registry);
      return auth === undefined ? undefined : toCredentials(auth);
    },
  };
}

function sourceOf(exchange: Exchange): BuildSource {
  const remote = exchange.text('remote');
  return remote === undefined ? { kind: 'archive', archive: exchange.body } : { kind: 'git', url: remote };
}

function resourcesOf(exchange: Exchange): BuildResources {
  const numbers = {
    memoryBytes: exchange.integer('memory'),
    memorySwapBytes: exchange.integer('memswap'),
    cpuShares: exchange.integer('cpushares'),
    cpuPeriodUs: exchange.integer('cpuperiod'),
    cpuQuotaUs: exchange.integer('cpuquota'),
    shmBytes: exchange.integer('shmsize'),
    cpusetCpus: exchange.text('cpusetcpus'),
    cpusetMems: exchange.text('cpusetmems'),
  };
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined);
  return {
    ...(Object.fromEntries(given) as BuildResources),
    ulimits: parseBuildUlimits(exchange.text('ulimits')),
  };
}

async function prune({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, CACHE_FILTERS);
  const until = filters.get('until') ?? filters.get('unused-for');
  const cutoffMs = pruneCutoff(new Map(until === undefined ? [] : [['until', until]]), ['until'], Date.now());
  const ids = filters.get('id') ?? [];
  const keepBytes =
    exchange.integer('reserved-space') ??
    exchange.integer('keep-storage') ??
    exchange.integer('max-used-space') ??
    0;
  const pruned = await engine.builds.pruneCache({
    all: exchange.flag('all'),
    keepBytes,
    isPrunable: (record) =>
      record.lastUsedAtMs < cutoffMs && (ids.length === 0 || ids.some((id) => record.id.startsWith(id))),
  });
  exchange.sendJson(200, {
    CachesDeleted: pruned.ids.length === 0 ? null : pruned.ids,
    SpaceReclaimed: pruned.reclaimedBytes,
  });
}
