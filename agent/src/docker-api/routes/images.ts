import {
  booleanFilter,
  checkFilters,
  isAtLeast,
  lacksLabels,
  matchesLabels,
  parseFilters,
  type Filters,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { ImageSummary } from '../../engine/image-api.ts';
import type { DockerApiContext } from '../context.ts';
import {
  imageHistoryToDocker,
  imageRemovalToDocker,
  imageSummaryToDocker,
  imageToDocker,
} from '../convert/image-json.ts';
import { matchesReference } from '../convert/reference-pattern.ts';
import type { Exchange } from '../exchange.ts';
import type { Route } from '../router.ts';
import { credentialsOf } from './registry-credentials.ts';
import { pruneCutoff } from './prune.ts';

/** Images in the local store; moving them is in image-transfer.ts. */
export function imageRoutes(context: DockerApiContext): Route[] {
  const { images } = context.engine;
  return [
    { method: 'GET', path: '/images/json', handle: (exchange) => list(context, exchange) },
    { method: 'POST', path: '/images/prune', handle: (exchange) => prune(context, exchange) },
    {
      method: 'GET',
      path: '/images/{name*}/json',
      handle: async (exchange) => {
        exchange.sendJson(200, imageToDocker(await images.inspect(exchange.param('name')), exchange.version));
      },
    },
    {
      method: 'GET',
      path: '/images/{name*}/history',
      handle: async (exchange) => {
        const history = await images.history(exchange.param('name'));
        exchange.sendJson(200, history.map(imageHistoryToDocker));
      },
    },
    {
      method: 'POST',
      path: '/images/{name*}/tag',
      handle: async (exchange) => {
        const repo = exchange.text('repo');
        if (repo === undefined) {
          throw new SwarmError('invalid_argument', 'repository name must have at least one component');
        }
        const tag = exchange.text('tag');
        await images.tag(exchange.param('name'), tag === undefined ? repo : `${repo}:${tag}`);
        exchange.sendEmpty(201);
      },
    },
    {
      method: 'DELETE',
      path: '/images/{name*}',
      handle: async (exchange) => {
        const removal = await images.remove(exchange.param('name'), {
          force: exchange.flag('force'),
          noPrune: exchange.flag('noprune'),
        });
        exchange.sendJson(200, imageRemovalToDocker(removal));
      },
    },
    {
      method: 'GET',
      path: '/distribution/{name*}/json',
      handle: (exchange) => distribution(context, exchange),
    },
    { method: 'POST', path: '/commit', handle: (exchange) => commit(context, exchange) },
  ];
}

const LIST_FILTERS = ['before', 'dangling', 'label', 'reference', 'since', 'until'];

async function list({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, LIST_FILTERS);
  const images = await engine.images.list({ all: exchange.flag('all') });
  const counts = exchange.flag('shared-size') ? (await engine.diskUsage()).images : [];
  const shared = new Map(counts.map(({ id, sharedBytes }) => [id, sharedBytes]));
  const selected = await selectImages(images, filters, (ref) => engine.images.inspect(ref));
  exchange.sendJson(
    200,
    selected.map((image) => {
      const summary = imageSummaryToDocker(image, exchange.version);
      return shared.size === 0 ? summary : { ...summary, SharedSize: shared.get(image.id) ?? 0 };
    }),
  );
}

async function selectImages(
  images: readonly ImageSummary[],
  filters: Filters,
  inspect: (ref: string) => Promise<ImageSummary>,
): Promise<ImageSummary[]> {
  const timeOf = async (key: string): Promise<number | undefined> => {
    const ref = filters.get(key)?.[0];
    return ref === undefined ? undefined : (await inspect(ref)).createdAtMs;
  };
  const [beforeMs, sinceMs] = [await timeOf('before'), await timeOf('since')];
  const cutoffMs = pruneCutoff(filters, LIST_FILTERS, Date.now());
  const isDangling = booleanFilter(filters, 'dangling');
  const references = filters.get('reference') ?? [];
  return images
    .filter(
      (image) =>
        (isDangling === undefined || isDangling === (image.tags.length === 0)) &&
        (beforeMs === undefined || image.createdAtMs < beforeMs) &&
        (sinceMs === undefined || image.createdAtMs > sinceMs) &&
        image.createdAtMs < cutoffMs &&
        matchesLabels(filters, image.labels),
    )
    .flatMap((image) => withReferences(image, references))
    .toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1));
}

/** With a `reference` filter an image shows only the names that match; none: it is left out. */
function withReferences(image: ImageSummary, references: readonly string[]): ImageSummary[] {
  if (references.length === 0) {
    return [image];
  }
  const matches = (name: string): boolean => references.some((pattern) => matchesReference(pattern, name));
  const tags = image.tags.filter(matches);
  const digests = image.digests.filter(matches);
  return tags.length + digests.length === 0 ? [] : [{ ...image, tags, digests }];
}

async function prune({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  const cutoffMs = pruneCutoff(filters, ['dangling', 'label', 'label!', 'until'], Date.now());
  const isDanglingOnly = booleanFilter(filters, 'dangling') ?? true;
  const removal = await engine.images.prune({
    all: !isDanglingOnly,
    isPrunable: (image) =>
      image.createdAtMs < cutoffMs &&
      matchesLabels(filters, image.labels) &&
      lacksLabels(filters, image.labels),
  });
  const deletions = imageRemovalToDocker(removal);
  exchange.sendJson(200, {
    ImagesDeleted: deletions.length === 0 ? null : deletions,
    SpaceReclaimed: removal.reclaimedBytes,
  });
}

async function distribution({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const found = await engine.images.resolveDigest(exchange.param('name'), {
    ...credentialsOf(exchange),
    signal: exchange.signal,
  });
  exchange.sendJson(200, {
    Descriptor: { mediaType: found.mediaType, digest: found.digest, size: found.sizeBytes },
    Platforms: found.platforms.map(({ architecture, os, variant }) => ({
      architecture,
      os,
      ...(variant === '' ? {} : { variant }),
    })),
  });
}

async function commit({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const container = exchange.text('container');
  if (container === undefined) {
    throw new SwarmError('invalid_argument', 'no container specified: container must be given');
  }
  const repo = exchange.text('repo');
  const tag = exchange.text('tag');
  const comment = exchange.text('comment');
  const author = exchange.text('author');
  const id = await engine.images.commit(container, {
    ...(repo === undefined ? {} : { reference: tag === undefined ? repo : `${repo}:${tag}` }),
    ...(comment === undefined ? {} : { message: comment }),
    ...(author === undefined ? {} : { author }),
    changes: exchange.query.getAll('changes').filter((change) => change !== ''),
    pause: exchange.flag('pause', isAtLeast(exchange.version, 13)),
  });
  exchange.sendJson(201, { Id: id });
}
