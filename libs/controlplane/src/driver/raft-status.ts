import { isJoint, type Membership, type NodeStatus } from '@skep/raft';

import type { DiskState } from './disk-health.ts';
import type { RaftMemberStatus, RaftStatus } from './raft-handle.ts';

export interface StatusInput {
  readonly node: NodeStatus;
  readonly nodeId: string;
  readonly applied: number;
  readonly snapshotIndex: number;
  readonly hasQuorum: boolean;
  /** A peer said that this member was removed. */
  readonly isRemoved: boolean;
  readonly disk: DiskState;
}

/** The status as the main thread sees it. */
export function toRaftStatus(input: StatusInput): RaftStatus {
  const { node } = input;
  const { membership } = node;
  return {
    raftId: node.raftId,
    nodeId: input.nodeId,
    term: node.term,
    role: node.role,
    leader: membership.members.find((member) => member.raftId === node.leaderId),
    commit: node.commit,
    applied: input.applied,
    lastIndex: node.lastIndex,
    snapshotIndex: input.snapshotIndex,
    members: membersOf(node, membership),
    isChangingMembership: isJoint(membership),
    hasQuorum: input.hasQuorum,
    isRemoved: input.isRemoved || membership.removed.includes(node.raftId),
    disk: input.disk,
  };
}

function membersOf(node: NodeStatus, membership: Membership): readonly RaftMemberStatus[] {
  return membership.members.map((member) => {
    const follower = node.followers.find((item) => item.raftId === member.raftId);
    return {
      ...member,
      role: membership.voters.includes(member.raftId) ? 'voter' : 'learner',
      isLeader: member.raftId === node.leaderId,
      ...(follower === undefined
        ? {}
        : {
            match: follower.match,
            state: follower.state,
            isReachable: member.raftId === node.raftId || follower.isRecentlyActive,
          }),
    };
  });
}

/** What a change of is worth telling at once; progress alone is not. */
export function statusSignature(status: RaftStatus): string {
  const members = status.members.map(
    (member) => `${String(member.raftId)}/${member.addr}/${member.role}/${String(member.isReachable)}`,
  );
  return JSON.stringify([
    status.term,
    status.role,
    status.leader?.raftId,
    status.hasQuorum,
    status.isRemoved,
    status.disk,
    status.isChangingMembership,
    members,
  ]);
}
