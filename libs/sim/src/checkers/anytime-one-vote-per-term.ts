import type { Message } from '@skep/raft';

import { Violation } from './violation.ts';

/** anytime_oneVotePerTerm: what a member has promised it remembers, also after a crash. */
export class AnytimeOneVotePerTerm {
  readonly #votes = new Map<string, number>();

  onMessage(message: Message): void {
    if (message.type !== 'voteReply' || message.isRejected) {
      return;
    }
    const key = `${String(message.from)}@${String(message.term)}`;
    const known = this.#votes.get(key);
    if (known !== undefined && known !== message.to) {
      throw new Violation(
        'anytime_oneVotePerTerm',
        `${String(message.from)} voted for ${String(known)} and ${String(message.to)} in term ${String(message.term)}`,
      );
    }
    this.#votes.set(key, message.to);
  }
}
