import { z } from 'zod';

import { ContainerSpec } from './container-spec.ts';
import { DurationNs, Labels, objectMetaShape } from './meta.ts';
import { ObjectName } from './name.ts';
import { ResourceRequirements } from './resources.ts';

export const RestartPolicy = z.strictObject({
  condition: z.enum(['none', 'on-failure', 'any']).optional(),
  delayNs: DurationNs.optional(),
  /** 0 or absent: no limit. */
  maxAttempts: z.int().nonnegative().optional(),
  windowNs: DurationNs.optional(),
});
export type RestartPolicy = z.infer<typeof RestartPolicy>;

export const Platform = z.strictObject({ architecture: z.string().optional(), os: z.string().optional() });
export type Platform = z.infer<typeof Platform>;

export const Placement = z.strictObject({
  constraints: z.array(z.string()).max(256).optional(),
  /** Spread over the values of a node attribute such as `node.labels.zone`, outermost first. */
  preferences: z
    .array(z.strictObject({ spread: z.string().min(1) }))
    .max(32)
    .optional(),
  /** 0 or absent: no limit. */
  maxReplicasPerNode: z.int().nonnegative().optional(),
  platforms: z.array(Platform).max(64).optional(),
});
export type Placement = z.infer<typeof Placement>;

/** A network that tasks of a service join. `target` is the network's id once stored; requests may give its name. */
export const NetworkAttachmentConfig = z.strictObject({
  target: z.string().min(1),
  aliases: z.array(z.string()).max(64).optional(),
  driverOpts: z.record(z.string(), z.string()).optional(),
});
export type NetworkAttachmentConfig = z.infer<typeof NetworkAttachmentConfig>;

export const LogDriver = z.strictObject({
  name: z.string().min(1),
  options: z.record(z.string(), z.string()).optional(),
});

export const TaskSpec = z.strictObject({
  container: ContainerSpec,
  resources: ResourceRequirements.optional(),
  restart: RestartPolicy.optional(),
  placement: Placement.optional(),
  networks: z.array(NetworkAttachmentConfig).max(64).optional(),
  logDriver: LogDriver.optional(),
  /** A counter: raising it makes every task new although nothing else changed. */
  forceUpdate: z.int().nonnegative().optional(),
  /** Docker's `Runtime`, kept as it came; only `container` is run. */
  runtime: z.string().optional(),
});
export type TaskSpec = z.infer<typeof TaskSpec>;

export const ServiceMode = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('replicated'), replicas: z.int().min(0).max(100_000) }),
  z.strictObject({ type: z.literal('global') }),
  z.strictObject({
    type: z.literal('replicated-job'),
    maxConcurrent: z.int().min(1).max(100_000),
    totalCompletions: z.int().min(0).max(1_000_000),
  }),
  z.strictObject({ type: z.literal('global-job') }),
]);
export type ServiceMode = z.infer<typeof ServiceMode>;

export const UpdateConfig = z.strictObject({
  /** Tasks replaced at a time; 0 means all at once. */
  parallelism: z.int().nonnegative().optional(),
  delayNs: DurationNs.optional(),
  failureAction: z.enum(['pause', 'continue', 'rollback']).optional(),
  monitorNs: DurationNs.optional(),
  /** Share of failed tasks that is tolerated, in thousandths (Docker's MaxFailureRatio times 1000). */
  maxFailurePerMille: z.int().min(0).max(1000).optional(),
  order: z.enum(['stop-first', 'start-first']).optional(),
});
export type UpdateConfig = z.infer<typeof UpdateConfig>;

export const Protocol = z.enum(['tcp', 'udp', 'sctp']);
export type Protocol = z.infer<typeof Protocol>;

export const PortConfig = z.strictObject({
  name: z.string().optional(),
  protocol: Protocol,
  targetPort: z.int().min(1).max(65_535),
  /** 0 or absent: the allocator chooses one from 30000 to 32767. */
  publishedPort: z.int().min(0).max(65_535).optional(),
  publishMode: z.enum(['ingress', 'host']),
});
export type PortConfig = z.infer<typeof PortConfig>;

export const EndpointSpec = z.strictObject({
  mode: z.enum(['vip', 'dnsrr']).optional(),
  ports: z.array(PortConfig).max(1024).optional(),
});
export type EndpointSpec = z.infer<typeof EndpointSpec>;

/** What the user wants. The control plane never changes it; defaults take effect when it is read (see defaults.ts). */
export const ServiceSpec = z.strictObject({
  name: ObjectName,
  labels: Labels.optional(),
  task: TaskSpec,
  mode: ServiceMode,
  update: UpdateConfig.optional(),
  rollback: UpdateConfig.optional(),
  endpoint: EndpointSpec.optional(),
});
export type ServiceSpec = z.infer<typeof ServiceSpec>;

/** What the allocator gave a service. */
export const ServiceEndpoint = z.strictObject({
  mode: z.enum(['vip', 'dnsrr']),
  ports: z.array(PortConfig),
  /** One virtual address per network, in CIDR form (`10.0.1.2/24`). */
  virtualIps: z.array(z.strictObject({ networkId: z.string(), address: z.string() })),
});
export type ServiceEndpoint = z.infer<typeof ServiceEndpoint>;

export const UpdateState = z.enum([
  'updating',
  'paused',
  'completed',
  'rollback_started',
  'rollback_paused',
  'rollback_completed',
]);
export type UpdateState = z.infer<typeof UpdateState>;

export const UpdateStatus = z.strictObject({
  state: UpdateState,
  startedAtMs: z.int(),
  completedAtMs: z.int().optional(),
  message: z.string(),
});
export type UpdateStatus = z.infer<typeof UpdateStatus>;

export const Service = z.strictObject({
  ...objectMetaShape,
  spec: ServiceSpec,
  /** Raised at each change of the task spec; tasks carry it, so old and new tasks can be told apart. */
  specVersion: z.int().nonnegative(),
  previousSpec: ServiceSpec.optional(),
  previousSpecVersion: z.int().nonnegative().optional(),
  endpoint: ServiceEndpoint.optional(),
  updateStatus: UpdateStatus.optional(),
  /** Job modes: raised at each run; tasks carry the iteration they belong to. */
  jobIteration: z.int().nonnegative().optional(),
  /** True from the request to remove the service until its last task is gone. */
  pendingDelete: z.boolean().optional(),
});
export type Service = z.infer<typeof Service>;
