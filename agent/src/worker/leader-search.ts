import type { ManagerAddress } from '@skep/wire';

/** What one manager answers when it is asked who leads. */
export interface LeaderAnswer {
  readonly leaderAddr?: string | undefined;
  readonly managers: readonly ManagerAddress[];
}

export interface LeaderSearch {
  /** Addresses to ask. */
  readonly addrs: readonly string[];
  /** Asks one manager; rejects when it is not reached. */
  readonly ask: (addr: string, signal: AbortSignal) => Promise<LeaderAnswer>;
  /** Whether an answer ends the search; others are kept for their list of managers. */
  readonly isEnough: (answer: LeaderAnswer) => boolean;
  /** Ends the search, with what was answered so far. */
  readonly signal: AbortSignal;
}

/**
 * Asks all managers at once and takes the first answer that is enough: a host that vanished keeps its caller waiting,
 * and must not keep it from the others. Undefined when nobody answered; otherwise the best answer there was.
 */
export async function searchLeader({
  addrs,
  ask,
  isEnough,
  signal,
}: LeaderSearch): Promise<LeaderAnswer | undefined> {
  const others = new AbortController();
  const each = AbortSignal.any([signal, others.signal]);
  let best: LeaderAnswer | undefined;
  const asked = addrs.map(async (addr) => {
    const answer = await ask(addr, each);
    if (isEnough(answer)) {
      return answer;
    }
    best ??= answer;
    throw new Error(`${addr} does not know better`);
  });
  try {
    return await Promise.any(asked);
  } catch {
    // All were asked, and none of them knew: what they said of the managers may still be news.
    return best;
  } finally {
    others.abort();
  }
}
