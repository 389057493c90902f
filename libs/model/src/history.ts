import { z } from 'zod';

import { ServiceSpec } from './service.ts';

/** Who asked for a change, and from where. Travels in the Raft entry of the change. */
export const Actor = z.strictObject({
  /** `user:<name>`, `token:<name>`, `local:root@<host>`, `node:<id>` or `system`. */
  name: z.string(),
  /** Address the request came from, or the node's host name for local sockets. */
  from: z.string(),
  via: z.enum(['console', 'cli', 'api', 'docker', 'node', 'system']),
});
export type Actor = z.infer<typeof Actor>;

export const AuditRecord = z.strictObject({
  type: z.literal('audit'),
  atMs: z.int(),
  actor: Actor,
  /** Verb on a kind, e.g. `service.update`. */
  action: z.string(),
  target: z.strictObject({ kind: z.string(), id: z.string().optional(), name: z.string().optional() }),
  outcome: z.enum(['ok', 'denied', 'failed']),
  /** Field-level summary of the change, or the reason of the refusal. Never secret values. */
  detail: z.string().optional(),
  requestId: z.string(),
});
export type AuditRecord = z.infer<typeof AuditRecord>;

export const EventRecord = z.strictObject({
  type: z.literal('event'),
  atMs: z.int(),
  /** e.g. `service.created`, `node.down`, `task.failed`, `rollout.completed`, `leader.changed`. */
  action: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  target: z.strictObject({ kind: z.string(), id: z.string().optional(), name: z.string().optional() }),
  message: z.string(),
  attributes: z.record(z.string(), z.string()).optional(),
});
export type EventRecord = z.infer<typeof EventRecord>;

/** A service's spec as it was from this entry on: what people can go back to. `revision` is the specVersion. */
export const ServiceRevisionRecord = z.strictObject({
  type: z.literal('serviceRevision'),
  atMs: z.int(),
  actor: Actor,
  serviceId: z.string(),
  revision: z.int().nonnegative(),
  spec: ServiceSpec,
  message: z.string().optional(),
});
export type ServiceRevisionRecord = z.infer<typeof ServiceRevisionRecord>;

/** A stack's text as it was deployed. */
export const StackRevisionRecord = z.strictObject({
  type: z.literal('stackRevision'),
  atMs: z.int(),
  stackId: z.string(),
  stackName: z.string(),
  revision: z.int().positive(),
  source: z.string(),
  variables: z.record(z.string(), z.string()).optional(),
  deployedBy: z.string(),
  message: z.string().optional(),
});
export type StackRevisionRecord = z.infer<typeof StackRevisionRecord>;

export const HistoryRecord = z.discriminatedUnion('type', [
  AuditRecord,
  EventRecord,
  ServiceRevisionRecord,
  StackRevisionRecord,
]);
export type HistoryRecord = z.infer<typeof HistoryRecord>;

/** A history record as kept in the store until it is projected: its key is (logIndex, seq). */
export const HistoryEntry = z.strictObject({
  id: z.string(),
  logIndex: z.int().nonnegative(),
  seq: z.int().nonnegative(),
  record: HistoryRecord,
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;
