import { z } from 'zod';

import { ErrorRecordSchema, LogLine, TaskStats } from '@skep/wire';

/** Largest body of a forwarded request or of its answer. */
export const FORWARD_BODY_BYTES_MAX = 10 * 1024 * 1024;

const Headers = z.record(z.string(), z.string());
const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'must be bytes');

/** On `/channel?kind=forward`, from a follower to the leader. */
export const FollowerMessage = z.discriminatedUnion('t', [
  /** Said once at the beginning and whenever it changes. */
  z.strictObject({ t: z.literal('announce'), apiUrl: z.string().max(2048).optional() }),
  z.strictObject({
    t: z.literal('request'),
    id: z.int().positive(),
    /** Term of the leader as the sender knows it: in another one the request must not be carried out. */
    term: z.int().nonnegative(),
    method: z.string().max(16),
    path: z.string().max(65_536),
    headers: Headers,
    body: Bytes.optional(),
    principal: z.unknown().optional(),
  }),
  /** Digest of the sender's state at a log index, to be compared with the leader's. */
  z.strictObject({ t: z.literal('digest'), logIndex: z.int().positive(), digest: z.string().max(128) }),
]);
export type FollowerMessage = z.infer<typeof FollowerMessage>;

/** The leader's side of `/channel?kind=forward`. */
export const LeaderMessage = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('answer'),
    id: z.int().positive(),
    status: z.int().min(100).max(599),
    headers: Headers,
    body: Bytes,
  }),
  z.strictObject({ t: z.literal('error'), id: z.int().positive(), error: ErrorRecordSchema }),
  /** The state of the follower is not that of the others: it has to stop. */
  z.strictObject({ t: z.literal('diverged'), logIndex: z.int().positive(), digest: z.string().max(128) }),
]);
export type LeaderMessage = z.infer<typeof LeaderMessage>;

const logSelection = {
  follow: z.boolean(),
  tail: z.int().min(-1),
  sinceMs: z.int().optional(),
  untilMs: z.int().optional(),
  stdout: z.boolean(),
  stderr: z.boolean(),
};

const StreamRequestSchema = z.union([
  z.strictObject({ kind: z.literal('logs'), taskId: z.string(), ...logSelection }),
  z.strictObject({ kind: z.literal('logs'), serviceId: z.string(), ...logSelection }),
  z.strictObject({
    kind: z.literal('exec'),
    taskId: z.string(),
    command: z.array(z.string()),
    tty: z.boolean(),
    cols: z.int().positive().optional(),
    rows: z.int().positive().optional(),
    user: z.string().optional(),
    env: z.array(z.string()).optional(),
    workingDir: z.string().optional(),
  }),
  z.strictObject({
    kind: z.literal('stats'),
    taskIds: z.array(z.string()).max(10_000).optional(),
    serviceId: z.string().optional(),
    nodeId: z.string().optional(),
    everyMs: z.int().min(500),
  }),
]);

/** On `/channel?kind=stream`, from a follower to the leader: `open` first, then input. */
export const StreamClientMessage = z.discriminatedUnion('t', [
  z.strictObject({ t: z.literal('open'), request: StreamRequestSchema }),
  z.strictObject({ t: z.literal('stdin'), data: Bytes }),
  z.strictObject({ t: z.literal('stdinEnd') }),
  z.strictObject({ t: z.literal('resize'), cols: z.int().positive(), rows: z.int().positive() }),
]);
export type StreamClientMessage = z.infer<typeof StreamClientMessage>;

const StreamItemSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('lines'),
    taskId: z.string(),
    nodeId: z.string(),
    lines: z.array(LogLine),
  }),
  z.strictObject({ type: z.literal('stats'), nodeId: z.string(), stats: z.array(TaskStats) }),
  z.strictObject({ type: z.literal('output'), channel: z.enum(['stdout', 'stderr']), data: Bytes }),
  z.strictObject({ type: z.literal('exit'), exitCode: z.int() }),
  z.strictObject({
    type: z.literal('notice'),
    taskId: z.string().optional(),
    nodeId: z.string().optional(),
    code: z.string(),
    message: z.string(),
  }),
]);

/** The leader's side of `/channel?kind=stream`; after `end` or `error` it closes. */
export const StreamServerMessage = z.discriminatedUnion('t', [
  z.strictObject({ t: z.literal('opened') }),
  z.strictObject({ t: z.literal('item'), item: StreamItemSchema }),
  z.strictObject({ t: z.literal('end') }),
  z.strictObject({ t: z.literal('error'), error: ErrorRecordSchema }),
]);
export type StreamServerMessage = z.infer<typeof StreamServerMessage>;
