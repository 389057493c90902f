import { Violation } from './violation.ts';

/** anytime_readsAreLinearizable: a read sees everything that was committed before it was asked. */
export class AnytimeReadsAreLinearizable {
  /** Open reads: the newest index that was known to be committed when each was asked. */
  readonly #open = new Map<number, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Notes a read; answers what to call it. */
  ask(lastCommitted: number): number {
    this.#count += 1;
    this.#open.set(this.#count, lastCommitted);
    return this.#count;
  }

  onRead(context: number, logIndex: number): void {
    const committedBefore = this.#open.get(context);
    if (committedBefore !== undefined && logIndex < committedBefore) {
      throw new Violation(
        'anytime_readsAreLinearizable',
        `a read was told ${String(logIndex)} when ${String(committedBefore)} was committed before it began`,
      );
    }
    this.#open.delete(context);
  }
}
