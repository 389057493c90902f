import type { Entry } from '@skep/raft';

import { entryDigest } from '../sim-application.ts';
import type { LogView } from './log-view.ts';
import { Violation } from './violation.ts';

interface Committed {
  readonly term: number;
  /** Term of the member that was first known to have it committed: it was committed in that term or before. */
  readonly inTerm: number;
  readonly digest: number;
}

/**
 * anytime_committedIsKept: nobody commits another entry at the same index, and a leader's log holds everything that was
 * committed in terms before its own (leader completeness and state machine safety; paper, figure 3). Its memory is
 * outside of the group, so no crash erases it.
 */
export class AnytimeCommittedIsKept {
  readonly #ledger = new Map<number, Committed>();
  #lastCommitted = 0;

  get lastCommitted(): number {
    return this.#lastCommitted;
  }

  onLeader(term: number, log: LogView): void {
    for (let i = Math.max(1, log.firstIndex); i <= this.#lastCommitted; i += 1) {
      const committed = this.#ledger.get(i);
      if (committed !== undefined && committed.inTerm < term && log.termAt(i) !== committed.term) {
        throw new Violation(
          'anytime_committedIsKept',
          `leader ${String(log.raftId)} of term ${String(term)} lacks committed entry ${String(i)}`,
        );
      }
    }
  }

  onCommitted(raftId: number, inTerm: number, entry: Entry): void {
    const digest = entryDigest(entry);
    const known = this.#ledger.get(entry.logIndex);
    if (known === undefined) {
      this.#ledger.set(entry.logIndex, { term: entry.term, inTerm, digest });
      this.#lastCommitted = Math.max(this.#lastCommitted, entry.logIndex);
    } else if (known.term !== entry.term || known.digest !== digest) {
      throw new Violation(
        'anytime_committedIsKept',
        `${String(raftId)} committed another entry at ${String(entry.logIndex)} than was committed before`,
      );
    }
  }
}
