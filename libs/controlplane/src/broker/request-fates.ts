import type { AppliedEntry } from '@skep/store';

/** What became of a request: `made` in whole or in part, certainly not made, or unknown. */
export type RequestFate = 'made' | 'notMade' | 'unknown';

interface Watched {
  readonly requestId: string;
  /** Term of the leader that the request was sent to; it carries the request out in this term or not at all. */
  readonly term: number;
  fate: RequestFate | undefined;
  resolve: ((fate: RequestFate) => void) | undefined;
}

/** A request under watch, from before it is sent. */
export interface WatchedRequest {
  /** Resolves when the log tells what became of the request. */
  fate(): Promise<RequestFate>;
  end(): void;
}

/**
 * Tells what became of requests whose leader was lost before it answered. The log knows: once an entry of a later term
 * is applied, no entry of the lost leader's term can follow, so a request that has left none by then was not made.
 */
export class RequestFates {
  readonly #watched = new Set<Watched>();

  watch(requestId: string, term: number): WatchedRequest {
    const watched: Watched = { requestId, term, fate: undefined, resolve: undefined };
    this.#watched.add(watched);
    return {
      fate: () =>
        watched.fate === undefined
          ? new Promise((resolve) => {
              watched.resolve = resolve;
            })
          : Promise.resolve(watched.fate),
      end: () => {
        this.#watched.delete(watched);
        settle(watched, 'unknown');
      },
    };
  }

  /** An entry was applied here. */
  applied({ requestId, error }: Pick<AppliedEntry, 'requestId' | 'error'>): void {
    for (const watched of this.#watched) {
      if (watched.requestId === requestId && error === undefined) {
        settle(watched, 'made');
      }
    }
  }

  /** All entries up to one of this term were applied here. */
  reachedTerm(term: number): void {
    for (const watched of this.#watched) {
      if (term > watched.term) {
        settle(watched, 'notMade');
      }
    }
  }

  /** A snapshot took the place of entries that were not seen here. */
  restored(): void {
    for (const watched of this.#watched) {
      settle(watched, 'unknown');
    }
  }
}

/** The first verdict stands. */
function settle(watched: Watched, fate: RequestFate): void {
  watched.fate ??= fate;
  watched.resolve?.(watched.fate);
}
