import { SwarmError } from '@skep/kernel';

import { ByteReader, ByteWriter } from './bytes.ts';
import type { Entry, HardState } from './entry.ts';
import type { Member, MemberChange, Membership, MembershipChange } from './membership.ts';
import type { SnapshotMeta } from './snapshot.ts';

/**
 * The durable encodings: entries, hard state, membership, snapshot metadata. Each is canonical (one value, one
 * encoding). A change here is a change of the format on disk: add, never reorder.
 */
const MEMBER_CHANGE_KINDS = ['addVoter', 'addLearner', 'update', 'remove'] as const;
const TRANSITIONS = ['auto', 'joint', 'jointExplicit'] as const;

export function writeEntry(writer: ByteWriter, entry: Entry): void {
  writer.uint(entry.logIndex);
  writer.uint(entry.term);
  writer.byte(entry.kind === 'normal' ? 0 : 1);
  writer.bytes(entry.data);
}

export function readEntry(reader: ByteReader): Entry {
  const logIndex = reader.uint();
  const term = reader.uint();
  const kind = reader.flag() ? 'membership' : 'normal';
  return { logIndex, term, kind, data: reader.bytes() };
}

export function writeHardState(writer: ByteWriter, hardState: HardState): void {
  writer.uint(hardState.term);
  writer.uint(hardState.vote);
  writer.uint(hardState.commit);
}

export function readHardState(reader: ByteReader): HardState {
  return { term: reader.uint(), vote: reader.uint(), commit: reader.uint() };
}

function writeMember(writer: ByteWriter, member: Member): void {
  writer.uint(member.raftId);
  writer.text(member.nodeId);
  writer.text(member.addr);
}

function readMember(reader: ByteReader): Member {
  return { raftId: reader.uint(), nodeId: reader.text(), addr: reader.text() };
}

export function writeMembership(writer: ByteWriter, membership: Membership): void {
  const id = (raftId: number): void => {
    writer.uint(raftId);
  };
  writer.list(membership.voters, id);
  writer.list(membership.votersOutgoing, id);
  writer.list(membership.learners, id);
  writer.list(membership.learnersNext, id);
  writer.flag(membership.autoLeave);
  writer.list(membership.members, (member) => {
    writeMember(writer, member);
  });
  writer.list(membership.removed, id);
}

export function readMembership(reader: ByteReader): Membership {
  const id = (): number => reader.uint();
  return {
    voters: reader.list(id),
    votersOutgoing: reader.list(id),
    learners: reader.list(id),
    learnersNext: reader.list(id),
    autoLeave: reader.flag(),
    members: reader.list(() => readMember(reader)),
    removed: reader.list(id),
  };
}

export function writeSnapshotMeta(writer: ByteWriter, meta: SnapshotMeta): void {
  writer.uint(meta.logIndex);
  writer.uint(meta.term);
  writeMembership(writer, meta.membership);
}

export function readSnapshotMeta(reader: ByteReader): SnapshotMeta {
  return { logIndex: reader.uint(), term: reader.uint(), membership: readMembership(reader) };
}

/** The data of an entry of kind `membership`. */
export function encodeMembershipChange(change: MembershipChange): Uint8Array {
  const writer = new ByteWriter(128);
  writer.byte(TRANSITIONS.indexOf(change.transition));
  writer.list(change.changes, (item) => {
    writer.byte(MEMBER_CHANGE_KINDS.indexOf(item.kind));
    if (item.kind === 'remove') {
      writer.uint(item.raftId);
    } else {
      writeMember(writer, item.member);
    }
  });
  return writer.written;
}

/** @throws SwarmError `data_loss` when the bytes are no membership change. */
export function decodeMembershipChange(bytes: Uint8Array): MembershipChange {
  const reader = new ByteReader(bytes);
  const transition = TRANSITIONS[reader.byte()];
  const changes = reader.list((): MemberChange => {
    const kind = MEMBER_CHANGE_KINDS[reader.byte()];
    if (kind === undefined) {
      throw unknownKind();
    }
    return kind === 'remove' ? { kind, raftId: reader.uint() } : { kind, member: readMember(reader) };
  });
  reader.end();
  if (transition === undefined) {
    throw unknownKind();
  }
  return { transition, changes };
}

function unknownKind(): SwarmError {
  return new SwarmError('data_loss', 'raft record is of an unknown kind; it may come from a newer version');
}
