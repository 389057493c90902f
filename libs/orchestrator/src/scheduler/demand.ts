import type { ConstraintSubject, GenericResource, Platform, Service, Task } from '@skep/model';

import { hostModePorts } from '../allocator/ports.ts';
import { compileConstraint, constraintsOf } from '../node-fitness.ts';

/** What a task asks of a node. Tasks of one service and spec ask the same, so they are placed together. */
export interface Demand {
  readonly serviceId: string;
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  readonly generic: readonly GenericResource[];
  readonly constraints: readonly ((subject: ConstraintSubject) => boolean)[];
  /** As written, for messages. */
  readonly constraintTexts: readonly string[];
  readonly platforms: readonly Platform[];
  /** `tcp/8080` */
  readonly hostPorts: readonly string[];
  /** 0: no limit. */
  readonly maxReplicasPerNode: number;
  readonly volumeDrivers: readonly string[];
  readonly logDriver: string | undefined;
  /** Node attributes to spread over, outermost first. */
  readonly spread: readonly string[];
}

/** What a task takes from its node. */
export interface Usage {
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  readonly hostPorts: readonly string[];
}

const NO_PORTS: readonly string[] = [];

/** Host ports with a number, as `protocol/port`; the node itself chooses the others. */
function fixedHostPorts(
  ports: readonly { protocol: string; publishedPort?: number | undefined }[],
): readonly string[] {
  if (ports.length === 0) {
    return NO_PORTS;
  }
  return ports
    .filter(({ publishedPort }) => publishedPort !== undefined && publishedPort !== 0)
    .map(({ protocol, publishedPort }) => `${protocol}/${String(publishedPort)}`);
}

export function usageOf(task: Task): Usage {
  const reservations = task.spec.resources?.reservations;
  return {
    nanoCpus: reservations?.nanoCpus ?? 0,
    memoryBytes: reservations?.memoryBytes ?? 0,
    hostPorts: fixedHostPorts(
      (task.endpointPorts ?? NO_TASK_PORTS).filter((port) => port.publishMode === 'host'),
    ),
  };
}

const NO_TASK_PORTS: NonNullable<Task['endpointPorts']> = [];

/** Placement rules are the service's of now; what the container needs is the task's own. */
export function demandOf(service: Service, task: Task): Demand {
  const placement = service.spec.task.placement ?? {};
  const { nanoCpus = 0, memoryBytes = 0, generic = [] } = task.spec.resources?.reservations ?? {};
  return {
    serviceId: service.id,
    nanoCpus,
    memoryBytes,
    generic,
    constraints: constraintsOf(placement).map(compileConstraint),
    constraintTexts: placement.constraints ?? [],
    platforms: placement.platforms ?? [],
    hostPorts: fixedHostPorts(hostModePorts(service.spec)),
    maxReplicasPerNode: placement.maxReplicasPerNode ?? 0,
    volumeDrivers: (task.spec.container.mounts ?? []).flatMap((mount) => mount.volume?.driver?.name ?? []),
    logDriver: task.spec.logDriver?.name,
    spread: (placement.preferences ?? []).map((preference) => preference.spread),
  };
}
