import { SwarmError } from '@skep/kernel';
import type { Service, ServiceMode, ServiceSpec } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';
import {
  DockerEndpointSpec,
  endpointSpecFromDocker,
  endpointSpecToDocker,
  endpointToDocker,
  type DockerEndpoint,
} from './endpoint.ts';
import { metaToDocker, type DockerMeta } from './meta.ts';
import {
  DockerNetworkAttachmentConfig,
  DockerTaskSpec,
  networkAttachmentFromDocker,
  taskSpecFromDocker,
  taskSpecToDocker,
} from './task-spec.ts';
import {
  DockerUpdateConfig,
  updateConfigFromDocker,
  updateConfigToDocker,
  updateStatusToDocker,
  type DockerUpdateStatus,
} from './update-config.ts';

export const DockerServiceMode = z.object({
  Replicated: z.object({ Replicas: z.number().optional() }).optional(),
  Global: z.object({}).optional(),
  ReplicatedJob: z
    .object({ MaxConcurrent: z.number().optional(), TotalCompletions: z.number().optional() })
    .optional(),
  GlobalJob: z.object({}).optional(),
});
export type DockerServiceMode = z.infer<typeof DockerServiceMode>;

/** Docker's `ServiceSpec`: body of create and update. */
export const DockerServiceSpec = z.object({
  Name: z.string().optional(),
  Labels: z.record(z.string(), z.string()).optional(),
  TaskTemplate: DockerTaskSpec.optional(),
  Mode: DockerServiceMode.optional(),
  UpdateConfig: DockerUpdateConfig.optional(),
  RollbackConfig: DockerUpdateConfig.optional(),
  EndpointSpec: DockerEndpointSpec.optional(),
  /** Where networks stood before API 1.25; used when the task template has none. */
  Networks: z.array(DockerNetworkAttachmentConfig).optional(),
});
export type DockerServiceSpec = z.infer<typeof DockerServiceSpec>;

/** Answer of `GET /services/{id}`. */
export interface DockerService extends DockerMeta {
  readonly ID: string;
  readonly Spec: DockerServiceSpec;
  readonly PreviousSpec?: DockerServiceSpec | undefined;
  readonly Endpoint: DockerEndpoint;
  readonly UpdateStatus?: DockerUpdateStatus | undefined;
  readonly ServiceStatus?: DockerServiceStatus | undefined;
  readonly JobStatus?: { readonly JobIteration: { readonly Index?: number } } | undefined;
}

/** Counts of tasks; present only when a list asks for `status=true`. */
export interface DockerServiceStatus {
  readonly RunningTasks: number;
  readonly DesiredTasks: number;
  readonly CompletedTasks: number;
}

function modeFromDocker(mode: DockerServiceMode): ServiceMode {
  const given = [mode.Replicated, mode.Global, mode.ReplicatedJob, mode.GlobalJob].filter(
    (one) => one !== undefined,
  );
  if (given.length > 1) {
    throw new SwarmError('invalid_argument', 'must specify only one service mode');
  }
  if (mode.Global !== undefined) {
    return { type: 'global' };
  }
  if (mode.GlobalJob !== undefined) {
    return { type: 'global-job' };
  }
  if (mode.ReplicatedJob !== undefined) {
    const maxConcurrent = mode.ReplicatedJob.MaxConcurrent ?? 1;
    return {
      type: 'replicated-job',
      maxConcurrent,
      totalCompletions: mode.ReplicatedJob.TotalCompletions ?? maxConcurrent,
    };
  }
  return { type: 'replicated', replicas: mode.Replicated?.Replicas ?? 1 };
}

function modeToDocker(mode: ServiceMode): DockerServiceMode {
  switch (mode.type) {
    case 'replicated':
      return { Replicated: { Replicas: mode.replicas } };
    case 'global':
      return { Global: {} };
    case 'replicated-job':
      return {
        ReplicatedJob: { MaxConcurrent: mode.maxConcurrent, TotalCompletions: mode.totalCompletions },
      };
    case 'global-job':
      return { GlobalJob: {} };
  }
}

/**
 * A service spec as the cluster keeps it. Replicas are made explicit (1 when the client sends none), as Docker does:
 * older clients fail on their absence.
 * @throws SwarmError when the spec is malformed or asks for something not supported; the message names it.
 */
export function serviceSpecFromDocker(spec: DockerServiceSpec): ServiceSpec {
  const task = taskSpecFromDocker(spec.TaskTemplate ?? {});
  const networks = task.networks ?? orOmit(spec.Networks?.map(networkAttachmentFromDocker));
  return compact<ServiceSpec>({
    name: spec.Name ?? '',
    labels: spec.Labels,
    task: networks === undefined ? task : { ...task, networks },
    mode: modeFromDocker(spec.Mode ?? {}),
    update: spec.UpdateConfig && updateConfigFromDocker(spec.UpdateConfig),
    rollback: spec.RollbackConfig && updateConfigFromDocker(spec.RollbackConfig),
    endpoint: spec.EndpointSpec && endpointSpecFromDocker(spec.EndpointSpec),
  });
}

export function serviceSpecToDocker(spec: ServiceSpec): DockerServiceSpec {
  return compact<DockerServiceSpec>({
    Name: spec.name,
    Labels: spec.labels ?? {},
    TaskTemplate: taskSpecToDocker(spec.task, 'service'),
    Mode: modeToDocker(spec.mode),
    UpdateConfig: spec.update && updateConfigToDocker(spec.update),
    RollbackConfig: spec.rollback && updateConfigToDocker(spec.rollback),
    EndpointSpec: spec.endpoint && endpointSpecToDocker(spec.endpoint),
  });
}

/** `status` is given for lists with `status=true` only. */
export function serviceToDocker(service: Service, status?: DockerServiceStatus): DockerService {
  const isJob = service.spec.mode.type === 'replicated-job' || service.spec.mode.type === 'global-job';
  return compact<DockerService>({
    ID: service.id,
    ...metaToDocker(service),
    Spec: serviceSpecToDocker(service.spec),
    PreviousSpec: service.previousSpec && serviceSpecToDocker(service.previousSpec),
    Endpoint: endpointToDocker(service.endpoint, service.spec.endpoint),
    UpdateStatus: service.updateStatus && updateStatusToDocker(service.updateStatus),
    ServiceStatus: status,
    JobStatus: isJob ? { JobIteration: versionToDocker(service.jobIteration ?? 0) } : undefined,
  });
}

function versionToDocker(index: number): { readonly Index?: number } {
  return index === 0 ? {} : { Index: index };
}
