import { assert } from '@skep/kernel';

import { Inflights } from './inflights.ts';

/**
 * How a leader sends to one follower. `probe`: one message at a time, to find where the logs agree. `replicate`:
 * optimistic, many in flight. `snapshot`: nothing, until the snapshot has arrived or failed.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export interface ProgressLimits {
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
}

/** What the leader knows about one follower (paper, figure 2: nextIndex and matchIndex, and flow control). */
export class Progress {
  match = 0;
  next: number;
  state: ProgressState = 'probe';
  /** The highest commit index sent so far, so that an advance alone is sent once. */
  sentCommit = 0;
  pendingSnapshotIndex = 0;
  /** Heard from since the last quorum check. */
  isRecentlyActive = false;
  /** What the last quorum check found; with {@link isRecentlyActive}, a status that does not flicker. */
  wasActive = true;
  /** In `probe`: a message is out; wait for its answer or the next heartbeat's. */
  isProbeSent = false;
  /** An empty append is due, to find out whether the last ones arrived. */
  isProbeDue = false;
  readonly inflights: Inflights;

  constructor(next: number, limits: ProgressLimits) {
    this.next = next;
    this.inflights = new Inflights(limits.inflightMessagesMax, limits.inflightBytesMax);
  }

  /** Whether nothing with entries may be sent now. */
  get isPaused(): boolean {
    switch (this.state) {
      case 'probe':
        return this.isProbeSent;
      case 'replicate':
        return this.inflights.isFull;
      case 'snapshot':
        return true;
    }
  }

  /** Heard from in this quorum check period or the last one. */
  get isHeard(): boolean {
    return this.isRecentlyActive || this.wasActive;
  }

  becomeProbe(): void {
    // After a snapshot the follower stands at least where the snapshot ended.
    const after = this.state === 'snapshot' ? this.pendingSnapshotIndex : 0;
    this.#reset('probe');
    this.next = Math.max(this.match, after) + 1;
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#reset('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(snapshotIndex: number): void {
    this.#reset('snapshot');
    this.pendingSnapshotIndex = snapshotIndex;
    this.next = snapshotIndex + 1;
    this.sentCommit = snapshotIndex;
  }

  #reset(state: ProgressState): void {
    this.state = state;
    this.isProbeSent = false;
    this.isProbeDue = false;
    this.pendingSnapshotIndex = 0;
    this.inflights.clear();
  }

  /** Notes that everything up to `logIndex` is on the follower; false for an answer that says nothing new. */
  advanceMatch(logIndex: number): boolean {
    if (logIndex <= this.match) {
      return false;
    }
    this.match = logIndex;
    this.next = Math.max(this.next, logIndex + 1);
    return true;
  }

  /**
   * Steps back after a rejection of `rejectedIndex`; `hintIndex` is where the logs may agree. False for an answer to
   * an older message, which must not move anything.
   */
  stepBack(rejectedIndex: number, hintIndex: number): boolean {
    if (this.state === 'replicate') {
      if (rejectedIndex <= this.match) {
        return false;
      }
      this.next = this.match + 1;
      return true;
    }
    if (this.next - 1 !== rejectedIndex) {
      return false;
    }
    this.next = Math.max(Math.min(rejectedIndex, hintIndex + 1), this.match + 1);
    this.isProbeSent = false;
    return true;
  }

  /** Notes that an append with `count` entries up to `lastIndex` was sent. */
  noteSent(count: number, lastIndex: number, sizeBytes: number): void {
    switch (this.state) {
      case 'replicate':
        if (count > 0) {
          this.next = lastIndex + 1;
          this.inflights.add(lastIndex, sizeBytes);
        }
        break;
      case 'probe':
        // A probe without entries costs nothing and proves nothing new, yet one answer a round is enough.
        this.isProbeSent = true;
        break;
      case 'snapshot':
        assert(false, 'no append may be sent while a snapshot is on its way');
    }
    this.isProbeDue = false;
  }
}
