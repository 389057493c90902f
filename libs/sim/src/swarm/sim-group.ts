import {
  GroupAdmin,
  RequestBook,
  toRaftStatus,
  type MembershipRequest,
  type RaftStatus,
} from '@skep/controlplane/parts';
import { SwarmError, errorMessage } from '@skep/kernel';
import type { Member, RaftNode } from '@skep/raft';

import type { SimProcess } from '../sim-process.ts';
import { silentLog } from './silent-log.ts';

export interface GroupOutside {
  readonly self: { readonly nodeId: string; readonly addr: string };
  readonly process: SimProcess;
  readonly pump: () => void;
  readonly newRaftId: () => number;
  /** Last log index that the store has applied. */
  readonly applied: () => number;
}

/** The group of managers as one manager's control plane sees it, with the real care for its members. */
export class SimGroup {
  readonly #outside: GroupOutside;
  readonly #requests = new RequestBook();
  #node: RaftNode | undefined;
  #admin: GroupAdmin | undefined;
  #admitted: readonly string[] | undefined;

  constructor(outside: GroupOutside) {
    this.#outside = outside;
  }

  onReady(node: RaftNode): void {
    this.#node = node;
    this.#requests.check();
  }

  onTick(node: RaftNode): void {
    this.#node = node;
    this.#requests.tick();
    this.#present().tick();
  }

  /** These nodes may be managers. */
  admit(nodeIds: readonly string[]): void {
    this.#admitted = nodeIds;
    this.#admin?.admit(nodeIds);
  }

  /** @throws SwarmError `unavailable` before the member has started. */
  status(): RaftStatus {
    const node = this.#running();
    return toRaftStatus({
      node: node.status(),
      nodeId: this.#outside.self.nodeId,
      applied: this.#outside.applied(),
      snapshotIndex: 0,
      hasQuorum: true,
      isRemoved: false,
      disk: 'ok',
    });
  }

  changeMembership(request: MembershipRequest): Promise<void> {
    return this.#ask((answer) => {
      this.#present().change(request, answer);
    });
  }

  transferLeadership(nodeId?: string): Promise<void> {
    return this.#ask((answer) => {
      this.#present().transfer(nodeId, answer);
    });
  }

  /** Takes another manager in; answers its raft id. */
  async takeIn(joining: { readonly nodeId: string; readonly addr: string }): Promise<number> {
    const peer = {
      nodeId: joining.nodeId,
      role: 'manager',
      clusterId: 'cluster',
      certificatePem: '',
    } as const;
    const { raftId } = await this.#present().serve({ op: 'join', addr: joining.addr }, peer);
    return raftId;
  }

  #ask(request: (answer: (error?: unknown) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      request((error) => {
        if (error === undefined) {
          resolve();
        } else {
          reject(error instanceof Error ? error : new SwarmError('internal', errorMessage(error)));
        }
      });
    });
  }

  #running(): RaftNode {
    if (this.#node === undefined) {
      throw new SwarmError('unavailable', 'this manager is not up');
    }
    return this.#node;
  }

  #present(): GroupAdmin {
    if (this.#admin === undefined) {
      const { self, process, pump, newRaftId } = this.#outside;
      const node = this.#running();
      const schedule = (): void => {
        process.post(0, pump);
      };
      this.#admin = new GroupAdmin({
        node,
        loop: { requests: this.#requests, schedule, withLeader: (error) => error },
        self: (): Member => ({ raftId: node.raftId, ...self }),
        newRaftId,
        tellAddress: () => Promise.reject(new Error('no address changes here')),
        isOpenToAll: false,
        logger: silentLog,
      });
      if (this.#admitted !== undefined) {
        this.#admin.admit(this.#admitted);
      }
    }
    return this.#admin;
  }
}
