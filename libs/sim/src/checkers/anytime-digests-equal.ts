import { Violation } from './violation.ts';

/** anytime_digestsEqual: equal state at equal index. */
export class AnytimeDigestsEqual {
  readonly #states = new Map<number, number | string>();

  onApplied(raftId: number, logIndex: number, digest: number | string): void {
    const known = this.#states.get(logIndex);
    if (known !== undefined && known !== digest) {
      throw new Violation(
        'anytime_digestsEqual',
        `state of ${String(raftId)} differs at ${String(logIndex)}`,
      );
    }
    this.#states.set(logIndex, digest);
  }
}
