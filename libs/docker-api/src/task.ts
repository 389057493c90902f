import type { Network, Task } from '@skep/model';

import { compact, orOmit } from './body.ts';
import { portToDocker, type DockerPortConfig } from './endpoint.ts';
import { metaToDocker, type DockerMeta } from './meta.ts';
import { swarmNetworkToDocker, type DockerSwarmNetwork } from './network.ts';
import { genericResourceToDocker, type DockerGenericResource } from './resources.ts';
import { taskSpecToDocker, type DockerTaskSpec } from './task-spec.ts';
import { formatTimeMs } from './timestamps.ts';

/** Answer of `GET /tasks/{id}`. */
export interface DockerTask extends DockerMeta {
  readonly ID: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Spec: DockerTaskSpec;
  readonly ServiceID: string;
  readonly Slot?: number | undefined;
  readonly NodeID?: string | undefined;
  readonly Status: DockerTaskStatus;
  readonly DesiredState: string;
  readonly NetworksAttachments?: readonly DockerNetworkAttachment[] | undefined;
  readonly GenericResources?: readonly DockerGenericResource[] | undefined;
  readonly JobIteration?: { readonly Index?: number } | undefined;
  readonly Volumes: null;
}

export interface DockerTaskStatus {
  readonly Timestamp: string;
  readonly State: string;
  readonly Message?: string | undefined;
  readonly Err?: string | undefined;
  readonly ContainerStatus?:
    { readonly ContainerID: string; readonly PID: number; readonly ExitCode: number } | undefined;
  readonly PortStatus: { readonly Ports?: readonly DockerPortConfig[] | undefined };
}

export interface DockerNetworkAttachment {
  readonly Network: DockerSwarmNetwork | { readonly ID: string };
  readonly Addresses?: readonly string[] | undefined;
}

/** `networkOf` finds the networks that the task names; one that is gone shows with its id only. */
export function taskToDocker(task: Task, networkOf: (id: string) => Network | undefined): DockerTask {
  return compact<DockerTask>({
    ID: task.id,
    ...metaToDocker(task),
    Labels: task.labels ?? {},
    Spec: taskSpecToDocker(task.spec, 'task'),
    ServiceID: task.serviceId,
    Slot: orOmit(task.slot),
    NodeID: orOmit(task.nodeId),
    Status: statusToDocker(task),
    DesiredState: task.desiredState,
    NetworksAttachments: orOmit(
      task.networks.map(({ networkId, addresses }) => {
        const network = networkOf(networkId);
        return {
          Network: network === undefined ? { ID: networkId } : swarmNetworkToDocker(network),
          Addresses: orOmit(addresses),
        };
      }),
    ),
    GenericResources: orOmit(task.assignedGenericResources?.map(genericResourceToDocker)),
    JobIteration: task.jobIteration === undefined ? undefined : { Index: task.jobIteration },
    Volumes: null,
  });
}

function statusToDocker({ status }: Task): DockerTaskStatus {
  const container = status.container;
  return {
    Timestamp: formatTimeMs(status.atMs),
    State: status.state,
    Message: orOmit(status.message),
    Err: orOmit(status.err),
    ContainerStatus:
      container === undefined
        ? undefined
        : {
            ContainerID: container.containerId ?? '',
            PID: container.pid ?? 0,
            ExitCode: container.exitCode ?? 0,
          },
    PortStatus: { Ports: orOmit(status.hostPorts?.map(portToDocker)) },
  };
}

/** Name under which Docker lists a task: `web.1`, `agent.<node id>` for a global service. */
export function taskName(task: Pick<Task, 'serviceName' | 'slot' | 'nodeId' | 'id'>): string {
  const place = task.slot > 0 ? String(task.slot) : (task.nodeId ?? '');
  return `${task.serviceName}.${place}.${task.id}`;
}
