import { z } from 'zod';

import { NodeDescription, NodeRole, TaskStatus } from '@skep/model';

import { Assignments } from './assignments.ts';

/** Version of this protocol. A manager refuses agents whose major version it does not know. */
export const SESSION_PROTOCOL_VERSION = 1;

export const ManagerAddress = z.strictObject({
  nodeId: z.string(),
  /** host:port of the manager port. */
  addr: z.string(),
  apiUrl: z.string().optional(),
});
export type ManagerAddress = z.infer<typeof ManagerAddress>;

/** Kinds of streams a manager may open on an agent through its session. */
export const StreamOpen = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('logs'),
    taskId: z.string(),
    follow: z.boolean(),
    /** Last lines to begin with; -1 for all. */
    tail: z.int().min(-1),
    sinceMs: z.int().optional(),
    untilMs: z.int().optional(),
    stdout: z.boolean(),
    stderr: z.boolean(),
  }),
  z.strictObject({
    kind: z.literal('exec'),
    taskId: z.string(),
    /** Empty: the first of bash, ash, sh that exists. */
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
    taskIds: z.array(z.string()).max(10_000),
    everyMs: z.int().min(500),
  }),
]);
export type StreamOpen = z.infer<typeof StreamOpen>;

/** One log line as it travels: time in nanoseconds as a decimal string, so that it survives JSON. */
export const LogLine = z.strictObject({
  tsNs: z.string(),
  stream: z.enum(['stdout', 'stderr']),
  text: z.string(),
});
export type LogLine = z.infer<typeof LogLine>;

export const TaskStats = z.strictObject({
  taskId: z.string(),
  cpuPercent: z.number(),
  memoryBytes: z.int(),
  memoryLimitBytes: z.int(),
  rxBytes: z.int(),
  txBytes: z.int(),
  pids: z.int(),
});
export type TaskStats = z.infer<typeof TaskStats>;

/**
 * A piece of a stream, in either direction. `logs` send `lines`; `stats` send `stats`; `exec` sends `data` with
 * `channel` (stdin from the manager, stdout or stderr from the agent), `resize`, and at the end `exitCode`.
 */
export const StreamPart = z.strictObject({
  t: z.literal('stream'),
  streamId: z.int().positive(),
  lines: z.array(LogLine).max(5000).optional(),
  stats: z.array(TaskStats).max(10_000).optional(),
  channel: z.enum(['stdin', 'stdout', 'stderr']).optional(),
  data: z.instanceof(Uint8Array).optional(),
  /** End of this direction (stdin closed, or the output is complete). */
  end: z.boolean().optional(),
  resize: z.strictObject({ cols: z.int().positive(), rows: z.int().positive() }).optional(),
  exitCode: z.int().optional(),
  error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
  /** Flow control: bytes (or lines times 100) the receiver has consumed since its last credit. */
  credit: z.int().nonnegative().optional(),
});
export type StreamPart = z.infer<typeof StreamPart>;

/** Agent to manager. */
export const AgentMessage = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('hello'),
    v: z.int(),
    description: NodeDescription,
    /** Address other hosts reach this one by; absent: the address the session comes from. */
    advertiseAddr: z.string().optional(),
    dataPathAddr: z.string().optional(),
    availability: z.enum(['active', 'pause', 'drain']).optional(),
    /** The last assignments this agent holds; the manager may resume from it. */
    holds: z.string().optional(),
  }),
  z.strictObject({ t: z.literal('heartbeat') }),
  /** Asked of any manager instead of `hello`, when the session's own has fallen silent; answered by `leader`. */
  z.strictObject({ t: z.literal('whoLeads') }),
  z.strictObject({
    t: z.literal('status'),
    /** Echoed in `statusAck`: the agent keeps a status until it is acknowledged as committed. */
    batch: z.int().positive(),
    updates: z.array(z.strictObject({ taskId: z.string(), status: TaskStatus })).max(10_000),
  }),
  z.strictObject({ t: z.literal('description'), description: NodeDescription }),
  z.strictObject({ t: z.literal('resync') }),
  /** The node leaves of its own will; its tasks are moved at once. */
  z.strictObject({ t: z.literal('leave') }),
  StreamPart,
]);
export type AgentMessage = z.infer<typeof AgentMessage>;

/** Manager to agent. */
export const ManagerMessage = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('welcome'),
    v: z.int(),
    sessionId: z.string(),
    nodeId: z.string(),
    role: NodeRole,
    heartbeatMs: z.int().positive(),
    managers: z.array(ManagerAddress).max(64),
    dataPathPort: z.int(),
    /** Name and id of the cluster. */
    cluster: z.strictObject({ id: z.string(), name: z.string() }),
  }),
  z.strictObject({
    t: z.literal('notLeader'),
    leaderAddr: z.string().optional(),
    managers: z.array(ManagerAddress).max(64),
  }),
  /** The answer to `whoLeads`; without an address there is no leader that this manager knows of. */
  z.strictObject({
    t: z.literal('leader'),
    leaderAddr: z.string().optional(),
    managers: z.array(ManagerAddress).max(64),
  }),
  z.strictObject({ t: z.literal('heartbeatAck') }),
  z.strictObject({ t: z.literal('managers'), managers: z.array(ManagerAddress).max(64) }),
  /** The wanted role of this node changed: renew the certificate, start or stop the manager process. */
  z.strictObject({ t: z.literal('role'), role: NodeRole }),
  z.strictObject({ t: z.literal('statusAck'), batch: z.int().positive() }),
  Assignments,
  z.strictObject({ t: z.literal('open'), streamId: z.int().positive(), open: StreamOpen }),
  z.strictObject({ t: z.literal('close'), streamId: z.int().positive() }),
  /** This node was removed from the cluster: stop the tasks, forget the identity. */
  z.strictObject({ t: z.literal('removed') }),
  StreamPart,
]);
export type ManagerMessage = z.infer<typeof ManagerMessage>;
