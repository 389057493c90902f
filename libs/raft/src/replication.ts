import { present } from '@skep/kernel';

import { entrySizeBytes } from './entry.ts';
import type { Progress } from './progress.ts';
import type { RaftState } from './raft-state.ts';

/**
 * Sends every follower what it lacks. It runs once for each `Ready` and not once for each proposal, so that all
 * proposals and acknowledgements since the last one share their messages.
 */
export function replicate(state: RaftState): void {
  state.isReplicationDue = false;
  for (const [raftId, progress] of state.progress) {
    if (raftId !== state.id) {
      sendPending(state, raftId, progress);
    }
  }
}

function sendPending(state: RaftState, raftId: number, progress: Progress): void {
  while (!progress.isPaused && progress.next <= state.log.lastIndex) {
    if (!sendAppend(state, raftId, progress, state.config.messageBytesMax)) {
      return;
    }
  }
  // An empty append carries news of the commit index, or asks whether the last ones arrived. While an answer is due,
  // the news waits for it: under load it then travels with the next entries, and costs no message of its own.
  const isAnswerDue = progress.inflights.count > 0;
  const hasCommitNews = !isAnswerDue && progress.sentCommit < Math.min(state.log.commit, progress.next - 1);
  const mayProbe = progress.state === 'replicate' || !progress.isPaused;
  if ((hasCommitNews || progress.isProbeDue) && mayProbe && progress.state !== 'snapshot') {
    sendAppend(state, raftId, progress, 0);
  }
}

/** Sends one append of at most `limitBytes`, or the snapshot when the log no longer reaches back far enough. */
function sendAppend(state: RaftState, raftId: number, progress: Progress, limitBytes: number): boolean {
  const { log } = state;
  const prevLogIndex = progress.next - 1;
  const prevLogTerm = log.termAt(prevLogIndex);
  if (prevLogTerm === undefined) {
    return sendSnapshot(state, raftId, progress);
  }
  const wantsEntries = limitBytes > 0 && progress.next <= log.lastIndex;
  const entries = wantsEntries ? log.slice(progress.next, log.lastIndex, limitBytes) : [];
  state.send(raftId, { type: 'append', prevLogIndex, prevLogTerm, entries, commit: log.commit });
  const lastIndex = prevLogIndex + entries.length;
  progress.noteSent(
    entries.length,
    lastIndex,
    entries.reduce((sum, entry) => sum + entrySizeBytes(entry), 0),
  );
  progress.sentCommit = Math.min(log.commit, lastIndex);
  return true;
}

function sendSnapshot(state: RaftState, raftId: number, progress: Progress): boolean {
  if (!progress.isRecentlyActive) {
    // Whoever does not answer heartbeats would not take a snapshot either.
    return false;
  }
  const snapshot = present(state.log.snapshot, 'snapshot of a compacted log');
  progress.becomeSnapshot(snapshot.meta.logIndex);
  state.send(raftId, { type: 'snapshot', snapshot });
  return false;
}

/** Takes in that a follower has everything up to `logIndex`; false when that is no news. */
export function noteMatch(state: RaftState, progress: Progress, logIndex: number): boolean {
  // An answer to a probe may confirm what was known and still end the probing.
  const isProbeAnswer = progress.state === 'probe' && progress.match === logIndex;
  if (!progress.advanceMatch(logIndex) && !isProbeAnswer) {
    return false;
  }
  switch (progress.state) {
    case 'probe':
      progress.becomeReplicate();
      break;
    case 'snapshot':
      // Caught up by other means, or by the snapshot itself, as far as this log still reaches back.
      if (progress.match + 1 >= state.log.firstIndex) {
        progress.becomeProbe();
        progress.becomeReplicate();
      }
      break;
    case 'replicate':
      progress.inflights.release(logIndex);
      break;
  }
  return true;
}

/** Ends waiting for a snapshot: probe from after it when it arrived, from the last match when it did not. */
export function requestSnapshotRetry(progress: Progress, hasArrived: boolean): void {
  if (!hasArrived) {
    progress.pendingSnapshotIndex = 0;
  }
  progress.becomeProbe();
  // Wait for the follower's own answer, or the next heartbeat's, before the next append.
  progress.isProbeSent = true;
}
