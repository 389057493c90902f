import { isTerminalState } from '@skep/model';
import type { ReadTx } from '@skep/store';

import type { SimEngine } from '../swarm/sim-engine.ts';

/**
 * finally_nothingLeaked: every container is that of a task the cluster knows, what runs is what shall run, and every
 * address in use has a holder. Answers the first thing that is left over.
 */
export function leftOver(tx: ReadTx, engines: ReadonlyMap<string, SimEngine>): string | undefined {
  for (const [nodeId, engine] of engines) {
    for (const { id, taskId, state } of engine.containers.values()) {
      const task = tx.get('task', taskId);
      if (task === undefined) {
        return `container ${id} on ${nodeId} is of task ${taskId}, which is gone`;
      }
      if (task.nodeId !== nodeId) {
        return `container ${id} on ${nodeId} is of a task of ${String(task.nodeId)}`;
      }
      if (state === 'running' && task.status.state !== 'running') {
        return `container ${id} runs and its task is ${task.status.state}`;
      }
    }
  }
  for (const task of tx.list('task')) {
    const engine = engines.get(task.nodeId ?? '');
    if (task.status.state === 'running' && !engine?.running.some(({ taskId }) => taskId === task.id)) {
      return `task ${task.id} is said to run and does not`;
    }
  }
  for (const network of tx.list('network')) {
    const inUse =
      tx
        .list('service')
        .flatMap(({ endpoint }) => endpoint?.virtualIps ?? [])
        .filter(({ networkId }) => networkId === network.id).length +
      tx
        .list('task')
        .filter(
          ({ status, networks }) =>
            !isTerminalState(status.state) && networks.some(({ networkId }) => networkId === network.id),
        ).length;
    if (tx.countAddresses(network.id) !== inUse) {
      return `network ${network.spec.name} counts ${String(tx.countAddresses(network.id))} addresses, ${String(inUse)} are held`;
    }
  }
  return undefined;
}
