import {
  Dispatcher,
  Leadership,
  MembershipKeeper,
  NodeAdmin,
  Replica,
  leaderLoops,
  managerIds,
  type Channel,
  type LeaderPart,
  type MembershipRequest,
  type RaftStatus,
} from '@skep/controlplane/parts';
import { newObjectId, type Clock, type Prng } from '@skep/kernel';
import type { Entry, Member, Membership, RaftNode, Snapshot } from '@skep/raft';
import { decodeEntry, encodeEntry, type AppliedEntry, type ReadTx, type WriteTx } from '@skep/store';

import type { SwarmPlant } from '../plants.ts';
import type { MemberApplication } from '../sim-member.ts';
import type { SimProcess } from '../sim-process.ts';
import { RaftPort } from './raft-port.ts';
import { silentLog } from './silent-log.ts';
import { SimGroup } from './sim-group.ts';
import { plantedTx } from './swarm-plants.ts';

export interface ManagerOutside {
  readonly nodeId: string;
  readonly addr: string;
  readonly process: SimProcess;
  readonly clock: Clock;
  readonly random: Prng;
  readonly plant: SwarmPlant | undefined;
  readonly newRaftId: () => number;
  readonly pump: () => void;
  readonly onApplied: (store: Replica['store'], applied: AppliedEntry) => void;
  readonly onFatal: (error: unknown) => void;
}

/** The control plane of one manager in one life: the real replica, dispatcher and loops above a member of the group. */
export class SimManager implements MemberApplication {
  readonly replica: Replica;
  /** Promotions and demotions as users ask for them. */
  readonly nodes: NodeAdmin;
  readonly #outside: ManagerOutside;
  readonly #port: RaftPort;
  readonly #dispatcher: Dispatcher;
  readonly #leadership: Leadership;
  readonly #group: SimGroup;
  readonly #keeper: MembershipKeeper;
  #membership: Membership | undefined;
  #leader: Member | undefined;

  constructor(outside: ManagerOutside) {
    this.#outside = outside;
    const { process, clock, random, pump } = outside;
    const newId = (): string =>
      newObjectId((count) => Uint8Array.from({ length: count }, () => random.nextInt(256)));
    this.#port = new RaftPort(process, pump);
    this.replica = new Replica({
      raft: this.#port,
      clock,
      newId,
      log: silentLog,
      onBatch: (term) => {
        if (term !== undefined) {
          this.#leadership.applied(term);
        }
      },
      onFatal: outside.onFatal,
    });
    const { store } = this.replica;
    const ports = {
      clock,
      newId,
      log: silentLog,
      view: <T>(fn: (tx: ReadTx) => T): T => fn(store.view()),
      update: this.replica.update.bind(this.replica),
      updateParts: this.replica.updateParts.bind(this.replica),
      managers: () => (this.#membership?.members ?? []).map(({ nodeId, addr }) => ({ nodeId, addr })),
      leaderAddr: () => this.#leader?.addr,
    };
    this.#group = new SimGroup({
      self: { nodeId: outside.nodeId, addr: outside.addr },
      process,
      pump,
      newRaftId: outside.newRaftId,
      applied: () => store.logIndex,
    });
    this.#keeper = new MembershipKeeper(
      {
        ...ports,
        nodeId: outside.nodeId,
        isLeading: () => this.isLeading,
        raftStatus: () => this.#group.status(),
        changeMembership: (request) => this.#changeMembership(request),
        transferLeadership: (nodeId) => this.#group.transferLeadership(nodeId),
      },
      process,
    );
    this.nodes = new NodeAdmin({ nodeId: outside.nodeId, raft: this.#group, cluster: ports });
    this.#dispatcher = new Dispatcher({ ...ports, timers: process });
    this.#leadership = new Leadership(this.#leaderParts(ports));
  }

  #leaderParts(ports: Omit<Parameters<typeof leaderLoops>[0], 'onApplied' | 'onRestored'>): LeaderPart[] {
    const { store } = this.replica;
    const { plant, process } = this.#outside;
    const loops = leaderLoops(
      {
        ...ports,
        updateParts: (context, fn) => ports.updateParts(context, (tx: WriteTx) => fn(plantedTx(plant, tx))),
        onApplied: (callback) => store.onApplied(callback),
        onRestored: (callback) => store.onRestored(callback),
      },
      process,
    );
    store.onApplied((applied) => {
      this.#outside.onApplied(store, applied);
      this.#dispatcher.onApplied(applied);
      if (applied.events.some(({ kind }) => kind === 'node')) {
        this.#group.admit(managerIds(store.view()));
        this.#keeper.check();
      }
    });
    store.onRestored(() => {
      this.#group.admit(managerIds(store.view()));
      this.#dispatcher.resync();
    });
    const dispatcher: LeaderPart = {
      start: () => {
        this.#dispatcher.leadershipGained();
      },
      stop: () => {
        this.#dispatcher.leadershipLost();
      },
    };
    const keeper: LeaderPart = {
      start: () => {
        this.#keeper.start();
      },
      stop: () => {
        this.#keeper.stop();
      },
    };
    return [dispatcher, loops, keeper];
  }

  async #changeMembership(request: MembershipRequest): Promise<void> {
    const { plant, process } = this.#outside;
    if (plant === 'keepDemoted') {
      // Mistake: a manager that is to be a worker stays in the group.
      await new Promise<void>((resolve) => process.after(1_000, resolve));
    } else {
      await this.#group.changeMembership(request);
    }
  }

  get isLeading(): boolean {
    return this.#leadership.isLeading;
  }

  get connectedNodeIds(): string[] {
    return this.#dispatcher.connectedNodeIds();
  }

  /** The members of the group, as this manager knows them. */
  get members(): RaftStatus['members'] {
    return this.#group.status().members;
  }

  /** Takes another manager in; answers its raft id. */
  takeIn(joining: { readonly nodeId: string; readonly addr: string }): Promise<number> {
    return this.#group.takeIn(joining);
  }

  accept(channel: Channel): void {
    this.#dispatcher.accept(channel);
  }

  get logIndex(): number {
    return this.replica.store.logIndex;
  }

  apply(entry: Entry): void {
    this.#port.commit(entry, entry.kind === 'normal' ? this.#planted(entry.data) : new Uint8Array(0));
  }

  /** Mistake: applying looks at the clock of the manager that applies. */
  #planted(data: Uint8Array): Uint8Array {
    if (this.#outside.plant !== 'applyUsesClock' || data.byteLength === 0) {
      return data;
    }
    return encodeEntry({ ...decodeEntry(data), atMs: Math.floor(this.#outside.clock.nowMs()) });
  }

  snapshot(): Uint8Array {
    return this.replica.store.snapshot();
  }

  restore(snapshot: Snapshot): void {
    this.#port.restore(snapshot);
  }

  onReady(node: RaftNode): void {
    this.#port.onReady(node);
    this.#group.onReady(node);
    const { role, leaderId, term, membership } = node.status();
    this.#leader = membership.members.find(({ raftId }) => raftId === leaderId);
    this.#leadership.observe({ isElected: role === 'leader', term });
    if (membership !== this.#membership) {
      this.#membership = membership;
      this.#keeper.check();
      this.#dispatcher.managersChanged();
    }
  }

  onTick(node: RaftNode): void {
    this.#port.onTick(node);
    this.#group.onTick(node);
  }
}

/** Where the manager of a host listens. */
export function addressOf(host: number): string {
  return `10.1.0.${String(host)}:2377`;
}
