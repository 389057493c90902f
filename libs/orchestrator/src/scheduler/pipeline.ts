import type { Demand } from './demand.ts';
import { explainRejections, type Explanation } from './explain.ts';
import { FILTERS, type Filter } from './filters.ts';
import type { NodeInfo } from './node-info.ts';

/** The filters that matter to one demand. Remembers which node failed which, for the explanation. */
export class Pipeline {
  readonly demand: Demand;
  readonly #filters: readonly Filter[];
  readonly #dynamic: readonly Filter[];
  readonly #rejected = new Map<Filter, NodeInfo[]>();
  #nodeCount = 0;

  constructor(demand: Demand) {
    this.demand = demand;
    this.#filters = FILTERS.filter((filter) => filter.appliesTo(demand));
    this.#dynamic = this.#filters.filter((filter) => filter.isDynamic);
  }

  /** Whether a node can take a task; the first filter it fails is noted. */
  accept(info: NodeInfo): boolean {
    this.#nodeCount += 1;
    return this.#passes(this.#filters, info);
  }

  /** Like {@link accept} for a node that was accepted before and has been given tasks since. */
  stillAccepts(info: NodeInfo): boolean {
    return this.#passes(this.#dynamic, info);
  }

  explain(): Explanation {
    return explainRejections(this.demand, this.#rejected, this.#nodeCount);
  }

  #passes(filters: readonly Filter[], info: NodeInfo): boolean {
    for (const filter of filters) {
      if (!filter.fits(this.demand, info)) {
        const rejected = this.#rejected.get(filter);
        if (rejected === undefined) {
          this.#rejected.set(filter, [info]);
        } else {
          rejected.push(info);
        }
        return false;
      }
    }
    return true;
  }
}
