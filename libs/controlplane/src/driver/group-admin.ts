import type { Logger } from 'pino';

import { SwarmError, errorMessage } from '@skep/kernel';
import { isJoint, type Member, type MembershipChange, type RaftNode } from '@skep/raft';

import type { ChannelPeer } from '../transport/channel.ts';
import type { ManagerAnswer, ManagerRequest } from '../transport/manager-rpc.ts';
import { learnerToPromote, planJoin, planMembershipRequest } from './membership-plan.ts';
import type { MembershipRequest } from './raft-handle.ts';
import type { RaftLoop } from './raft-loop.ts';

export interface GroupAdminOptions {
  readonly node: RaftNode;
  /** What drives the node. */
  readonly loop: Pick<RaftLoop, 'requests' | 'schedule' | 'withLeader'>;
  /** This member, by the address it has now. */
  readonly self: () => Member;
  /** A raft id that was never given before. */
  readonly newRaftId: () => number;
  /** Asks the leader to take note of the address of this member. */
  readonly tellAddress: (leader: Member, self: Member) => Promise<unknown>;
  /** Whether every manager's certificate may join; else only those that {@link GroupAdmin.admit} names. */
  readonly isOpenToAll: boolean;
  readonly logger: Logger;
}

/** How often the leader looks for learners to promote, and a member for its own address. */
const CHORES_TICKS = 3;
const ADDRESS_TICKS = 60;
const TRANSFER_TICKS = 100;
/** How long a membership change may take. */
const MEMBERSHIP_TICKS = 200;

/** Joins, promotions, removals, addresses and hand-overs: what the group does with itself. */
export class GroupAdmin {
  readonly #options: GroupAdminOptions;
  #tick = 0;
  #isAskingAddress = false;
  #admitted: ReadonlySet<string> | undefined;

  constructor(options: GroupAdminOptions) {
    this.#options = options;
  }

  get #isLeader(): boolean {
    return this.#options.node.isLeader;
  }

  /** These nodes may join from now on. */
  admit(nodeIds: readonly string[]): void {
    this.#admitted = new Set(nodeIds);
  }

  #assertAdmitted(nodeId: string): void {
    if (this.#options.isOpenToAll || this.#admitted?.has(nodeId) === true) {
      return;
    }
    if (this.#admitted === undefined) {
      throw new SwarmError('unavailable', 'this manager is just starting; try again');
    }
    throw new SwarmError('permission_denied', `node ${nodeId} is not to be a manager; promote it first`);
  }

  /** Answers a question of another manager. */
  async serve(request: ManagerRequest, peer: ChannelPeer): Promise<ManagerAnswer> {
    const { node, loop } = this.#options;
    if (!this.#isLeader) {
      const error = new SwarmError('not_leader', 'this manager is not the leader');
      throw loop.withLeader(error);
    }
    if (request.op === 'address') {
      const member = node.membership.members.find((item) => item.raftId === request.raftId);
      if (member?.nodeId !== peer.nodeId) {
        throw new SwarmError('permission_denied', 'a manager may only change its own address');
      }
      await this.#change({ kind: 'updateAddress', nodeId: peer.nodeId, addr: request.addr });
      return { raftId: member.raftId, members: [...node.membership.members] };
    }
    this.#assertAdmitted(peer.nodeId);
    const joining: Member = { raftId: this.#options.newRaftId(), nodeId: peer.nodeId, addr: request.addr };
    this.#options.logger.info({ peer: peer.nodeId, addr: request.addr }, 'a manager asked to join');
    await this.#change({ kind: 'change', change: planJoin(node.membership, joining) });
    return { raftId: joining.raftId, members: [...node.membership.members] };
  }

  /** Carries out a request and waits until it is applied. */
  async #change(request: MembershipRequest): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.change(request, (error) => {
        if (error === undefined) {
          resolve();
        } else {
          reject(error instanceof Error ? error : new SwarmError('internal', errorMessage(error)));
        }
      });
    });
  }

  /**
   * Carries out a request; `answer` is called when it is applied or has failed.
   * @throws SwarmError when it is refused at once.
   */
  change(request: MembershipRequest, answer: (error?: unknown) => void): void {
    const { node, loop } = this.#options;
    const status = node.status();
    const heard = new Set(
      status.followers.filter((item) => item.isRecentlyActive).map((item) => item.raftId),
    );
    const isReachable = (raftId: number): boolean => raftId === node.raftId || heard.has(raftId);
    if (!this.#isLeader) {
      throw loop.withLeader(new SwarmError('not_leader', 'this manager is not the leader'));
    }
    this.#propose(
      planMembershipRequest({ membership: status.membership, leaderId: node.raftId, isReachable }, request),
      answer,
    );
  }

  #propose(change: MembershipChange, answer: (error?: unknown) => void): void {
    const { node, loop } = this.#options;
    const proposed = node.proposeMembership(change);
    if (!proposed.ok) {
      throw loop.withLeader(proposed.error);
    }
    const { logIndex, term } = proposed.value;
    const isDone = (): boolean => {
      const status = node.status();
      if (status.term !== term && status.applied < logIndex) {
        throw new SwarmError('unavailable', 'the leadership changed before the membership change was made');
      }
      return status.applied >= logIndex && !isJoint(status.membership);
    };
    const late = ['deadline_exceeded', 'the membership change was not confirmed in time'] as const;
    loop.requests.add(MEMBERSHIP_TICKS, { isDone, answer, late });
    loop.schedule();
  }

  /**
   * Hands the leadership over; `answer` is called when someone else leads.
   * @throws SwarmError `not_leader`, `not_found`, `failed_precondition`.
   */
  transfer(nodeId: string | undefined, answer: (error?: unknown) => void): void {
    const { node, loop } = this.#options;
    if (!this.#isLeader) {
      throw loop.withLeader(new SwarmError('not_leader', 'this manager is not the leader'));
    }
    const { followers, membership, term } = node.status();
    const voters = followers
      .filter((item) => item.raftId !== node.raftId && membership.voters.includes(item.raftId))
      .sort((a, b) => b.match - a.match);
    const wanted = membership.members.find((member) => member.nodeId === nodeId)?.raftId;
    const target = nodeId === undefined ? voters.find((item) => item.isRecentlyActive)?.raftId : wanted;
    if (target === node.raftId) {
      answer();
      return;
    }
    if (target === undefined || !voters.some((item) => item.raftId === target)) {
      throw new SwarmError('failed_precondition', 'no other manager can take over the leadership');
    }
    node.transferLeadership(target);
    loop.requests.add(TRANSFER_TICKS, {
      isDone: () => node.term > term && node.leaderId !== 0 && node.leaderId !== node.raftId,
      answer,
      late: ['deadline_exceeded', 'the other manager did not take over the leadership in time'],
    });
    loop.schedule();
  }

  /** One tick of time: chores that are due now and then. */
  tick(): void {
    this.#tick += 1;
    if (this.#isLeader && this.#tick % CHORES_TICKS === 0) {
      this.#promoteLearner();
    }
    if (this.#tick % ADDRESS_TICKS === 0) {
      this.#checkAddress();
    }
  }

  #promoteLearner(): void {
    const { node, loop, logger } = this.#options;
    const status = node.status();
    const learner = learnerToPromote(status.membership, status.commit, status.followers);
    if (learner === undefined) {
      return;
    }
    const promoted = node.proposeMembership({
      transition: 'auto',
      changes: [{ kind: 'addVoter', member: learner }],
    });
    if (promoted.ok) {
      logger.info({ peer: learner.nodeId }, 'promoted a manager that has caught up');
      loop.schedule();
    }
  }

  /** Tells the group the address of this member when it has changed since it was agreed on. */
  #checkAddress(): void {
    const { node, logger, tellAddress } = this.#options;
    const self = this.#options.self();
    const agreed = node.membership.members.find((member) => member.raftId === self.raftId);
    const leader = node.membership.members.find((member) => member.raftId === node.leaderId);
    if (agreed === undefined || leader === undefined || agreed.addr === self.addr || this.#isAskingAddress) {
      return;
    }
    this.#isAskingAddress = true;
    const { nodeId, addr } = self;
    const told = this.#isLeader
      ? this.#change({ kind: 'updateAddress', nodeId, addr })
      : tellAddress(leader, self);
    told
      .then(
        () => {
          logger.info({ addr }, 'told the managers the new address of this one');
        },
        (error: unknown) => {
          logger.warn({ err: error }, 'could not tell the managers the new address; trying again');
        },
      )
      .finally(() => {
        this.#isAskingAddress = false;
      });
  }
}
