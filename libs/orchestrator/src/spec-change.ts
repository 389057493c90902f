import { isDeepEqual } from '@skep/kernel';
import type { PortConfig, Service, ServiceSpec, Task, TaskSpec } from '@skep/model';

import { hostModePorts, needsIngress } from './allocator/ports.ts';

/** What a changed spec means for the tasks that run. */
export type SpecChange =
  /** The specs are equal. */
  | 'none'
  /** The control plane acts on it; running tasks stay as they are. */
  | 'in-place'
  /** Each task has to be replaced by a new one. */
  | 'replace';

/** The part of a task spec that is fixed once a container exists. Restart and placement rules are read from the service. */
function fixedPart(spec: TaskSpec): Omit<TaskSpec, 'restart' | 'placement'> {
  const { restart: _restart, placement: _placement, ...fixed } = spec;
  return fixed;
}

/**
 * Whether going from one spec to another needs new tasks. As in Swarm, but that ports of the routing mesh, the restart
 * policy and placement rules that the task still satisfies change without a restart.
 */
export function specChange(before: ServiceSpec, after: ServiceSpec): SpecChange {
  if (isDeepEqual(before, after)) {
    return 'none';
  }
  const isSame =
    isDeepEqual(fixedPart(before.task), fixedPart(after.task)) &&
    isDeepEqual(hostModePorts(before), hostModePorts(after)) &&
    needsIngress(before) === needsIngress(after);
  return isSame ? 'in-place' : 'replace';
}

/** Whether a task was made from what its service wants now. */
export function isTaskCurrent(service: Service, task: Task): boolean {
  return (
    task.specVersion === service.specVersion ||
    (isDeepEqual(fixedPart(task.spec), fixedPart(service.spec.task)) &&
      isDeepEqual(portsOfTask(task), hostModePorts(service.spec)) &&
      (task.endpointPorts ?? []).some(isIngress) === needsIngress(service.spec))
  );
}

const isIngress = (port: PortConfig): boolean => port.publishMode === 'ingress';

/** The ports that a task binds on its node. */
function portsOfTask(task: Task): PortConfig[] {
  return (task.endpointPorts ?? []).filter((port) => !isIngress(port));
}
