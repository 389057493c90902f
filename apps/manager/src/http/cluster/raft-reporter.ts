import { Inject, Injectable } from '@nestjs/common';

import type { ManagerView, RaftMemberView, RaftView } from '@skep/contract';
import {
  managerAdvice,
  type ControlPlane,
  type ControlPlaneStatus,
  type ManagerInfo,
  type ReadTx,
} from '@skep/controlplane';

import { LeaderDoor } from '../../common/leader-door.ts';
import { nodeName } from '../../common/lookup.ts';
import { CONTROL_PLANE } from '../../tokens.ts';

/** Tells of the managers and their Raft group as this manager sees them. */
@Injectable()
export class RaftReporter {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(LeaderDoor) private readonly door: LeaderDoor,
  ) {}

  view(): RaftView {
    const status = this.controlPlane.status();
    const members = this.controlPlane.view((tx) =>
      status.managers.map((manager) => toMember(tx, manager, status.leader?.nodeId)),
    );
    const hasQuorum = this.door.hasLeader();
    return {
      nodeId: status.nodeId,
      leaderId: status.leader?.nodeId ?? null,
      isLeader: status.isLeader,
      hasQuorum,
      term: status.term,
      commitIndex: status.commitRev,
      appliedIndex: status.appliedRev,
      disk: status.disk,
      members,
      sentence: sentenceOf(members, hasQuorum),
      advice: [
        ...managerAdvice(
          members.map(({ name, reachability }) => ({ name, isReachable: reachability !== 'unreachable' })),
        ),
        ...diskAdvice(status.disk),
      ],
    };
  }

  managers(): ManagerView[] {
    return this.view().members.map((member) => ({
      id: member.nodeId,
      name: member.name,
      ...(member.apiUrl === undefined ? {} : { url: member.apiUrl }),
      reachable: member.reachability !== 'unreachable',
      leader: member.isLeader,
    }));
  }
}

/** What to do about the disk that this manager's log is on. */
function diskAdvice(disk: ControlPlaneStatus['disk']): string[] {
  switch (disk) {
    case 'ok':
      return [];
    case 'slow':
      return [
        'the disk of this manager is slow to write, so another one leads if it can. Move its data to a faster disk',
      ];
    case 'full':
      return [
        'the disk of this manager is full: it waits, and leads no more if another can. Make room on it',
      ];
  }
}

function toMember(tx: ReadTx, manager: ManagerInfo, leaderId: string | undefined): RaftMemberView {
  const node = tx.get('node', manager.nodeId);
  return {
    raftId: manager.raftId,
    nodeId: manager.nodeId,
    name: node === undefined ? manager.nodeId : nodeName(node),
    addr: manager.addr,
    role: 'voter',
    isLeader: manager.nodeId === leaderId,
    reachability: node?.manager?.reachability ?? 'unknown',
    ...(manager.apiUrl === undefined ? {} : { apiUrl: manager.apiUrl }),
  };
}

function sentenceOf(members: readonly RaftMemberView[], hasQuorum: boolean): string {
  const voters = members.filter(({ role }) => role === 'voter').length;
  const reachable = members.filter(({ reachability }) => reachability !== 'unreachable').length;
  const majority = Math.floor(voters / 2) + 1;
  const known = `${String(voters)} ${voters === 1 ? 'voter' : 'voters'}`;
  if (!hasQuorum) {
    return `${known}, no leader: nothing can be changed until ${String(majority)} answer each other`;
  }
  return `${known}, ${String(reachable)} reachable: can lose ${String(Math.max(0, reachable - majority))}`;
}
