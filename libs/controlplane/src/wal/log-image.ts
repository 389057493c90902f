import { SwarmError } from '@skep/kernel';
import type { Entry, HardState, SnapshotMeta } from '@skep/raft';

import type { LogPosition, WalRecord } from './wal-record.ts';

/** The state that the records of a log add up to; pure, so that every order of records can be tested. */
export class LogImage {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  /** Where the log stood before the first entry that is known. */
  #base: LogPosition | undefined;
  /** Whether a snapshot stands for the entries before; else they are in segments that were removed. */
  #isBaseFixed = false;
  #entries: Entry[] = [];

  get last(): LogPosition {
    const entry = this.#entries.at(-1);
    return entry ?? this.#base ?? { logIndex: 0, term: 0 };
  }

  /** @throws SwarmError `data_loss` when the record does not fit what came before it. */
  add(record: WalRecord): void {
    if (record.kind === 'reset' && record.position !== undefined) {
      this.#base = record.position;
      this.#isBaseFixed = true;
      this.#entries = [];
    }
    if (record.kind === 'start' && record.position !== undefined) {
      if (this.#base === undefined) {
        this.#base = record.position;
      } else if (this.last.logIndex !== record.position.logIndex || this.last.term !== record.position.term) {
        throw new SwarmError('data_loss', 'a segment does not begin where the one before it ended');
      }
    }
    for (const entry of record.entries) {
      this.#put(entry);
    }
    this.hardState = record.hardState ?? this.hardState;
  }

  #put(entry: Entry): void {
    const baseIndex = this.#base?.logIndex ?? 0;
    const place = entry.logIndex - baseIndex - 1;
    if (place < 0 && this.#base !== undefined && !this.#isBaseFixed && entry.logIndex > 0) {
      // The segment was begun behind entries that were replaced later, and those before them are gone with the
      // segments that held them. A snapshot covers them, or entriesAfter refuses.
      this.#base = { logIndex: entry.logIndex, term: entry.term };
      this.#entries = [];
      return;
    }
    if (place < 0 || place > this.#entries.length) {
      throw new SwarmError('data_loss', `entry ${String(entry.logIndex)} does not follow the ones before it`);
    }
    this.#entries.length = place;
    this.#entries.push(entry);
  }

  #termAt(logIndex: number): number | undefined {
    if (this.#base?.logIndex === logIndex) {
      return this.#base.term;
    }
    return this.#entries[logIndex - (this.#base?.logIndex ?? 0) - 1]?.term;
  }

  /**
   * The entries after `snapshot`. When the log does not contain the snapshot's own entry, it is one that a snapshot of
   * the leader was about to replace when the power went: nothing of it is needed then.
   * @throws SwarmError `data_loss` when entries between snapshot and log are missing.
   */
  entriesAfter(snapshot: SnapshotMeta | undefined): readonly Entry[] {
    const baseIndex = this.#base?.logIndex ?? 0;
    if (snapshot === undefined) {
      if (baseIndex > 0) {
        throw new SwarmError(
          'data_loss',
          `the log begins at ${String(baseIndex + 1)} and there is no snapshot`,
        );
      }
      return this.#entries;
    }
    if (baseIndex > snapshot.logIndex) {
      throw new SwarmError(
        'data_loss',
        `the log begins after entry ${String(baseIndex)}, the newest snapshot is of ${String(snapshot.logIndex)}`,
      );
    }
    return this.#termAt(snapshot.logIndex) === snapshot.term
      ? this.#entries.slice(snapshot.logIndex - baseIndex)
      : [];
  }
}
