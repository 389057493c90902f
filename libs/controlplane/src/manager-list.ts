import { SwarmError } from '@skep/kernel';
import type { ReadTx } from '@skep/store';
import type { ManagerAddress } from '@skep/wire';

import type { LeaderAddress } from './broker/leader-link.ts';
import type { ControlPlaneStatus, ManagerInfo } from './control-plane-api.ts';
import type { RaftStatus } from './driver/raft-handle.ts';

/** The Raft members with the addresses of their API, as far as they have told it. */
export function managersOf(
  tx: ReadTx,
  raft: RaftStatus,
  self: { readonly nodeId: string; readonly apiUrl: string | undefined },
): ManagerInfo[] {
  return raft.members.map(({ nodeId, raftId, addr }) => {
    const apiUrl = nodeId === self.nodeId ? self.apiUrl : tx.get('node', nodeId)?.manager?.apiUrl;
    return { nodeId, raftId, addr, ...(apiUrl === undefined ? {} : { apiUrl }) };
  });
}

export function toManagerAddress({ nodeId, addr, apiUrl }: ManagerInfo): ManagerAddress {
  return { nodeId, addr, ...(apiUrl === undefined ? {} : { apiUrl }) };
}

/** What the edge is told of Raft. */
export function toControlPlaneStatus(facts: {
  readonly raft: RaftStatus;
  readonly nodeId: string;
  readonly clusterId: string;
  readonly isLeading: boolean;
  readonly appliedRev: number;
  readonly managers: readonly ManagerInfo[];
}): ControlPlaneStatus {
  const { raft, nodeId, clusterId, isLeading, appliedRev, managers } = facts;
  const leader = managers.find((manager) => manager.nodeId === raft.leader?.nodeId);
  return {
    nodeId,
    clusterId,
    raftId: raft.raftId,
    role: roleOf(raft, nodeId),
    term: raft.term,
    isLeader: isLeading,
    isReady: isLeading || (raft.role !== 'leader' && raft.hasQuorum),
    ...(leader === undefined ? {} : { leader }),
    managers,
    appliedRev,
    commitRev: raft.commit,
    disk: raft.disk,
  };
}

function roleOf(raft: RaftStatus, nodeId: string): ControlPlaneStatus['role'] {
  if (raft.role === 'leader') {
    return 'leader';
  }
  if (raft.members.find((member) => member.nodeId === nodeId)?.role === 'learner') {
    return 'learner';
  }
  return raft.role === 'follower' ? 'follower' : 'candidate';
}

/** The refusal of a write on a manager that does not lead, in Swarm's words when nobody does. */
export function notLeaderError(status: ControlPlaneStatus | undefined): SwarmError {
  const leader = status?.leader;
  if (leader === undefined || leader.nodeId === status?.nodeId) {
    return new SwarmError(
      'unavailable',
      'The swarm does not have a leader. It is possible that too few managers are online. ' +
        'Make sure more than half of the managers are online.',
    );
  }
  return new SwarmError('not_leader', `this manager is not the leader; ${leader.addr} is`, {
    details: {
      leaderAddr: leader.addr,
      ...(leader.apiUrl === undefined ? {} : { leaderApiUrl: leader.apiUrl }),
    },
  });
}

/** Where the leader is, when it is known and another manager than this one. */
export function leaderElsewhere(status: RaftStatus, ownNodeId: string): LeaderAddress | undefined {
  const { leader } = status;
  return leader === undefined || leader.nodeId === ownNodeId
    ? undefined
    : { nodeId: leader.nodeId, addr: leader.addr };
}

/** The nodes that are managers by their spec. */
export function managerIds(tx: ReadTx): string[] {
  return tx
    .list('node')
    .filter(({ spec }) => spec.role === 'manager')
    .map(({ id }) => id);
}
