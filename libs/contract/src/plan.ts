import { z } from 'zod';

import { ServiceSpec } from '@skep/model';

import { FieldProblem } from './problem.ts';

/** One changed field: a JSON path in the spec, with the values before and after. Secret values never appear. */
export const FieldChange = z.strictObject({
  path: z.string(),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
});
export type FieldChange = z.infer<typeof FieldChange>;

export const PlanAction = z.strictObject({
  kind: z.enum(['service', 'network', 'secret', 'config']),
  /** `replace`: an object whose data cannot change is removed and made anew. */
  op: z.enum(['create', 'update', 'replace', 'remove', 'keep']),
  name: z.string(),
  id: z.string().optional(),
  changes: z.array(FieldChange),
  /** Tasks that this action starts, replaces or stops. */
  tasksStarted: z.int().nonnegative(),
  tasksRestarted: z.int().nonnegative(),
  tasksStopped: z.int().nonnegative(),
});
export type PlanAction = z.infer<typeof PlanAction>;

/** What a change would do. Applying with `planId` fails with `version_conflict` when the same request would do something else by then. */
export const Plan = z.strictObject({
  planId: z.string(),
  baseRev: z.int(),
  actions: z.array(PlanAction),
  warnings: z.array(FieldProblem),
  /** While there is one, applying is refused. */
  blockers: z.array(FieldProblem),
  impact: z.strictObject({
    tasksStarted: z.int().nonnegative(),
    tasksRestarted: z.int().nonnegative(),
    tasksStopped: z.int().nonnegative(),
  }),
});
export type Plan = z.infer<typeof Plan>;

/** Largest compose text, in UTF-8 bytes: it travels through Raft beside its copy for the history. */
export const STACK_SOURCE_BYTES_MAX = 512 * 1024;

export const StackInput = z.strictObject({
  /** Compose YAML, word for word as the person wrote it. */
  source: z.string().min(1, 'source must be provided'),
  /** Values for `${NAME}` in the text. */
  variables: z.record(z.string().min(1).max(256), z.string().max(65_536)).optional(),
  /** Files the text speaks of (`env_file`, `file:` of secrets and configs), base64, by the path as written. */
  files: z.record(z.string().min(1).max(4096), z.base64().max(1_500_000)).optional(),
});
export type StackInput = z.infer<typeof StackInput>;

export const PlanRequest = z.discriminatedUnion('kind', [
  /** Creates the service, or updates the one that `service` names. */
  z.strictObject({ kind: z.literal('service'), service: z.string().optional(), spec: ServiceSpec }),
  z.strictObject({
    kind: z.literal('scale'),
    service: z.string(),
    replicas: z.int().min(0).max(100_000),
  }),
  z.strictObject({ kind: z.literal('stack'), name: z.string(), ...StackInput.shape }),
]);
export type PlanRequest = z.infer<typeof PlanRequest>;
