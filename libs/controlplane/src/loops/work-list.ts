import { isDeepEqual } from '@skep/kernel';
import { isTerminalState, type Node, type Task } from '@skep/model';
import { NodeSet, isWanted } from '@skep/orchestrator';
import type { ReadTx, StoreEvent } from '@skep/store';

/** A task that still needs addresses or a node. */
function isWaiting(task: Task | undefined): boolean {
  return (
    task !== undefined && isWanted(task) && (task.status.state === 'new' || task.status.state === 'pending')
  );
}

/** Whether a task's change can matter to its service's plan: progress between two steps of starting does not. */
function mattersToService(before: Task | undefined, after: Task | undefined): boolean {
  if (before === undefined || after === undefined) {
    return true;
  }
  const [was, is] = [before.status.state, after.status.state];
  return (
    before.desiredState !== after.desiredState || (was !== is && (is === 'running' || isTerminalState(is)))
  );
}

/** Whether a node's change can matter to where tasks are: not its heartbeats, versions or certificates. */
function mattersToTasks(before: Node | undefined, after: Node | undefined): boolean {
  if (before === undefined || after === undefined) {
    return true;
  }
  return (
    before.status.state !== after.status.state ||
    !isDeepEqual(before.spec, after.spec) ||
    !isDeepEqual(before.description, after.description)
  );
}

/**
 * What the control loops have to look at, gathered from applied changes, and the summary of nodes that the scheduler
 * needs. All of it can be made anew from the store.
 */
export class WorkList {
  nodes = new NodeSet();
  /** Services to be reconciled. */
  readonly services = new Set<string>();
  /** Tasks without addresses or node. */
  readonly waiting = new Set<string>();
  /** Something changed that may help tasks that wait. */
  isRetryDue = false;
  hasNewNetworks = false;

  get isEmpty(): boolean {
    return this.services.size === 0 && !this.hasNewNetworks && !(this.isRetryDue && this.waiting.size > 0);
  }

  /** Takes everything from the store: on becoming leader, after a snapshot, or when a change was refused. */
  rebuild(tx: ReadTx): void {
    this.nodes = NodeSet.fromStore(tx);
    this.waiting.clear();
    for (const service of tx.list('service')) {
      this.services.add(service.id);
    }
    for (const task of tx.list('task')) {
      if (isWaiting(task)) {
        this.waiting.add(task.id);
      }
    }
    this.isRetryDue = true;
    this.hasNewNetworks = true;
  }

  /** Takes the changes of one applied entry. */
  note(tx: ReadTx, events: readonly StoreEvent[]): void {
    for (const event of events) {
      switch (event.kind) {
        case 'task':
          this.#noteTask(event.id, event.old, event.new);
          break;
        case 'service':
          this.services.add(event.id);
          this.isRetryDue = true;
          break;
        case 'node':
          this.#noteNode(tx, event.id, { before: event.old, after: event.new });
          break;
        case 'network':
          this.#noteNetwork(tx, event.id);
          break;
        case 'cluster':
          tx.list('service').forEach(({ id }) => this.services.add(id));
          break;
        default:
          break;
      }
    }
  }

  #noteTask(id: string, before: Task | undefined, after: Task | undefined): void {
    const hasFreedRoom = this.nodes.syncTask(id, after);
    if (isWaiting(after)) {
      this.waiting.add(id);
    } else {
      this.waiting.delete(id);
    }
    const serviceId = after?.serviceId ?? before?.serviceId;
    if (serviceId !== undefined && mattersToService(before, after)) {
      this.services.add(serviceId);
    }
    const hasFreedAddress =
      before !== undefined &&
      before.networks.length > 0 &&
      (after === undefined || isTerminalState(after.status.state));
    this.isRetryDue ||= hasFreedRoom || hasFreedAddress;
  }

  #noteNode(
    tx: ReadTx,
    id: string,
    change: { readonly before: Node | undefined; readonly after: Node | undefined },
  ): void {
    this.nodes.syncNode(id, change.after);
    if (!mattersToTasks(change.before, change.after)) {
      return;
    }
    this.isRetryDue = true;
    tx.tasksByNode(id).forEach(({ serviceId }) => this.services.add(serviceId));
    for (const service of tx.list('service')) {
      if (service.spec.mode.type === 'global' || service.spec.mode.type === 'global-job') {
        this.services.add(service.id);
      }
    }
  }

  #noteNetwork(tx: ReadTx, id: string): void {
    this.hasNewNetworks = true;
    this.isRetryDue = true;
    const isIngress = tx.get('network', id)?.spec.ingress === true;
    for (const service of tx.list('service')) {
      if (isIngress || service.spec.task.networks?.some(({ target }) => target === id) === true) {
        this.services.add(service.id);
      }
    }
  }
}
