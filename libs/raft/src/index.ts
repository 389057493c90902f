export { bootstrapState } from './bootstrap.ts';
export { ByteReader, ByteWriter } from './bytes.ts';
export {
  decodeMembershipChange,
  encodeMembershipChange,
  readEntry,
  readHardState,
  readMembership,
  readSnapshotMeta,
  writeEntry,
  writeHardState,
  writeMembership,
  writeSnapshotMeta,
} from './codec.ts';
export {
  RAFT_CONFIG_DEFAULTS,
  validateConfig,
  type RaftConfig,
  type RandomSource,
  type ReadMode,
} from './config.ts';
export {
  NO_NODE,
  entrySizeBytes,
  limitEntries,
  type Entry,
  type EntryKind,
  type HardState,
} from './entry.ts';
export type { Proposed } from './leader.ts';
export {
  EMPTY_MEMBERSHIP,
  applyMembershipChange,
  initialMembership,
  isJoint,
  isMember,
  isVoter,
  type Member,
  type MemberChange,
  type Membership,
  type MembershipChange,
} from './membership.ts';
export { decodeMessage, encodeMessage } from './message-codec.ts';
export { isFromLeader, type Message, type MessageOf, type MessageType } from './message.ts';
export type { ProgressState } from './progress.ts';
export { hasQuorum, majorityOf } from './quorum.ts';
export {
  RaftNode,
  type FollowerStatus,
  type NodeStatus,
  type Ready,
  type SoftState,
  type StoredState,
} from './raft-node.ts';
export type { Role } from './raft-state.ts';
export type { ReadState } from './read-index.ts';
export type { Snapshot, SnapshotMeta } from './snapshot.ts';
