import type { TaskReason } from '@skep/model';

import type { Demand } from './demand.ts';
import { FILTERS, type Filter } from './filters.ts';
import type { NodeInfo } from './node-info.ts';

/** Why a task has no node. */
export interface Explanation {
  /** Swarm's sentence: `no suitable node (insufficient resources on 2 nodes; ...)`. */
  readonly text: string;
  readonly reason: TaskReason;
  /** Number of nodes that failed each filter. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Sums up which filters nodes failed, most first. The reason code is that of the filter that stands in the way of most
 * nodes among those that are available at all, because that is what a user can do something about.
 */
export function explainRejections(
  demand: Demand,
  rejected: ReadonlyMap<Filter, readonly NodeInfo[]>,
  nodeCount: number,
): Explanation {
  const ranked = [...rejected].sort(
    ([filterA, a], [filterB, b]) =>
      b.length - a.length || FILTERS.indexOf(filterA) - FILTERS.indexOf(filterB),
  );
  const counts = Object.fromEntries(ranked.map(([filter, infos]) => [filter.name, infos.length]));
  const main = ranked.find(([filter]) => filter.name !== 'ready') ?? ranked[0];
  const texts = ranked.map(([filter, infos]) => filter.explain(infos.length));
  return {
    text: texts.length === 0 ? 'no suitable node' : `no suitable node (${texts.join('; ')})`,
    reason: main === undefined ? { code: 'sched.drained' } : main[0].reason(demand, main[1], nodeCount),
    counts,
  };
}
