/** What managers said of their state at one log index. */
export interface Digests {
  readonly leaderId: string;
  /** By node id, the leader's own among them. */
  readonly byNode: ReadonlyMap<string, string>;
  readonly votersCount: number;
  /** Whether no more answers are waited for. */
  readonly isLast: boolean;
}

export interface Verdict {
  /** The digest that counts as the right one. */
  readonly digest: string;
  /** Managers whose state is another. */
  readonly diverged: readonly string[];
}

/**
 * Who has left the common state, when that can be told: those who differ from a majority of the managers. When all have
 * answered and there is no majority, the leader's state counts, for clients' changes were planned on it. Managers of
 * another version, which digest another state, are left out. Undefined
 * while all agree, or while it is too early to tell.
 */
export function judge({ leaderId, byNode: told, votersCount, isLast }: Digests): Verdict | undefined {
  const version = versionOf(told.get(leaderId));
  const byNode = new Map([...told].filter(([, digest]) => versionOf(digest) === version));
  const counts = new Map<string, number>();
  for (const digest of byNode.values()) {
    counts.set(digest, (counts.get(digest) ?? 0) + 1);
  }
  if (counts.size <= 1) {
    return undefined;
  }
  const major = [...counts].find(([, count]) => count > votersCount / 2)?.[0];
  const isComplete = isLast || told.size >= votersCount;
  const digest = major ?? (isComplete ? byNode.get(leaderId) : undefined);
  if (digest === undefined) {
    return undefined;
  }
  return { digest, diverged: [...byNode].filter(([, other]) => other !== digest).map(([nodeId]) => nodeId) };
}

/** The version that a digest begins with. */
function versionOf(digest: string | undefined): string {
  return digest?.split('.')[0] ?? '';
}
