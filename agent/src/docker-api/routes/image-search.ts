import { booleanFilter, checkFilters, parseFilters } from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { DockerApiContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import type { Route } from '../router.ts';

const LIMIT_DEFAULT = 25;
const LIMIT_MAX = 100;

/** `docker search`, among the images of this host: registries have no search of their own that all of them share. */
export function imageSearchRoutes(context: DockerApiContext): Route[] {
  return [{ method: 'GET', path: '/images/search', handle: (exchange) => search(context, exchange) }];
}

async function search({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const term = exchange.text('term') ?? '';
  if (term === '') {
    throw new SwarmError('invalid_argument', 'term: the text to search for is missing');
  }
  const limit = exchange.integer('limit') ?? LIMIT_DEFAULT;
  if (limit < 1 || limit > LIMIT_MAX) {
    throw new SwarmError(
      'invalid_argument',
      `limit: ${String(limit)} is outside of the range of [1, ${String(LIMIT_MAX)}]`,
    );
  }
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, ['is-automated', 'is-official', 'stars']);
  // Nothing on a host is official or has stars.
  const wantsFame =
    booleanFilter(filters, 'is-official') === true ||
    booleanFilter(filters, 'is-automated') === true ||
    (filters.get('stars') ?? []).some((stars) => Number(stars) > 0);
  const images = wantsFame ? [] : await engine.images.list();
  const found = [...tagsByRepository(images.flatMap(({ tags }) => tags))]
    .filter(([name]) => name.includes(term))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, limit);
  exchange.sendJson(
    200,
    found.map(([name, tags]) => ({
      name,
      description: `on this host: ${tags.join(', ')}`,
      star_count: 0,
      is_official: false,
      is_automated: false,
    })),
  );
}

function tagsByRepository(references: readonly string[]): Map<string, string[]> {
  const repositories = new Map<string, string[]>();
  for (const reference of references) {
    const colon = reference.lastIndexOf(':');
    const name = reference.slice(0, colon);
    repositories.set(name, [...(repositories.get(name) ?? []), reference.slice(colon + 1)]);
  }
  return repositories;
}
