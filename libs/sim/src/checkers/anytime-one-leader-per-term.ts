import { Violation } from './violation.ts';

/** anytime_oneLeaderPerTerm: at most one leader in a term (election safety; paper, figure 3). */
export class AnytimeOneLeaderPerTerm {
  readonly #leaders = new Map<number, number>();

  get leaderCount(): number {
    return this.#leaders.size;
  }

  onLeader(term: number, raftId: number): void {
    const known = this.#leaders.get(term);
    if (known !== undefined && known !== raftId) {
      throw new Violation(
        'anytime_oneLeaderPerTerm',
        `${String(known)} and ${String(raftId)} both led term ${String(term)}`,
      );
    }
    this.#leaders.set(term, raftId);
  }
}
