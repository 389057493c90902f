import { SwarmError } from '@skep/kernel';
import type { NetworkAttachmentConfig, Placement, RestartPolicy, TaskSpec } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';
import { DockerContainerSpec, containerSpecFromDocker, containerSpecToDocker } from './container-spec.ts';
import { DockerResources, resourcesFromDocker, resourcesToDocker } from './resources.ts';

const Strings = z.array(z.string());
const StringMap = z.record(z.string(), z.string());

/** Docker's `Driver`: a name with options. */
export const DockerDriver = z.object({ Name: z.string().optional(), Options: StringMap.optional() });
export type DockerDriver = z.infer<typeof DockerDriver>;

/** How a service's tasks join a network. */
export const DockerNetworkAttachmentConfig = z.object({
  Target: z.string().optional(),
  Aliases: Strings.optional(),
  DriverOpts: StringMap.optional(),
});
export type DockerNetworkAttachmentConfig = z.infer<typeof DockerNetworkAttachmentConfig>;

export const DockerRestartPolicy = z.object({
  Condition: z
    .enum(['', 'none', 'on-failure', 'any'], {
      error: 'invalid RestartCondition: use none, on-failure or any',
    })
    .optional(),
  Delay: z.number().optional(),
  MaxAttempts: z.number().optional(),
  Window: z.number().optional(),
});
export type DockerRestartPolicy = z.infer<typeof DockerRestartPolicy>;

export const DockerPlacement = z.object({
  Constraints: Strings.optional(),
  Preferences: z
    .array(z.object({ Spread: z.object({ SpreadDescriptor: z.string().optional() }).optional() }))
    .optional(),
  MaxReplicas: z.number().optional(),
  Platforms: z.array(z.object({ Architecture: z.string().optional(), OS: z.string().optional() })).optional(),
});
export type DockerPlacement = z.infer<typeof DockerPlacement>;

/** Docker's `TaskSpec`; `TaskTemplate` of a service. */
export const DockerTaskSpec = z.object({
  ContainerSpec: DockerContainerSpec.optional(),
  PluginSpec: z.unknown().optional(),
  NetworkAttachmentSpec: z.unknown().optional(),
  Resources: DockerResources.optional(),
  RestartPolicy: DockerRestartPolicy.optional(),
  Placement: DockerPlacement.optional(),
  Networks: z.array(DockerNetworkAttachmentConfig).optional(),
  LogDriver: DockerDriver.optional(),
  ForceUpdate: z.number().optional(),
  Runtime: z.string().optional(),
});
export type DockerTaskSpec = z.infer<typeof DockerTaskSpec>;

export function networkAttachmentFromDocker(
  attachment: DockerNetworkAttachmentConfig,
): NetworkAttachmentConfig {
  return compact<NetworkAttachmentConfig>({
    target: attachment.Target ?? '',
    aliases: orOmit(attachment.Aliases),
    driverOpts: orOmit(attachment.DriverOpts),
  });
}

function networkAttachmentToDocker(attachment: NetworkAttachmentConfig): DockerNetworkAttachmentConfig {
  return compact<DockerNetworkAttachmentConfig>({
    Target: attachment.target,
    Aliases: orOmit(attachment.aliases),
    DriverOpts: orOmit(attachment.driverOpts),
  });
}

function restartFromDocker(policy: DockerRestartPolicy): RestartPolicy {
  return compact<RestartPolicy>({
    condition: orOmit(policy.Condition) ?? 'any',
    delayNs: policy.Delay,
    maxAttempts: policy.MaxAttempts ?? 0,
    windowNs: policy.Window,
  });
}

function restartToDocker(policy: RestartPolicy): DockerRestartPolicy {
  return compact<DockerRestartPolicy>({
    Condition: policy.condition ?? 'any',
    Delay: policy.delayNs,
    MaxAttempts: policy.maxAttempts ?? 0,
    Window: policy.windowNs,
  });
}

function placementFromDocker(placement: DockerPlacement): Placement {
  const spreads = (placement.Preferences ?? []).flatMap(({ Spread }) =>
    Spread === undefined ? [] : [{ spread: Spread.SpreadDescriptor ?? '' }],
  );
  return compact<Placement>({
    constraints: orOmit(placement.Constraints),
    preferences: orOmit(spreads),
    maxReplicasPerNode: orOmit(placement.MaxReplicas),
    platforms: orOmit(
      placement.Platforms?.map(({ Architecture, OS }) =>
        compact({ architecture: orOmit(Architecture), os: orOmit(OS) }),
      ),
    ),
  });
}

function placementToDocker(placement: Placement): DockerPlacement {
  return compact<DockerPlacement>({
    Constraints: orOmit(placement.constraints),
    Preferences: orOmit(
      placement.preferences?.map(({ spread }) => ({ Spread: { SpreadDescriptor: spread } })),
    ),
    MaxReplicas: orOmit(placement.maxReplicasPerNode),
    Platforms: orOmit(
      placement.platforms?.map(({ architecture, os }) => ({ Architecture: architecture, OS: os })),
    ),
  });
}

/** @throws SwarmError when the spec is not one of a container, or asks for something not supported. */
export function taskSpecFromDocker(spec: DockerTaskSpec): TaskSpec {
  const runtime = orOmit(spec.Runtime) ?? 'container';
  if (runtime === 'plugin') {
    throw new SwarmError('unimplemented', 'services of the runtime "plugin" are not supported');
  }
  if (runtime !== 'container') {
    throw new SwarmError('invalid_argument', 'unsupported runtime');
  }
  if (spec.ContainerSpec === undefined) {
    throw new SwarmError('invalid_argument', 'mismatched Runtime and *Spec fields');
  }
  return compact<TaskSpec>({
    container: containerSpecFromDocker(spec.ContainerSpec),
    resources: spec.Resources && resourcesFromDocker(spec.Resources),
    restart: spec.RestartPolicy && restartFromDocker(spec.RestartPolicy),
    placement: spec.Placement && placementFromDocker(spec.Placement),
    networks: orOmit(spec.Networks?.map(networkAttachmentFromDocker)),
    logDriver: spec.LogDriver && {
      name: spec.LogDriver.Name ?? '',
      options: orOmit(spec.LogDriver.Options),
    },
    forceUpdate: orOmit(spec.ForceUpdate),
  });
}

/** Docker writes `Runtime` in the template of a service and leaves it out in tasks. */
export function taskSpecToDocker(spec: TaskSpec, where: 'service' | 'task'): DockerTaskSpec {
  return compact<DockerTaskSpec>({
    ContainerSpec: containerSpecToDocker(spec.container),
    Resources: spec.resources && resourcesToDocker(spec.resources),
    RestartPolicy: spec.restart && restartToDocker(spec.restart),
    Placement: spec.placement && placementToDocker(spec.placement),
    Networks: orOmit(spec.networks?.map(networkAttachmentToDocker)),
    LogDriver: spec.logDriver && {
      Name: spec.logDriver.name,
      Options: orOmit(spec.logDriver.options),
    },
    ForceUpdate: spec.forceUpdate ?? 0,
    Runtime: where === 'service' ? 'container' : undefined,
  });
}
