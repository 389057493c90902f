import { z } from 'zod';

import { Labels, objectMetaShape } from './meta.ts';
import { GenericResource } from './resources.ts';
import { Platform } from './service.ts';

export const NodeRole = z.enum(['worker', 'manager']);
export type NodeRole = z.infer<typeof NodeRole>;

export const NodeAvailability = z.enum(['active', 'pause', 'drain']);
export type NodeAvailability = z.infer<typeof NodeAvailability>;

export const NodeState = z.enum(['unknown', 'down', 'ready', 'disconnected']);
export type NodeState = z.infer<typeof NodeState>;

export const NodeSpec = z.strictObject({
  name: z.string().max(255).optional(),
  labels: Labels.optional(),
  role: NodeRole,
  availability: NodeAvailability,
});
export type NodeSpec = z.infer<typeof NodeSpec>;

/** What a node tells of itself when it opens a session. */
export const NodeDescription = z.strictObject({
  hostname: z.string(),
  platform: Platform,
  resources: z.strictObject({
    nanoCpus: z.int().nonnegative(),
    memoryBytes: z.int().nonnegative(),
    generic: z.array(GenericResource).optional(),
  }),
  engine: z.strictObject({
    version: z.string(),
    labels: Labels.optional(),
    /** Docker's plugin list: `{type: 'Volume' | 'Network' | 'Log', name}`. */
    plugins: z.array(z.strictObject({ type: z.string(), name: z.string() })).optional(),
  }),
});
export type NodeDescription = z.infer<typeof NodeDescription>;

export const NodeStatus = z.strictObject({
  state: NodeState,
  message: z.string().optional(),
  /** Address of the node as its session shows it; the VXLAN end point unless dataPathAddr is set. */
  addr: z.string(),
  sinceMs: z.int().optional(),
});
export type NodeStatus = z.infer<typeof NodeStatus>;

export const ManagerStatus = z.strictObject({
  raftId: z.int().positive(),
  /** host:port that other managers and agents dial. */
  addr: z.string(),
  reachability: z.enum(['unknown', 'reachable', 'unreachable']),
  isLeader: z.boolean(),
  /** Address of the REST API and console, `https://host:port`. */
  apiUrl: z.string().optional(),
});
export type ManagerStatus = z.infer<typeof ManagerStatus>;

export const Node = z.strictObject({
  ...objectMetaShape,
  spec: NodeSpec,
  description: NodeDescription.optional(),
  status: NodeStatus,
  manager: ManagerStatus.optional(),
  /** Where VXLAN packets for this node go, when it differs from status.addr. */
  dataPathAddr: z.string().optional(),
  certificate: z
    .strictObject({ issuedAtMs: z.int(), expiresAtMs: z.int(), fingerprint: z.string() })
    .optional(),
  /** Raised at each new session: an agent with an older one is refused (fencing). */
  sessionEpoch: z.int().nonnegative().optional(),
});
export type Node = z.infer<typeof Node>;
