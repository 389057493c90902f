// Parts of the control plane that a simulation puts together anew, on a clock, a network and a disk of its own.
export { Dispatcher } from './dispatcher/dispatcher.ts';
export { wantedRole } from './dispatcher/registration.ts';
export { GroupAdmin } from './driver/group-admin.ts';
export { PendingProposals } from './driver/pending-proposals.ts';
export type { CommittedBatch, MembershipRequest, RaftStatus } from './driver/raft-handle.ts';
export { toRaftStatus } from './driver/raft-status.ts';
export { RequestBook } from './driver/request-book.ts';
export { Leadership, type LeaderPart } from './leadership.ts';
export { leaderLoops } from './loops/leader-loops.ts';
export { managerIds } from './manager-list.ts';
export { MembershipKeeper } from './membership.ts';
export { NodeAdmin } from './node-admin.ts';
export { Replica, type ReplicationPort } from './replica.ts';
export type { Channel } from './transport/channel.ts';
export { encodeFrame, type Sealer } from './wal/frame.ts';
export { assembleLog, type LoadedLog } from './wal/log-assembly.ts';
export { segmentName } from './wal/segment.ts';
export { encodeRecords, type LogPosition, type WalRecord } from './wal/wal-record.ts';
