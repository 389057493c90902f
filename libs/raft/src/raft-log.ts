import { assert, present } from '@skep/kernel';

import { limitEntries, type Entry } from './entry.ts';
import type { Snapshot, SnapshotMeta } from './snapshot.ts';

/**
 * The log since the last compaction, wholly in memory, with its cursors:
 *
 *   base < ... applied <= commit <= last      stable, persisting <= last
 *
 * `applied`: handed to the application. `stable`: durable on this member. `persisting`: handed to the host to be
 * made durable; what lies after it goes into the next `Ready`.
 */
export class RaftLog {
  #entries: Entry[];
  #baseIndex: number;
  #baseTerm: number;
  #commit: number;
  #applied: number;
  #stable: number;
  #persisting: number;
  /** Last index of each write that is under way, oldest first; cut when the log is truncated below it. */
  readonly #writes: number[] = [];
  #snapshotMeta: SnapshotMeta | undefined;
  #snapshotData: Uint8Array = new Uint8Array(0);
  /** A snapshot from the leader that is not yet durable here. */
  #incoming: Snapshot | undefined;
  #isIncomingHandedOut = false;

  constructor(base: SnapshotMeta | undefined, entries: readonly Entry[], commit: number) {
    this.#baseIndex = base?.logIndex ?? 0;
    this.#baseTerm = base?.term ?? 0;
    this.#snapshotMeta = base;
    this.#entries = [...entries];
    const last = this.lastIndex;
    entries.forEach((entry, i) => {
      assert(
        entry.logIndex === this.#baseIndex + 1 + i,
        'stored entries must follow each other without a gap',
      );
    });
    assert(commit <= last, `commit ${String(commit)} lies beyond the last stored entry ${String(last)}`);
    this.#commit = Math.max(commit, this.#baseIndex);
    this.#applied = this.#baseIndex;
    this.#stable = last;
    this.#persisting = last;
  }

  get firstIndex(): number {
    return this.#baseIndex + 1;
  }

  get lastIndex(): number {
    return this.#baseIndex + this.#entries.length;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#baseTerm;
  }

  get commit(): number {
    return this.#commit;
  }

  get applied(): number {
    return this.#applied;
  }

  /** The last index that is durable on this member. */
  get stable(): number {
    return this.#stable;
  }

  get hasIncomingSnapshot(): boolean {
    return this.#incoming !== undefined;
  }

  /** The newest snapshot that can be sent to a follower. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshotMeta === undefined
      ? undefined
      : { meta: this.#snapshotMeta, data: this.#snapshotData };
  }

  /** The term of the entry at `logIndex`; undefined when it is compacted away or not there yet. */
  termAt(logIndex: number): number | undefined {
    if (logIndex === this.#baseIndex) {
      return this.#baseTerm;
    }
    return this.#entries[logIndex - this.firstIndex]?.term;
  }

  matches(logIndex: number, term: number): boolean {
    return this.termAt(logIndex) === term;
  }

  /** Whether a candidate with this last entry has all that this member has (paper, section 5.4.1). */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** Entries in [from, to], at least one and then at most `limitBytes`. The range must not be compacted. */
  slice(from: number, to: number, limitBytes: number): readonly Entry[] {
    assert(from >= this.firstIndex && to <= this.lastIndex, 'log range is not in memory');
    return limitEntries(this.#entries.slice(from - this.firstIndex, to + 1 - this.firstIndex), limitBytes);
  }

  /** Adds entries of this leader at the end. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert(entry.logIndex === this.lastIndex + 1, 'an appended entry must follow the last one');
      this.#entries.push(entry);
    }
  }

  /**
   * Follower's side of an append (paper, figure 2, AppendEntries 2 to 5). Returns the last index that now matches the
   * leader, or undefined when the log has no entry `prevLogTerm` at `prevLogIndex`.
   */
  tryAppend(prevLogIndex: number, prevLogTerm: number, entries: readonly Entry[]): number | undefined {
    if (!this.matches(prevLogIndex, prevLogTerm)) {
      return undefined;
    }
    const conflict = entries.findIndex((entry) => !this.matches(entry.logIndex, entry.term));
    if (conflict >= 0) {
      const added = entries.slice(conflict);
      this.#truncateTo(present(added[0], 'conflicting entry').logIndex - 1);
      this.append(added);
    }
    return prevLogIndex + entries.length;
  }

  #truncateTo(logIndex: number): void {
    assert(logIndex >= this.#commit, `entry ${String(logIndex + 1)} is committed and must never be replaced`);
    this.#entries.length = Math.min(this.#entries.length, logIndex - this.#baseIndex);
    this.#stable = Math.min(this.#stable, logIndex);
    this.#persisting = Math.min(this.#persisting, logIndex);
    // A write that is under way and is now superseded must not vouch for the entries that replaced its own.
    for (let i = 0; i < this.#writes.length; i += 1) {
      this.#writes[i] = Math.min(this.#writes[i] ?? 0, logIndex);
    }
  }

  /**
   * The last index at or below `logIndex` whose term is at most `term`: where two logs may still agree. It lets a
   * probe skip a whole term for each rejection (paper, end of section 5.3).
   */
  findAgreement(logIndex: number, term: number): { readonly logIndex: number; readonly term: number } {
    for (let i = Math.min(logIndex, this.lastIndex); i > this.#baseIndex; i -= 1) {
      const found = this.termAt(i);
      if (found !== undefined && found <= term) {
        return { logIndex: i, term: found };
      }
    }
    return { logIndex: this.#baseIndex, term: this.#baseTerm };
  }

  /** Moves the commit index forward; never back. */
  commitTo(logIndex: number): boolean {
    if (logIndex <= this.#commit) {
      return false;
    }
    assert(logIndex <= this.lastIndex, `commit ${String(logIndex)} lies beyond the log`);
    this.#commit = logIndex;
    return true;
  }

  get hasCommittedToHandOut(): boolean {
    return this.#incoming === undefined && this.#applied < Math.min(this.#commit, this.#stable);
  }

  /** Committed and locally durable entries not yet handed to the application, at most `limitBytes`. */
  takeCommitted(limitBytes: number): readonly Entry[] {
    if (!this.hasCommittedToHandOut) {
      return [];
    }
    const entries = this.slice(this.#applied + 1, Math.min(this.#commit, this.#stable), limitBytes);
    this.#applied += entries.length;
    return entries;
  }

  /** Whether a committed entry that is not yet applied changes the membership. */
  get hasUnappliedMembership(): boolean {
    for (let i = this.#applied + 1; i <= this.#commit; i += 1) {
      if (this.#entries[i - this.firstIndex]?.kind === 'membership') {
        return true;
      }
    }
    return false;
  }

  get hasUnstable(): boolean {
    return this.#persisting < this.lastIndex || (this.#incoming !== undefined && !this.#isIncomingHandedOut);
  }

  /** Hands out everything that must be made durable; each call must be met by one {@link finishWrite}, in order. */
  startWrite(): { readonly entries: readonly Entry[]; readonly snapshot: Snapshot | undefined } {
    const entries = this.#entries.slice(this.#persisting - this.#baseIndex);
    const snapshot = this.#isIncomingHandedOut ? undefined : this.#incoming;
    this.#persisting = this.lastIndex;
    this.#isIncomingHandedOut = this.#incoming !== undefined;
    this.#writes.push(entries.length > 0 ? this.lastIndex : 0);
    return { entries, snapshot };
  }

  /** Notes that the oldest write under way is durable; `snapshotIndex` when it held a snapshot. */
  finishWrite(snapshotIndex: number | undefined): void {
    const lastIndex = present(this.#writes.shift(), 'write under way');
    this.#stable = Math.max(this.#stable, Math.min(lastIndex, this.lastIndex));
    if (snapshotIndex !== undefined && this.#incoming?.meta.logIndex === snapshotIndex) {
      this.#incoming = undefined;
      this.#isIncomingHandedOut = false;
      this.#applied = Math.max(this.#applied, snapshotIndex);
    }
  }

  /** Replaces the whole log by a leader's snapshot (paper, section 7). */
  restore(snapshot: Snapshot): void {
    const { logIndex, term } = snapshot.meta;
    assert(logIndex > this.#commit, 'a snapshot must not take back what is committed');
    this.#entries = [];
    this.#baseIndex = logIndex;
    this.#baseTerm = term;
    this.#commit = logIndex;
    this.#stable = logIndex;
    this.#persisting = logIndex;
    this.#writes.fill(0);
    this.#snapshotMeta = snapshot.meta;
    this.#snapshotData = snapshot.data;
    this.#incoming = snapshot;
    this.#isIncomingHandedOut = false;
  }

  releaseSnapshotData(): void {
    this.#snapshotData = new Uint8Array(0);
  }

  /** Takes a snapshot of the application and forgets entries up to `compactIndex`. */
  compact(snapshot: Snapshot, compactIndex: number): void {
    const { logIndex } = snapshot.meta;
    assert(logIndex <= this.#applied, 'only what was handed out can be in a snapshot');
    if (logIndex <= (this.#snapshotMeta?.logIndex ?? 0)) {
      return;
    }
    this.#snapshotMeta = snapshot.meta;
    this.#snapshotData = snapshot.data;
    const base = Math.min(compactIndex, logIndex, this.#stable);
    if (base > this.#baseIndex) {
      this.#baseTerm = present(this.termAt(base), 'term of the compaction index');
      this.#entries.splice(0, base - this.#baseIndex);
      this.#baseIndex = base;
    }
  }
}
