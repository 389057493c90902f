import { z } from 'zod';

import { PortConfig } from '@skep/model';

/** A cluster network as an agent needs to know it to build its share. */
export const WireNetwork = z.strictObject({
  id: z.string(),
  name: z.string(),
  vni: z.int(),
  /** CIDR of the network and the address kept for the hosts' side. */
  subnets: z.array(z.strictObject({ subnet: z.string(), gateway: z.string() })),
  isInternal: z.boolean(),
  isIngress: z.boolean(),
  isAttachable: z.boolean(),
  driverOpts: z.record(z.string(), z.string()).optional(),
});
export type WireNetwork = z.infer<typeof WireNetwork>;

/** Another host of the cluster: where VXLAN packets for its tasks go. */
export const WirePeer = z.strictObject({
  nodeId: z.string(),
  hostname: z.string(),
  /** Data path address of the host. */
  addr: z.string(),
  isReady: z.boolean(),
});
export type WirePeer = z.infer<typeof WirePeer>;

/** A service that is reachable on networks this node takes part in, or through the routing mesh. */
export const WireService = z.strictObject({
  id: z.string(),
  name: z.string(),
  mode: z.enum(['vip', 'dnsrr']),
  /** Plain addresses, one per network. */
  virtualIps: z.array(z.strictObject({ networkId: z.string(), address: z.string() })),
  /** Ports published in ingress mode (publishedPort is always set). */
  ingressPorts: z.array(PortConfig),
  /** Extra names per network. */
  aliases: z.array(z.strictObject({ networkId: z.string(), names: z.array(z.string()) })),
});
export type WireService = z.infer<typeof WireService>;

/** One running task's address on one network. Only endpoints that may receive new traffic carry `isServing`. */
export const WireEndpoint = z.strictObject({
  /** `<taskId>/<networkId>`. */
  id: z.string(),
  taskId: z.string(),
  taskName: z.string(),
  serviceId: z.string(),
  nodeId: z.string(),
  networkId: z.string(),
  /** Plain address. */
  address: z.string(),
  isServing: z.boolean(),
});
export type WireEndpoint = z.infer<typeof WireEndpoint>;
