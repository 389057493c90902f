import { join } from 'node:path';

import type { Logger } from 'pino';

import { SwarmError } from '@skep/kernel';
import {
  bootstrapState,
  initialMembership,
  type HardState,
  type Member,
  type Snapshot,
  type StoredState,
} from '@skep/raft';

import { DataKeys } from '../wal/data-key.ts';
import { ensureFolder } from '../wal/durable-file.ts';
import { SnapshotFolder } from '../wal/snapshot-file.ts';
import { Wal } from '../wal/wal.ts';
import { soleSurvivorEntries } from '../recovery/sole-survivor.ts';
import { newRaftId } from './raft-id.ts';
import { joinGroup } from './join-group.ts';
import { readMemberFile, writeMemberFile, type MemberFile } from './member-file.ts';
import type { RaftStartOptions } from './raft-handle.ts';

/** What a member has on disk, opened. */
export interface RaftStorage {
  readonly keys: DataKeys;
  readonly wal: Wal;
  readonly snapshots: SnapshotFolder;
  readonly newest: Snapshot | undefined;
  readonly stored: StoredState;
}

/**
 * Opens log, snapshots and keys of a member.
 * @throws SwarmError `data_loss` when something is damaged, `failed_precondition` when it is locked.
 */
export async function openStorage(
  options: Pick<RaftStartOptions, 'dataDir' | 'keyEncryptionKey'>,
  logger: Logger,
): Promise<RaftStorage> {
  ensureFolder(options.dataDir);
  const keys = DataKeys.openOrCreate(options.dataDir, options.keyEncryptionKey);
  const snapshots = new SnapshotFolder(join(options.dataDir, 'snapshots'), keys);
  const newest = snapshots.loadNewest();
  const { wal, image } = await Wal.open({ folder: join(options.dataDir, 'wal'), keys });
  if (wal.repairedBytes > 0) {
    logger.warn({ bytes: wal.repairedBytes }, 'wiped the tail of the log that a crash had cut short');
  }
  const entries = image.entriesAfter(newest?.meta);
  const stored: StoredState = { hardState: image.hardState, snapshot: newest?.meta, entries };
  return { keys, wal, snapshots, newest, stored };
}

/** Who this member is, and what it starts from. */
export interface MemberStart {
  readonly self: Member;
  /** Whom to talk to before the log says who is in the group. */
  readonly peers: readonly Member[];
  readonly stored: StoredState;
  /** The state of a backup that this start has put on disk. */
  readonly restored?: Snapshot;
}

/**
 * Decides how this member starts: from its disk, as the first of a new group, or as one that asks to be taken in.
 * @throws SwarmError `failed_precondition` when the disk belongs to another node or holds nothing and should.
 */
export async function startMember(
  options: RaftStartOptions,
  storage: RaftStorage,
  logger: Logger,
): Promise<MemberStart> {
  const { dataDir, nodeId, clusterId, advertiseAddr, origin } = options;
  const file = readMemberFile(dataDir);
  const isEmpty = storage.stored.entries.length === 0 && storage.newest === undefined;
  assertOwnFolder(options, file, isEmpty);
  if (origin.kind === 'restore' && (isEmpty || isRestoring(storage))) {
    return restoreMember(options, storage, origin);
  }
  if (file !== undefined && !(isEmpty && file.peers.length === 0)) {
    const self = { raftId: file.raftId, nodeId, addr: advertiseAddr };
    if (origin.kind === 'forceNewCluster') {
      return forceNewGroup(options, storage, self);
    }
    return { self, peers: file.peers, stored: storage.stored };
  }
  if (origin.kind === 'join' && file === undefined) {
    const answer = await joinGroup({
      peers: origin.peers,
      advertiseAddr,
      clusterId,
      tls: options.tls,
      logger,
    });
    const peers = answer.members.filter((member) => member.raftId !== answer.raftId);
    writeMemberFile(dataDir, { version: 1, raftId: answer.raftId, nodeId, clusterId, peers });
    return { self: { raftId: answer.raftId, nodeId, addr: advertiseAddr }, peers, stored: storage.stored };
  }
  const raftId = file?.raftId ?? newRaftId();
  const self = { raftId, nodeId, addr: advertiseAddr };
  writeMemberFile(dataDir, { version: 1, raftId, nodeId, clusterId, peers: [] });
  const stored = bootstrapState([self]);
  const { entries, hardState } = stored;
  await storage.wal.write([{ kind: 'append', position: undefined, entries, hardState }]);
  return { self, peers: [], stored };
}

/** @throws SwarmError when the folder belongs to another node, is incomplete, or is empty and must not be. */
function assertOwnFolder(
  { dataDir, nodeId, clusterId, origin }: RaftStartOptions,
  file: MemberFile | undefined,
  isEmpty: boolean,
): void {
  if (file !== undefined && (file.nodeId !== nodeId || file.clusterId !== clusterId)) {
    throw new SwarmError(
      'failed_precondition',
      `${dataDir} belongs to node ${file.nodeId} of cluster ${file.clusterId}, not to ${nodeId} of ${clusterId}`,
    );
  }
  if (file === undefined && !isEmpty) {
    throw new SwarmError(
      'data_loss',
      `${dataDir} holds a log and no member.json; restore the folder from a backup`,
    );
  }
  if (file === undefined && (origin.kind === 'restart' || origin.kind === 'forceNewCluster')) {
    throw new SwarmError('failed_precondition', `${dataDir} holds no manager state to start from`);
  }
}

/** Makes this member the only one of its group, in its log, before anything runs. */
async function forceNewGroup(
  { dataDir, nodeId, clusterId }: RaftStartOptions,
  storage: RaftStorage,
  self: Member,
): Promise<MemberStart> {
  const { stored } = storage;
  const entries = soleSurvivorEntries(stored, self);
  const last = entries.at(-1);
  const start = { self, peers: [] };
  writeMemberFile(dataDir, { version: 1, raftId: self.raftId, nodeId, clusterId, peers: [] });
  if (last === undefined) {
    return { ...start, stored };
  }
  const hardState: HardState = { term: last.term, vote: 0, commit: last.logIndex };
  await storage.wal.write([{ kind: 'append', position: undefined, entries, hardState }]);
  return { ...start, stored: { ...stored, hardState, entries: [...stored.entries, ...entries] } };
}

const RESTORED_TERM = 1;

/** Whether an earlier start was cut short between the snapshot of a restored state and its place in the log. */
function isRestoring({ stored, newest }: RaftStorage): boolean {
  return newest?.meta.term === RESTORED_TERM && stored.entries.length === 0 && stored.hardState.term === 0;
}

/** Begins a group of one from a state that was backed up: as a snapshot that the log goes on after. */
async function restoreMember(
  { dataDir, nodeId, clusterId, advertiseAddr }: RaftStartOptions,
  storage: RaftStorage,
  { logIndex, data }: Extract<RaftStartOptions['origin'], { kind: 'restore' }>,
): Promise<MemberStart> {
  const raftId = readMemberFile(dataDir)?.raftId ?? newRaftId();
  const self = { raftId, nodeId, addr: advertiseAddr };
  writeMemberFile(dataDir, { version: 1, raftId, nodeId, clusterId, peers: [] });
  const meta = { logIndex, term: RESTORED_TERM, membership: initialMembership([self]) };
  await storage.snapshots.save({ meta, data });
  const hardState: HardState = { term: RESTORED_TERM, vote: 0, commit: logIndex };
  const position = { logIndex, term: RESTORED_TERM };
  await storage.wal.write([{ kind: 'reset', position, entries: [], hardState }]);
  return { self, peers: [], stored: { hardState, snapshot: meta, entries: [] }, restored: { meta, data } };
}
