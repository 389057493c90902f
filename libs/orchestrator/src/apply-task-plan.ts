import { compareTaskStates, type Service, type Task } from '@skep/model';
import type { NewObject, WriteTx } from '@skep/store';

import { nextSpecVersion } from './spec-version.ts';
import type { NewTask, PlannedEvent, TaskPlan } from './task-plan.ts';

/** A new task of a service, made from its current spec. */
export function newTask(
  service: Service,
  wanted: NewTask,
  context: { id: string; nowMs: number },
): NewObject<Task> {
  const ports = service.endpoint?.ports ?? service.spec.endpoint?.ports;
  return {
    id: context.id,
    serviceId: service.id,
    serviceName: service.spec.name,
    slot: wanted.slot,
    spec: service.spec.task,
    specVersion: service.specVersion,
    status: {
      state: 'new',
      atMs: context.nowMs,
      message: 'created',
      ...(wanted.reason === undefined ? {} : { reason: wanted.reason }),
    },
    desiredState: wanted.desiredState,
    networks: [],
    ...(wanted.nodeId === undefined ? {} : { nodeId: wanted.nodeId }),
    ...(service.spec.labels === undefined ? {} : { labels: service.spec.labels }),
    ...(ports === undefined || ports.length === 0 ? {} : { endpointPorts: ports }),
    ...(service.jobIteration === undefined ? {} : { jobIteration: service.jobIteration }),
    ...(wanted.startAfterMs === undefined ? {} : { startAfterMs: wanted.startAfterMs }),
    ...(wanted.restarts === undefined ? {} : { restarts: wanted.restarts }),
  };
}

/** Writes a plan. Answers the new tasks, which still need addresses and a node. */
export function applyTaskPlan(tx: WriteTx, service: Service, plan: TaskPlan, newId: () => string): Task[] {
  for (const { taskId, desiredState, reason } of plan.stop) {
    const task = tx.get('task', taskId);
    if (task === undefined || compareTaskStates(desiredState, task.desiredState) <= 0) {
      continue;
    }
    tx.patch('task', taskId, { desiredState });
    if (compareTaskStates(task.status.state, 'assigned') < 0) {
      // No node knows of it: there is nobody else to say that it has ended.
      tx.setTaskStatus(taskId, { ...task.status, state: 'shutdown', atMs: tx.nowMs, message: 'shutdown' });
    } else if (reason !== undefined) {
      tx.setTaskStatus(taskId, { ...task.status, reason });
    }
  }
  for (const taskId of plan.start) {
    if (tx.get('task', taskId)?.desiredState === 'ready') {
      tx.patch('task', taskId, { desiredState: 'running' });
    }
  }
  const current = applyUpdate(tx, service, plan);
  plan.events.forEach((event) => recordEvent(tx, service, event));
  return plan.create.map((wanted) =>
    tx.create('task', newTask(current, wanted, { id: newId(), nowMs: tx.nowMs })),
  );
}

/** Writes the state of the rollout, and takes the previous spec back when it is to be rolled back. */
function applyUpdate(tx: WriteTx, service: Service, plan: TaskPlan): Service {
  if (plan.updateStatus === undefined) {
    return service;
  }
  const when = { specVersion: service.specVersion };
  const { previousSpec } = service;
  if (plan.isRollingBack !== true || previousSpec === undefined) {
    return tx.patch('service', service.id, { updateStatus: plan.updateStatus }, { when });
  }
  return tx.patch(
    'service',
    service.id,
    {
      updateStatus: plan.updateStatus,
      spec: previousSpec,
      specVersion: nextSpecVersion(tx, service),
      previousSpec: undefined,
      previousSpecVersion: undefined,
    },
    { when },
  );
}

function recordEvent(tx: WriteTx, service: Service, event: PlannedEvent): void {
  tx.record({
    type: 'event',
    atMs: tx.nowMs,
    action: event.action,
    severity: event.severity,
    target:
      event.taskId === undefined
        ? { kind: 'service', id: service.id, name: service.spec.name }
        : { kind: 'task', id: event.taskId, name: service.spec.name },
    message: event.message,
    ...(event.attributes === undefined ? {} : { attributes: { ...event.attributes } }),
  });
}
