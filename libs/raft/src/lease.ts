import type { RaftState } from './raft-state.ts';

/**
 * Reads without a question (thesis, section 6.4.1). A follower that answered a heartbeat refuses its vote for
 * `electionTicks` of its own clock from then on, so until a quorum's promises may have run out nobody else can lead. The
 * leader counts from when the heartbeat left, not from when the answers came.
 *
 * It is right only while no clock runs more than a tenth faster than another, and while the host calls `tick` for all time
 * that passes, also after it stood still. That is why `readIndex` is the default.
 */
const CLOCK_DRIFT_SHARE = 0.1;

/**
 * How long a lease lasts. One tick less than the promise, because the first tick of a follower may come at once after
 * the heartbeat.
 */
function leaseTicks(electionTicks: number): number {
  return Math.floor((electionTicks - 1) * (1 - CLOCK_DRIFT_SHARE));
}

/** A quorum has answered a heartbeat that left at `sentTick`. */
export function extendLease(state: RaftState, sentTick: number): void {
  state.leaseUntilTick = Math.max(state.leaseUntilTick, sentTick + leaseTicks(state.config.electionTicks));
}

export function holdsLease(state: RaftState): boolean {
  return (
    state.config.readMode === 'lease' && !state.hasForfeitedLease && state.leaderTicks < state.leaseUntilTick
  );
}
