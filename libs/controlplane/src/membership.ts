import { SwarmError, errorMessage, every, type Timers } from '@skep/kernel';
import type { ManagerStatus, Node } from '@skep/model';
import type { ReadTx, WriteTx } from '@skep/store';
import type { Logger } from 'pino';

import type { UpdateContext, UpdateResult } from './control-plane-api.ts';
import type { MembershipRequest, RaftMemberStatus, RaftStatus } from './driver/raft-handle.ts';
import { processTimers } from './process-timers.ts';

export interface MembershipPorts {
  readonly log: Logger;
  readonly nodeId: string;
  readonly newId: () => string;
  isLeading(): boolean;
  raftStatus(): RaftStatus;
  changeMembership(request: MembershipRequest): Promise<void>;
  transferLeadership(nodeId?: string): Promise<void>;
  view<T>(fn: (tx: ReadTx) => T): T;
  update<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>>;
}

/** How often the leader compares members and nodes although nothing was noticed. */
const RECHECK_MS = 1_000;
const HANDOVER_DELAY_MS = 500;

/**
 * Whether the group keeps its majority without a member: the voters that stay must be able to agree on their own.
 * Members whose reachability is not known count as reachable only when they are this manager.
 */
export function keepsQuorumWithout(members: readonly RaftMemberStatus[], nodeId: string): boolean {
  const staying = members.filter((member) => member.role === 'voter' && member.nodeId !== nodeId);
  const reachable = staying.filter((member) => member.isLeader || member.isReachable === true);
  return staying.length > 0 && reachable.length > staying.length / 2;
}

/** @throws SwarmError `failed_precondition` in Swarm's words when a manager cannot be taken out now. */
export function assertRemovable(members: readonly RaftMemberStatus[], nodeId: string): void {
  const member = members.find((candidate) => candidate.nodeId === nodeId);
  if (member?.role !== 'voter') {
    return;
  }
  if (members.filter(({ role }) => role === 'voter').length === 1) {
    throw new SwarmError('failed_precondition', 'attempting to demote the last manager of the swarm');
  }
  if (!keepsQuorumWithout(members, nodeId)) {
    throw new SwarmError(
      'failed_precondition',
      "can't remove member from the raft: this would result in a loss of quorum",
    );
  }
}

/** What a node object should say of a member. */
export function managerStatusOf(member: RaftMemberStatus, apiUrl: string | undefined): ManagerStatus {
  return {
    raftId: member.raftId,
    addr: member.addr,
    reachability: member.isLeader || member.isReachable === true ? 'reachable' : 'unreachable',
    isLeader: member.isLeader,
    ...(apiUrl === undefined ? {} : { apiUrl }),
  };
}

function isSameStatus(a: ManagerStatus | undefined, b: ManagerStatus): boolean {
  return (
    a?.raftId === b.raftId &&
    a.addr === b.addr &&
    a.reachability === b.reachability &&
    a.isLeader === b.isLeader &&
    a.apiUrl === b.apiUrl
  );
}

/**
 * The leader's care for the Raft group: nodes that are not to be managers (any more) leave it, and every node object
 * says what its manager is. Joining is asked for by the new manager itself.
 */
export class MembershipKeeper {
  readonly #ports: MembershipPorts;
  readonly #timers: Timers;
  readonly #apiUrls = new Map<string, string>();
  #stopTimer: (() => void) | undefined;
  #isBusy = false;
  #isDirty = false;

  constructor(ports: MembershipPorts, timers: Timers = processTimers) {
    this.#ports = ports;
    this.#timers = timers;
  }

  start(): void {
    this.#stopTimer ??= every(this.#timers, RECHECK_MS, () => {
      this.check();
    });
    this.check();
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  /** The address of a manager's API, as it says itself. */
  announced(nodeId: string, apiUrl: string | undefined): void {
    if (apiUrl !== undefined) {
      this.#apiUrls.set(nodeId, apiUrl);
      this.check();
    }
  }

  /** Compares group and nodes now, or once more after the comparison that is under way. */
  check(): void {
    if (this.#stopTimer === undefined || !this.#ports.isLeading()) {
      return;
    }
    if (this.#isBusy) {
      this.#isDirty = true;
      return;
    }
    this.#isBusy = true;
    void this.#run().finally(() => {
      this.#isBusy = false;
      if (this.#isDirty) {
        this.#isDirty = false;
        this.check();
      }
    });
  }

  async #run(): Promise<void> {
    try {
      await this.#removeUnwanted();
      await this.#describeManagers();
    } catch (error) {
      this.#ports.log.warn({ err: errorMessage(error) }, 'membership was not brought in line');
    }
  }

  async #removeUnwanted(): Promise<void> {
    const { members, isChangingMembership } = this.#ports.raftStatus();
    if (isChangingMembership) {
      return;
    }
    const unwanted = members.filter(
      ({ nodeId }) => this.#ports.view((tx) => tx.get('node', nodeId))?.spec.role !== 'manager',
    );
    const first = unwanted.find(({ nodeId }) => nodeId !== this.#ports.nodeId) ?? unwanted[0];
    if (first === undefined || members.length <= 1) {
      return;
    }
    assertRemovable(members, first.nodeId);
    if (first.nodeId === this.#ports.nodeId) {
      this.#ports.log.info({}, 'this manager is not wanted as one any more and hands the leadership over');
      // The answer to the one who asked for it goes out first.
      await new Promise<void>((resolve) => this.#timers.after(HANDOVER_DELAY_MS, resolve));
      await this.#ports.transferLeadership();
      return;
    }
    await this.#ports.changeMembership({ kind: 'remove', nodeId: first.nodeId });
    this.#ports.log.info({ nodeId: first.nodeId }, 'manager was taken out of the Raft group');
    this.#isDirty = true;
  }

  async #describeManagers(): Promise<void> {
    const changes = this.#wantedChanges();
    if (changes.length === 0) {
      return;
    }
    await this.#ports.update(
      {
        actor: { name: 'system', from: 'membership', via: 'system' },
        requestId: this.#ports.newId(),
        events: changes.flatMap(({ event }) => event ?? []),
      },
      (tx) => {
        for (const { node, manager } of changes) {
          if (tx.get('node', node.id) !== undefined) {
            tx.patch('node', node.id, { manager });
          }
        }
      },
    );
  }

  #wantedChanges(): ManagerChange[] {
    const { members } = this.#ports.raftStatus();
    const nodes = this.#ports.view((tx) => tx.list('node'));
    return nodes.flatMap((node): ManagerChange[] => {
      const member = members.find(({ nodeId }) => nodeId === node.id);
      if (member === undefined) {
        return node.manager === undefined ? [] : [{ node, manager: undefined, event: undefined }];
      }
      const manager = managerStatusOf(member, this.#apiUrls.get(node.id) ?? node.manager?.apiUrl);
      return isSameStatus(node.manager, manager) ? [] : [{ node, manager, event: eventOf(node, manager) }];
    });
  }
}

interface ManagerChange {
  readonly node: Node;
  readonly manager: ManagerStatus | undefined;
  readonly event:
    | {
        action: string;
        severity: 'info' | 'warning';
        target: { kind: string; id: string; name?: string };
        message: string;
      }
    | undefined;
}

function eventOf(node: Node, manager: ManagerStatus): ManagerChange['event'] {
  const hostname = node.description?.hostname;
  const target = { kind: 'node', id: node.id, ...(hostname === undefined ? {} : { name: hostname }) };
  const name = hostname ?? node.id;
  if (manager.isLeader && node.manager?.isLeader !== true) {
    return {
      action: 'leader.changed',
      severity: 'info',
      target,
      message: `Manager ${name} leads the cluster`,
    };
  }
  if (node.manager !== undefined && manager.reachability !== node.manager.reachability) {
    return manager.reachability === 'reachable'
      ? { action: 'manager.reachable', severity: 'info', target, message: `Manager ${name} answers again` }
      : {
          action: 'manager.unreachable',
          severity: 'warning',
          target,
          message: `Manager ${name} does not answer`,
        };
  }
  return undefined;
}
