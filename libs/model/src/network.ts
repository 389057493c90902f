import { z } from 'zod';

import { Labels, objectMetaShape } from './meta.ts';
import { ObjectName } from './name.ts';

export const IpamConfig = z.strictObject({
  subnet: z.string().optional(),
  range: z.string().optional(),
  gateway: z.string().optional(),
});
export type IpamConfig = z.infer<typeof IpamConfig>;

export const NetworkSpec = z.strictObject({
  name: ObjectName,
  labels: Labels.optional(),
  driver: z.enum(['overlay', 'bridge', 'host', 'null']).optional(),
  driverOpts: z.record(z.string(), z.string()).optional(),
  internal: z.boolean().optional(),
  attachable: z.boolean().optional(),
  /** The routing mesh's own network; at most one. */
  ingress: z.boolean().optional(),
  ipv6: z.boolean().optional(),
  ipam: z
    .strictObject({
      driver: z.string().optional(),
      configs: z.array(IpamConfig).max(8).optional(),
      options: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
});
export type NetworkSpec = z.infer<typeof NetworkSpec>;

/** A cluster-wide network. VNI and subnets are set by the allocator. */
export const Network = z.strictObject({
  ...objectMetaShape,
  spec: NetworkSpec,
  vni: z.int().min(1).max(0xff_ff_ff).optional(),
  ipam: z
    .array(z.strictObject({ subnet: z.string(), gateway: z.string(), range: z.string().optional() }))
    .optional(),
  pendingDelete: z.boolean().optional(),
});
export type Network = z.infer<typeof Network>;

/** Networks that every host has by itself. */
export function isPredefinedNetwork(target: string): boolean {
  return target === 'host' || target === 'bridge' || target === 'none';
}
