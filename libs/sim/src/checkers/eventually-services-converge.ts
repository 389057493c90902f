import { TASK_STATE_ORDER, matchesConstraint, parseConstraints, type Node, type Service } from '@skep/model';
import { isTaskCurrent } from '@skep/orchestrator';
import type { ReadTx } from '@skep/store';

/** eventually_servicesConverge: once the faults stop, every service runs as it should. Answers the first that does not. */
export function notConverged(tx: ReadTx): string | undefined {
  for (const service of tx.list('service')) {
    const problem = service.pendingDelete === true ? 'is not gone' : problemOf(tx, service);
    if (problem !== undefined) {
      return `service ${service.spec.name} ${problem}`;
    }
  }
  for (const task of tx.list('task')) {
    const isWanted = TASK_STATE_ORDER[task.desiredState] <= TASK_STATE_ORDER.running;
    const hasEnded = TASK_STATE_ORDER[task.status.state] > TASK_STATE_ORDER.running;
    if (!isWanted && !hasEnded && task.nodeId !== undefined) {
      return `task ${task.id} is ${task.status.state} although wanted ${task.desiredState}`;
    }
    if (tx.get('service', task.serviceId) === undefined) {
      return `task ${task.id} has no service`;
    }
  }
  const network = tx
    .list('network')
    .find(({ pendingDelete, ipam }) => pendingDelete === true || ipam === undefined);
  return network === undefined ? undefined : `network ${network.spec.name} is neither gone nor there`;
}

function problemOf(tx: ReadTx, service: Service): string | undefined {
  const tasks = tx.tasksByService(service.id);
  const wanted = tasks.filter((task) => TASK_STATE_ORDER[task.desiredState] <= TASK_STATE_ORDER.running);
  const running = wanted.filter((task) => task.desiredState === 'running' && task.status.state === 'running');
  const { mode } = service.spec;
  const fit = tx.list('node').filter((node) => fits(service, node));
  if (mode.type === 'replicated' && fit.length === 0) {
    return undefined;
  }
  const count = mode.type === 'replicated' ? mode.replicas : fit.length;
  if (running.length !== count || wanted.length !== count) {
    return `has ${String(running.length)} running and ${String(wanted.length)} wanted tasks of ${String(count)}`;
  }
  const misplaced = running.find(({ nodeId }) => !fit.some(({ id }) => id === nodeId));
  if (misplaced !== undefined) {
    return `runs on ${String(misplaced.nodeId)}, where it may not`;
  }
  const state = service.updateStatus?.state;
  if (state?.endsWith('paused') !== true && running.some((task) => !isTaskCurrent(service, task))) {
    return 'has outdated tasks';
  }
  return state === 'updating' || state === 'rollback_started' ? 'is still being updated' : undefined;
}

/** May keep tasks: not down, not drained, allowed by constraints. */
function fits(service: Service, node: Node): boolean {
  const constraints = parseConstraints(service.spec.task.placement?.constraints ?? []);
  return (
    node.status.state === 'ready' &&
    node.spec.availability === 'active' &&
    constraints.ok &&
    constraints.value.every((constraint) =>
      matchesConstraint(constraint, {
        id: node.id,
        hostname: '',
        role: node.spec.role,
        ip: '',
        os: '',
        architecture: '',
        labels: node.spec.labels ?? {},
        engineLabels: {},
      }),
    )
  );
}
