import type { Service, Task } from '@skep/model';
import type { WriteTx } from '@skep/store';

import { planReap } from './task-reaper.ts';

/** Swarm's default, for the moments before there is a cluster object. */
const HISTORY_LIMIT_DEFAULT = 5;

/**
 * Forgets tasks of a service that are not needed any more, gives up those whose node is lost, and lets a removed
 * service go with its last task. `service` is undefined for tasks whose service is gone already.
 */
export function reapService(tx: WriteTx, serviceId: string, service: Service | undefined): void {
  const tasks = tx.tasksByService(serviceId);
  const plan = planReap({
    tasks,
    node: (id) => tx.get('node', id),
    historyLimit: tx.cluster()?.spec.orchestration.taskHistoryRetentionLimit ?? HISTORY_LIMIT_DEFAULT,
    nowMs: tx.nowMs,
    ...(service?.jobIteration === undefined ? {} : { jobIteration: service.jobIteration }),
  });
  for (const taskId of plan.orphan) {
    giveUp(tx, tx.get('task', taskId));
  }
  plan.remove.forEach((taskId) => tx.remove('task', taskId));
  if (service?.pendingDelete === true && tasks.length === plan.remove.length) {
    tx.remove('service', serviceId);
  }
}

function giveUp(tx: WriteTx, task: Task | undefined): void {
  if (task !== undefined) {
    tx.setTaskStatus(task.id, {
      ...task.status,
      state: 'orphaned',
      atMs: tx.nowMs,
      message: 'node is gone',
      reason: { code: 'node.down', params: { node: task.nodeId ?? '' } },
    });
  }
}
