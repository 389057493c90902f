import { encodeEntry, type Entry } from '../entry.ts';
import type { AppliedEntry } from '../apply.ts';
import { toEntry } from '../plan.ts';
import type { Store } from '../store.ts';
import type { WriteTx } from '../tx.ts';

/** Plans on one store and applies the encoded entry to all of them, as Raft would. */
export class StoreDriver {
  readonly stores: readonly Store[];
  nowMs = 1000;
  #ids = 0;
  #logIndex = 0;

  constructor(...stores: Store[]) {
    this.stores = stores;
  }

  plan(fn: (tx: WriteTx) => unknown): Entry {
    const [first] = this.stores;
    const planned = first!.plan(fn, { nowMs: (this.nowMs += 1) });
    return toEntry(planned, { newId: () => `entry-${String((this.#ids += 1))}` });
  }

  commit(entry: Entry): AppliedEntry {
    const bytes = encodeEntry(entry);
    this.#logIndex += 1;
    const [applied] = this.stores.map((store) => store.apply(bytes, this.#logIndex));
    return applied!;
  }

  /** Plans and applies; throws the refusal, if there is one. */
  run(fn: (tx: WriteTx) => unknown): AppliedEntry {
    const applied = this.commit(this.plan(fn));
    if (applied.error !== undefined) {
      throw applied.error;
    }
    return applied;
  }
}
