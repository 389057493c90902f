import { SwarmError } from '@skep/kernel';
import type { GenericResource, ResourceRequirements } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';

/** Docker's two ways to write a generic resource: a count, or the name of one piece. */
export const DockerGenericResource = z.object({
  NamedResourceSpec: z.object({ Kind: z.string().optional(), Value: z.string().optional() }).optional(),
  DiscreteResourceSpec: z.object({ Kind: z.string().optional(), Value: z.number().optional() }).optional(),
});
export type DockerGenericResource = z.infer<typeof DockerGenericResource>;

export const DockerResources = z.object({
  Limits: z
    .object({
      NanoCPUs: z.number().optional(),
      MemoryBytes: z.number().optional(),
      Pids: z.number().optional(),
    })
    .optional(),
  Reservations: z
    .object({
      NanoCPUs: z.number().optional(),
      MemoryBytes: z.number().optional(),
      GenericResources: z.array(DockerGenericResource).optional(),
    })
    .optional(),
  SwapBytes: z.number().optional(),
  MemorySwappiness: z.number().optional(),
});
export type DockerResources = z.infer<typeof DockerResources>;

export function genericResourceFromDocker(resource: DockerGenericResource): GenericResource {
  if (resource.DiscreteResourceSpec !== undefined) {
    return {
      kind: resource.DiscreteResourceSpec.Kind ?? '',
      value: resource.DiscreteResourceSpec.Value ?? 0,
    };
  }
  if (resource.NamedResourceSpec !== undefined) {
    return { kind: resource.NamedResourceSpec.Kind ?? '', value: resource.NamedResourceSpec.Value ?? '' };
  }
  throw new SwarmError(
    'invalid_argument',
    'GenericResources: each needs a NamedResourceSpec or a DiscreteResourceSpec',
  );
}

export function genericResourceToDocker({ kind, value }: GenericResource): DockerGenericResource {
  return typeof value === 'number'
    ? { DiscreteResourceSpec: { Kind: kind, Value: value } }
    : { NamedResourceSpec: { Kind: kind, Value: value } };
}

/** Swap settings came with API 1.52, which is not served: they are ignored, as an older Docker does. */
export function resourcesFromDocker(resources: DockerResources): ResourceRequirements {
  const { Limits: limits, Reservations: reservations } = resources;
  return compact<ResourceRequirements>({
    limits: limits && {
      nanoCpus: orOmit(limits.NanoCPUs),
      memoryBytes: orOmit(limits.MemoryBytes),
      pids: orOmit(limits.Pids),
    },
    reservations: reservations && {
      nanoCpus: orOmit(reservations.NanoCPUs),
      memoryBytes: orOmit(reservations.MemoryBytes),
      generic: orOmit(reservations.GenericResources?.map(genericResourceFromDocker)),
    },
  });
}

export function resourcesToDocker({ limits, reservations }: ResourceRequirements): DockerResources {
  return compact<DockerResources>({
    Limits: limits && {
      NanoCPUs: orOmit(limits.nanoCpus),
      MemoryBytes: orOmit(limits.memoryBytes),
      Pids: orOmit(limits.pids),
    },
    Reservations: reservations && {
      NanoCPUs: orOmit(reservations.nanoCpus),
      MemoryBytes: orOmit(reservations.memoryBytes),
      GenericResources: orOmit(reservations.generic?.map(genericResourceToDocker)),
    },
  });
}
