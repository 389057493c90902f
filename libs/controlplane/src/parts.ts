// Parts of the control plane that a simulation puts together anew, on a clock, a network and a disk of its own.
export { Dispatcher } from './dispatcher/dispatcher.ts';
export { PendingProposals } from './driver/pending-proposals.ts';
export type { CommittedBatch, RaftStatus } from './driver/raft-handle.ts';
export { Leadership, type LeaderPart } from './leadership.ts';
export { leaderLoops } from './loops/leader-loops.ts';
export { Replica, type ReplicationPort } from './replica.ts';
export type { Channel } from './transport/channel.ts';
export { encodeFrame, type Sealer } from './wal/frame.ts';
export { assembleLog, type LoadedLog } from './wal/log-assembly.ts';
export { segmentName } from './wal/segment.ts';
export { encodeRecords, type LogPosition, type WalRecord } from './wal/wal-record.ts';
