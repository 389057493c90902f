import { compareTaskStates, isTerminalState, type GenericResource, type Node, type Task } from '@skep/model';
import type { ReadTx } from '@skep/store';

import { isWanted } from '../slot.ts';
import { usageOf, type Demand, type Usage } from './demand.ts';
import { NodeInfo } from './node-info.ts';

/** How a task counts on its node at the moment. */
interface Booking {
  readonly nodeId: string;
  readonly serviceId: string;
  readonly usage: Usage;
  readonly generic: readonly GenericResource[];
  readonly isCounted: boolean;
}

const NO_GENERIC: readonly GenericResource[] = [];

/**
 * All nodes with what is free on them: a summary of the store, kept up change by change so that a decision does not
 * read all tasks. It can be made anew from the store at any time, and holds nothing of its own but recent failures.
 */
export class NodeSet {
  readonly #nodes = new Map<string, NodeInfo>();
  readonly #bookings = new Map<string, Booking>();

  static fromStore(tx: ReadTx): NodeSet {
    const set = new NodeSet();
    tx.list('node').forEach((node) => set.syncNode(node.id, node));
    tx.list('task').forEach((task) => set.syncTask(task.id, task));
    return set;
  }

  get(id: string): NodeInfo | undefined {
    return this.#nodes.get(id);
  }

  all(): Iterable<NodeInfo> {
    return this.#nodes.values();
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Takes a node as it is now; undefined: it is gone. */
  syncNode(id: string, node: Node | undefined): void {
    const info = this.#nodes.get(id);
    if (node === undefined) {
      this.#nodes.delete(id);
    } else if (info === undefined) {
      this.#addNode(new NodeInfo(node));
    } else {
      info.update(node);
    }
  }

  #addNode(info: NodeInfo): void {
    this.#nodes.set(info.id, info);
    for (const booking of this.#bookings.values()) {
      if (booking.nodeId === info.id) {
        book(info, booking, 1);
      }
    }
  }

  /** Takes a task as it is now; undefined: it is gone. Answers whether room was freed on a node. */
  syncTask(id: string, task: Task | undefined): boolean {
    const before = this.#bookings.get(id);
    const after = bookingOf(task, before);
    if (before === after) {
      return false;
    }
    this.#set(id, before, after);
    const isOver = before !== undefined && after === undefined;
    if (isOver && (task?.status.state === 'failed' || task?.status.state === 'rejected')) {
      this.#nodes.get(before.nodeId)?.noteFailure(before.serviceId, task.endedAtMs ?? task.status.atMs);
    }
    return isOver;
  }

  /** Books a placement that is decided but not yet committed. Answers the generic resources it gets. */
  place(taskId: string, info: NodeInfo, demand: Demand): readonly GenericResource[] {
    const generic = demand.generic.length === 0 ? NO_GENERIC : info.generic.take(demand.generic);
    if (generic.length > 0) {
      info.generic.release(generic);
    }
    const { serviceId, nanoCpus, memoryBytes, hostPorts } = demand;
    this.#set(taskId, this.#bookings.get(taskId), {
      nodeId: info.id,
      serviceId,
      usage: { nanoCpus, memoryBytes, hostPorts },
      generic,
      isCounted: true,
    });
    return generic;
  }

  /** Takes back a placement that was not committed. */
  unplace(taskId: string): void {
    this.#set(taskId, this.#bookings.get(taskId), undefined);
  }

  #set(id: string, before: Booking | undefined, after: Booking | undefined): void {
    if (before !== undefined) {
      book(this.#nodes.get(before.nodeId), before, -1);
      this.#bookings.delete(id);
    }
    if (after !== undefined) {
      book(this.#nodes.get(after.nodeId), after, 1);
      this.#bookings.set(id, after);
    }
  }
}

/** A task holds its node's resources from its assignment until it has ended, and counts there while it is wanted. */
function bookingOf(task: Task | undefined, before: Booking | undefined): Booking | undefined {
  if (
    task?.nodeId === undefined ||
    isTerminalState(task.status.state) ||
    compareTaskStates(task.status.state, 'assigned') < 0
  ) {
    return undefined;
  }
  const isCounted = isWanted(task);
  if (before?.nodeId === task.nodeId && before.isCounted === isCounted) {
    return before;
  }
  return {
    nodeId: task.nodeId,
    serviceId: task.serviceId,
    usage: usageOf(task),
    generic: task.assignedGenericResources ?? NO_GENERIC,
    isCounted,
  };
}

function book(info: NodeInfo | undefined, booking: Booking, step: 1 | -1): void {
  if (info === undefined) {
    return;
  }
  if (step === 1) {
    info.hold(booking.serviceId, booking.usage, booking.generic);
  } else {
    info.release(booking.serviceId, booking.usage, booking.generic);
  }
  if (booking.isCounted) {
    info.count(booking.serviceId, step);
  }
}
