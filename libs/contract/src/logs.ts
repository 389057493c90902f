import { z } from 'zod';

/** The log socket, `GET /api/v1/logs/stream`: JSON text frames. The client sends `start` first. */
export const LOGS_PATH = '/logs/stream';

const Refs = z.array(z.string().min(1).max(256)).max(100);

export const LogsSelect = z.strictObject({
  /** Ids or names. What is named by any of the four is shown. */
  services: Refs.optional(),
  stacks: Refs.optional(),
  tasks: Refs.optional(),
  nodes: Refs.optional(),
  /** Tasks that ended as well. */
  previous: z.boolean().optional(),
});
export type LogsSelect = z.infer<typeof LogsSelect>;

export const LogsClientFrame = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('start'),
    select: LogsSelect,
    follow: z.boolean(),
    /** Last lines per task to begin with; absent: all that is kept. */
    tail: z.int().min(0).max(100_000).optional(),
    sinceMs: z.int().nonnegative().optional(),
    untilMs: z.int().nonnegative().optional(),
    streams: z
      .array(z.enum(['stdout', 'stderr']))
      .min(1)
      .max(2)
      .optional(),
  }),
  /** Bytes of `l` frames the client has dealt with since its last ack. Clients that never ack are not slowed down, but cut when 8 MiB wait. */
  z.strictObject({ t: z.literal('ack'), bytes: z.int().positive() }),
]);
export type LogsClientFrame = z.infer<typeof LogsClientFrame>;

/** Flags of a line: 1 = late, it came after the 250 ms in which lines are put in order. */
export const LOG_FLAG_LATE = 1;

/** `stream` is 1 for stdout, 2 for stderr; `level` is `E`, `W`, `I`, `D` or null where it is not known. */
export type LogsLine = readonly [
  tsNs: string,
  taskIndex: number,
  stream: 1 | 2,
  level: 'E' | 'W' | 'I' | 'D' | null,
  text: string,
  flags: number,
];

/** `slot` is 0 for tasks of global services; `version` is the specVersion the task was made from. */
export type LogsTask = readonly [
  index: number,
  taskId: string,
  service: string,
  slot: number,
  node: string,
  version: number,
];

export type LogsServerFrame =
  | { readonly t: 'tasks'; readonly add: readonly LogsTask[] }
  | { readonly t: 'l'; readonly b: readonly LogsLine[] }
  | {
      readonly t: 'src';
      readonly taskIndex: number;
      readonly state: 'ended' | 'unreachable' | 'rate-limited';
      readonly dropped?: number;
      readonly message?: string;
    }
  /** Time of the last line sent: a client that reconnects continues with `sinceMs` of it. */
  | { readonly t: 'pos'; readonly tsNs: string }
  /** Nothing more will come: not following, and every source has ended. */
  | { readonly t: 'end' }
  | { readonly t: 'error'; readonly code: string; readonly message: string };

/** Answer of `GET /logs`. */
export const LogsPage = z.object({
  tasks: z.array(
    z.object({
      id: z.string(),
      service: z.string(),
      slot: z.int(),
      nodeId: z.string(),
      node: z.string(),
      /** Why this task's lines are missing or not whole. */
      problem: z.string().optional(),
    }),
  ),
  lines: z.array(
    z.object({
      /** Nanoseconds since the epoch as a decimal string. */
      tsNs: z.string(),
      taskId: z.string(),
      stream: z.enum(['stdout', 'stderr']),
      text: z.string(),
    }),
  ),
});
export type LogsPage = z.infer<typeof LogsPage>;
