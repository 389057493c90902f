import { z } from 'zod';

import { objectMetaShape } from './meta.ts';
import { GenericResource } from './resources.ts';
import { PortConfig, TaskSpec } from './service.ts';
import { TaskState } from './task-state.ts';

/** Why a task does not run, as a stable code (console.md appendix A); parameters travel beside it. */
export const TaskReason = z.strictObject({
  code: z.string(),
  params: z.record(z.string(), z.string()).optional(),
});
export type TaskReason = z.infer<typeof TaskReason>;

export const ContainerStatus = z.strictObject({
  containerId: z.string().optional(),
  pid: z.int().optional(),
  exitCode: z.int().optional(),
  oomKilled: z.boolean().optional(),
  health: z.enum(['none', 'starting', 'healthy', 'unhealthy']).optional(),
});
export type ContainerStatus = z.infer<typeof ContainerStatus>;

/** What the agent observed (or, before assignment, what the control plane says). */
export const TaskStatus = z.strictObject({
  state: TaskState,
  atMs: z.int(),
  /** One sentence for people. */
  message: z.string(),
  /** Raw error of the engine or runtime, if there was one. */
  err: z.string().optional(),
  reason: TaskReason.optional(),
  container: ContainerStatus.optional(),
  /** Host-mode ports as bound on the node. */
  hostPorts: z.array(PortConfig).optional(),
});
export type TaskStatus = z.infer<typeof TaskStatus>;

export const NetworkAttachment = z.strictObject({
  networkId: z.string(),
  /** Addresses in CIDR form. */
  addresses: z.array(z.string()),
  aliases: z.array(z.string()).optional(),
});
export type NetworkAttachment = z.infer<typeof NetworkAttachment>;

export const Task = z.strictObject({
  ...objectMetaShape,
  serviceId: z.string(),
  serviceName: z.string(),
  /** 1-based for replicated services and jobs; 0 for global ones. */
  slot: z.int().nonnegative(),
  /** Set by the scheduler; for global services at creation. */
  nodeId: z.string().optional(),
  spec: TaskSpec,
  /** The service's specVersion this task was made from. */
  specVersion: z.int().nonnegative(),
  labels: z.record(z.string(), z.string()).optional(),
  status: TaskStatus,
  /** Written by the control plane only: the state the task should reach. */
  desiredState: TaskState,
  networks: z.array(NetworkAttachment),
  endpointPorts: z.array(PortConfig).optional(),
  assignedGenericResources: z.array(GenericResource).optional(),
  jobIteration: z.int().nonnegative().optional(),
  /** A restart waits until this time before its desired state becomes running. */
  startAfterMs: z.int().optional(),
  /** When the managers first saw the task running, and when they saw it end (their clock, not the agent's). */
  startedAtMs: z.int().optional(),
  endedAtMs: z.int().optional(),
  /** Restarts of this slot so far within the restart policy's window, which began at `sinceMs`. */
  restarts: z.strictObject({ count: z.int().nonnegative(), sinceMs: z.int() }).optional(),
  /** The request that caused the task, for correlation in logs. */
  requestId: z.string().optional(),
});
export type Task = z.infer<typeof Task>;
