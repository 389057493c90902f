import {
  Dispatcher,
  Leadership,
  Replica,
  leaderLoops,
  type Channel,
  type LeaderPart,
} from '@skep/controlplane/parts';
import { newObjectId, type Clock, type Prng } from '@skep/kernel';
import type { Entry, RaftNode, Snapshot } from '@skep/raft';
import { decodeEntry, encodeEntry, type AppliedEntry, type ReadTx, type WriteTx } from '@skep/store';
import type { ManagerAddress } from '@skep/wire';

import type { SwarmPlant } from '../plants.ts';
import type { MemberApplication } from '../sim-member.ts';
import type { SimProcess } from '../sim-process.ts';
import { RaftPort } from './raft-port.ts';
import { silentLog } from './silent-log.ts';
import { plantedTx } from './swarm-plants.ts';

export interface ManagerOutside {
  readonly host: number;
  readonly process: SimProcess;
  readonly clock: Clock;
  readonly random: Prng;
  readonly plant: SwarmPlant | undefined;
  readonly managers: () => readonly ManagerAddress[];
  readonly pump: () => void;
  readonly onApplied: (store: Replica['store'], applied: AppliedEntry) => void;
  readonly onFatal: (error: unknown) => void;
}

/** The control plane of one manager in one life: the real replica, dispatcher and loops above a member of the group. */
export class SimManager implements MemberApplication {
  readonly replica: Replica;
  readonly #outside: ManagerOutside;
  readonly #port: RaftPort;
  readonly #dispatcher: Dispatcher;
  readonly #leadership: Leadership;
  #leaderId = 0;

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
      managers: outside.managers,
      leaderAddr: () => (this.#leaderId === 0 ? undefined : addressOf(this.#leaderId)),
    };
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
    });
    store.onRestored(() => {
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
    return [dispatcher, loops];
  }

  get isLeading(): boolean {
    return this.#leadership.isLeading;
  }

  get connectedNodeIds(): string[] {
    return this.#dispatcher.connectedNodeIds();
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
    const { role, leaderId, term } = node.status();
    this.#leaderId = leaderId;
    this.#leadership.observe({ isElected: role === 'leader', term });
  }

  onTick(node: RaftNode): void {
    this.#port.onTick(node);
  }
}

/** Where the manager of a host listens. */
export function addressOf(host: number): string {
  return `10.1.0.${String(host)}:2377`;
}
