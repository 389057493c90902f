import { isDeepEqual } from '@skep/kernel';
import type { Service, Task, TaskReason } from '@skep/model';
import type { ReadTx, WriteTx } from '@skep/store';

import { demandOf } from './scheduler/demand.ts';
import type { Explanation } from './scheduler/explain.ts';
import type { NodeSet } from './scheduler/node-set.ts';
import { scheduleGroup, schedulePreassigned, type GroupResult } from './scheduler/schedule.ts';

/** Tasks that ask the same of a node, because they are of one service and spec. */
export interface TaskGroup {
  readonly service: Service;
  readonly tasks: readonly Task[];
}

/** Groups tasks that have their addresses and no node, in the order of first appearance. Tasks without service are left out. */
export function groupTasks(tx: ReadTx, tasks: Iterable<Task>): TaskGroup[] {
  const groups = new Map<string, { service: Service; tasks: Task[] }>();
  for (const task of tasks) {
    const key = `${task.serviceId}/${String(task.specVersion)}`;
    const group = groups.get(key);
    if (group !== undefined) {
      group.tasks.push(task);
      continue;
    }
    const service = tx.get('service', task.serviceId);
    if (service !== undefined) {
      groups.set(key, { service, tasks: [task] });
    }
  }
  return [...groups.values()];
}

/**
 * Assigns the tasks of a group to nodes: PENDING becomes ASSIGNED. A task for which there is none stays PENDING and
 * says why. Answers how many were left over.
 */
export function scheduleTasks(tx: WriteTx, nodes: NodeSet, group: TaskGroup): number {
  const [first] = group.tasks;
  if (first === undefined) {
    return 0;
  }
  const demand = demandOf(group.service, first);
  const free = group.tasks.filter(({ nodeId }) => nodeId === undefined);
  const results: GroupResult[] = [];
  if (free.length > 0) {
    const ids = free.map(({ id }) => id);
    results.push(scheduleGroup(nodes, demand, ids, tx.nowMs));
  }
  for (const { id, nodeId } of group.tasks) {
    if (nodeId !== undefined) {
      results.push(schedulePreassigned(nodes, demand, { id, nodeId }));
    }
  }
  let left = 0;
  for (const result of results) {
    write(tx, result);
    left += result.unplaced.length;
  }
  return left;
}

function write(tx: WriteTx, result: GroupResult): void {
  for (const { taskId, nodeId, generic } of result.placed) {
    tx.patch('task', taskId, {
      nodeId,
      ...(generic.length > 0 ? { assignedGenericResources: [...generic] } : {}),
    });
    const reason = tx.get('task', taskId)?.status.reason;
    tx.setTaskStatus(taskId, {
      state: 'assigned',
      atMs: tx.nowMs,
      message: 'scheduler assigned task to node',
      ...(reason?.code === 'run.crashloop' ? { reason } : {}),
    });
  }
  const { explanation } = result;
  if (explanation !== undefined) {
    const reason = withServiceName(tx, explanation.reason);
    result.unplaced.forEach((taskId) => sayPending(tx, taskId, { explanation, reason }));
  }
}

function withServiceName(tx: ReadTx, reason: TaskReason): TaskReason {
  const serviceId = reason.params?.['service'];
  const name = serviceId === undefined ? undefined : tx.get('service', serviceId)?.spec.name;
  return name === undefined ? reason : { ...reason, params: { ...reason.params, service: name } };
}

/** Only a changed explanation is written: an unplaceable task costs nothing while nothing changes. */
function sayPending(
  tx: WriteTx,
  taskId: string,
  { explanation, reason }: { readonly explanation: Explanation; readonly reason: TaskReason },
): void {
  const status = tx.get('task', taskId)?.status;
  if (status?.err === explanation.text && isDeepEqual(status.reason, reason)) {
    return;
  }
  tx.setTaskStatus(taskId, {
    state: 'pending',
    atMs: tx.nowMs,
    message: 'pending task scheduling',
    err: explanation.text,
    reason,
  });
}
