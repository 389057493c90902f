import type { Entry } from '@skep/raft';

interface Pending {
  readonly id: number;
  readonly term: number;
}

/** Proposals of this member that are in the log and not yet committed, by log index. */
export class PendingProposals {
  readonly #pending = new Map<number, Pending>();

  get size(): number {
    return this.#pending.size;
  }

  /** Proposals `firstId`, `firstId + 1`... stand at `logIndex`, `logIndex + 1`... */
  add(firstId: number, count: number, place: { readonly logIndex: number; readonly term: number }): void {
    for (let i = 0; i < count; i += 1) {
      this.#pending.set(place.logIndex + i, { id: firstId + i, term: place.term });
    }
  }

  /**
   * Takes out what committed entries decide: an entry of the same term is the proposal, one of another term has taken
   * its place, and the proposal will never be committed.
   */
  settle(entries: readonly Entry[]): {
    readonly resolved: readonly number[];
    readonly lost: readonly number[];
  } {
    const resolved: number[] = [];
    const lost: number[] = [];
    for (const entry of entries) {
      const pending = this.#pending.get(entry.logIndex);
      if (pending === undefined) {
        continue;
      }
      this.#pending.delete(entry.logIndex);
      if (pending.term === entry.term) {
        resolved.push(pending.id, entry.logIndex);
      } else {
        lost.push(pending.id);
      }
    }
    return { resolved, lost };
  }

  /** Takes out everything: nobody will tell this member what became of it. */
  takeAll(): readonly number[] {
    const ids = [...this.#pending.values()].map((pending) => pending.id);
    this.#pending.clear();
    return ids;
  }
}
