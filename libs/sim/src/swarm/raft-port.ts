import {
  PendingProposals,
  electionSince,
  type CommittedBatch,
  type RaftStatus,
  type ReplicationPort,
} from '@skep/controlplane/parts';
import { SwarmError } from '@skep/kernel';
import type { Entry, RaftNode, Snapshot } from '@skep/raft';

import type { SimProcess } from '../sim-process.ts';

/** Ticks without leadership after which the fate of what was proposed counts as unknown; two election timeouts. */
const LOST_TICKS = 20;

interface Waiting {
  readonly resolve: (answer: { readonly logIndex: number }) => void;
  readonly reject: (error: unknown) => void;
}

/** The replica's side of a member of the group: proposals go in, what is committed comes out. */
export class RaftPort implements ReplicationPort {
  readonly #process: SimProcess;
  readonly #pump: () => void;
  readonly #pending = new PendingProposals();
  readonly #waiting = new Map<number, Waiting>();
  #node: RaftNode | undefined;
  #nextId = 1;
  #ticksWithoutLeadership = 0;
  #onCommitted: (batch: CommittedBatch) => void = () => undefined;

  constructor(process: SimProcess, pump: () => void) {
    this.#process = process;
    this.#pump = pump;
  }

  propose(
    data: Uint8Array,
    options: { readonly timeoutMs: number; readonly term?: number | undefined },
  ): Promise<{ readonly logIndex: number }> {
    if (options.term !== undefined && options.term !== this.#node?.term) {
      return Promise.reject(electionSince());
    }
    const proposed = this.#node?.proposeBatch([data]);
    if (proposed?.ok !== true) {
      return Promise.reject(proposed?.error ?? new SwarmError('unavailable', 'this manager is not up'));
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#pending.add(id, 1, proposed.value);
    this.#process.post(0, this.#pump);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.after(options.timeoutMs, () => {
        this.#reject([id], new SwarmError('deadline_exceeded', 'the change was not confirmed in time'));
      });
    });
  }

  onCommitted(callback: (batch: CommittedBatch) => void): void {
    this.#onCommitted = callback;
  }

  applied(): void {
    // What is handed out here is applied at once.
  }

  snapshotNeeded(): void {
    // The member asks the store itself.
  }

  status(): RaftStatus {
    throw new SwarmError('internal', 'the replica asks for no status');
  }

  /** An entry is committed: it is applied, then its proposer is told. */
  commit(entry: Entry, data: Uint8Array): void {
    const { logIndex, term } = entry;
    this.#onCommitted({ entries: [{ logIndex, term, data }] });
    const { resolved, lost } = this.#pending.settle([entry]);
    for (let i = 0; i < resolved.length; i += 2) {
      this.#take(resolved[i])?.resolve({ logIndex: resolved[i + 1] ?? 0 });
    }
    this.#reject(
      lost,
      new SwarmError('unavailable', 'another change was committed in the place of this one'),
    );
  }

  restore({ meta, data }: Snapshot): void {
    this.#onCommitted({ entries: [], snapshot: { logIndex: meta.logIndex, data } });
  }

  onReady(node: RaftNode): void {
    this.#node = node;
  }

  onTick(node: RaftNode): void {
    this.#ticksWithoutLeadership = node.isLeader ? 0 : this.#ticksWithoutLeadership + 1;
    if (this.#ticksWithoutLeadership > LOST_TICKS && this.#pending.size > 0) {
      this.#reject(
        this.#pending.takeAll(),
        new SwarmError('unavailable', 'the leadership was lost before the change was confirmed'),
      );
    }
  }

  #take(id: number | undefined): Waiting | undefined {
    const waiting = this.#waiting.get(id ?? 0);
    this.#waiting.delete(id ?? 0);
    return waiting;
  }

  #reject(ids: readonly number[], error: SwarmError): void {
    ids.forEach((id) => this.#take(id)?.reject(error));
  }
}
