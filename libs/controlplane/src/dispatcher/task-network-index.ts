import type { Task } from '@skep/model';
import type { ReadTx } from '@skep/store';

import type { ChangedObject, ClusterView } from './cluster-view.ts';
import { networkIdsOf } from './wire-objects.ts';

/** Which tasks have an address on which network: the one question of {@link ClusterView} the store has no index for. */
export class TaskNetworkIndex {
  readonly #taskIdsByNetwork = new Map<string, Set<string>>();
  readonly #networkIdsByTask = new Map<string, readonly string[]>();

  rebuild(tasks: Iterable<Task>): void {
    this.#taskIdsByNetwork.clear();
    this.#networkIdsByTask.clear();
    for (const task of tasks) {
      this.#set(task.id, networkIdsOf(task));
    }
  }

  /** Follows a task that changed or is gone (undefined); answers what to tell the assignment sets. */
  follow(id: string, task: Task | undefined): ChangedObject {
    const formerNetworkIds = this.#networkIdsByTask.get(id) ?? [];
    const networkIds = task === undefined ? [] : networkIdsOf(task);
    const isSame =
      formerNetworkIds.length === networkIds.length &&
      formerNetworkIds.every((networkId, position) => networkId === networkIds[position]);
    if (!isSame) {
      formerNetworkIds.forEach((networkId) => this.#taskIdsByNetwork.get(networkId)?.delete(id));
      this.#set(id, networkIds);
    }
    return { kind: 'task', id, formerNetworkIds };
  }

  taskIdsOn(networkId: string): Iterable<string> {
    return this.#taskIdsByNetwork.get(networkId) ?? [];
  }

  #set(id: string, networkIds: readonly string[]): void {
    if (networkIds.length === 0) {
      this.#networkIdsByTask.delete(id);
      return;
    }
    this.#networkIdsByTask.set(id, networkIds);
    for (const networkId of networkIds) {
      let taskIds = this.#taskIdsByNetwork.get(networkId);
      if (taskIds === undefined) {
        taskIds = new Set();
        this.#taskIdsByNetwork.set(networkId, taskIds);
      }
      taskIds.add(id);
    }
  }
}

/** The store's state as the assignment sets want to see it. Good for as long as `tx` is. */
export function clusterView(tx: ReadTx, index: TaskNetworkIndex): ClusterView {
  return {
    tasks: { get: (id) => tx.get('task', id), onNode: (nodeId) => tx.tasksByNode(nodeId) },
    taskIdsOnNetwork: (networkId) => index.taskIdsOn(networkId),
    services: { get: (id) => tx.get('service', id), all: () => tx.list('service') },
    networks: { get: (id) => tx.get('network', id), all: () => tx.list('network') },
    nodes: { get: (id) => tx.get('node', id), all: () => tx.list('node') },
    secrets: { get: (id) => tx.get('secret', id) },
    configs: { get: (id) => tx.get('config', id) },
  };
}
