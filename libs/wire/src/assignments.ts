import { z } from 'zod';

import { Task } from '@skep/model';

import { WireEndpoint, WireNetwork, WirePeer, WireService } from './network-state.ts';

/** Content of a secret or config for a node whose tasks use it. Never logged. */
export const WirePayload = z.strictObject({
  id: z.string(),
  name: z.string(),
  data: z.instanceof(Uint8Array),
});
export type WirePayload = z.infer<typeof WirePayload>;

const put = <K extends string, S extends z.ZodType>(kind: K, value: S) =>
  z.strictObject({ op: z.literal('put'), kind: z.literal(kind), id: z.string(), value });

export const ASSIGNMENT_KINDS = [
  'task',
  'secret',
  'config',
  'network',
  'peer',
  'service',
  'endpoint',
] as const;
export type AssignmentKind = (typeof ASSIGNMENT_KINDS)[number];

/** One object that the node must know now (put) or no longer (remove). */
export const AssignmentChange = z.union([
  put('task', Task),
  put('secret', WirePayload),
  put('config', WirePayload),
  put('network', WireNetwork),
  put('peer', WirePeer),
  put('service', WireService),
  put('endpoint', WireEndpoint),
  z.strictObject({ op: z.literal('remove'), kind: z.enum(ASSIGNMENT_KINDS), id: z.string() }),
]);
export type AssignmentChange = z.infer<typeof AssignmentChange>;

/**
 * A step of what a node shall run and know. `complete` replaces everything; `incremental` applies only on top of the
 * step named by `appliesTo`, else the agent asks for a complete one. A task that is removed is stopped and its
 * container deleted; a task whose desiredState is shutdown is stopped and kept until it is removed.
 */
export const Assignments = z.strictObject({
  t: z.literal('assignments'),
  mode: z.enum(['complete', 'incremental']),
  appliesTo: z.string().optional(),
  resultsIn: z.string(),
  changes: z.array(AssignmentChange).max(100_000),
});
export type Assignments = z.infer<typeof Assignments>;
