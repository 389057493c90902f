/** Raft id that stands for "nobody": no vote, no leader, no transfer target. */
export const NO_NODE = 0;

/** What an entry holds: bytes of the application, or an encoded change of the membership. */
export type EntryKind = 'normal' | 'membership';

/** One entry of the replicated log. `data` belongs to the log once proposed and is never changed after. */
export interface Entry {
  readonly logIndex: number;
  readonly term: number;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/**
 * The state that must survive a crash (Raft paper, figure 2: "persistent state on all servers"). `term` and `vote`
 * have to be durable before any message that depends on them leaves; `commit` may lag, it only saves work at start.
 */
export interface HardState {
  readonly term: number;
  readonly vote: number;
  readonly commit: number;
}

/** Fixed cost in bytes that limits count for each entry beside its data. */
export const ENTRY_OVERHEAD_BYTES = 24;

/** What one entry counts against every byte limit. */
export function entrySizeBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES;
}

/** The longest prefix of `entries` whose size is at most `limitBytes`, but at least one entry when there is one. */
export function limitEntries(entries: readonly Entry[], limitBytes: number): readonly Entry[] {
  let sizeBytes = 0;
  for (let i = 0; i < entries.length; i += 1) {
    const entry = entries[i];
    sizeBytes += entry === undefined ? 0 : entrySizeBytes(entry);
    if (sizeBytes > limitBytes && i > 0) {
      return entries.slice(0, i);
    }
  }
  return entries;
}
