import { z } from 'zod';

import type { Network, Node, Service, Stack, Task } from '@skep/model';

import type { Permission } from './permission.ts';
import type { ClusterView, ConfigView, DependencyState, ManagerView, SecretView } from './views.ts';

/**
 * The state socket, `GET /api/v1/stream`: JSON text frames. The client says hello; the manager welcomes it, sends
 * either the missed deltas or a snapshot per topic, then one delta per log entry. `rev` is the applied Raft index, the
 * same on every manager, so that a client may resume elsewhere. A client applies a delta only when `prev` is its own
 * rev, and says hello again otherwise.
 */
export const STREAM_PATH = '/stream';
export const STREAM_SUBPROTOCOL = 'console.v1';

export const STREAM_TOPICS = [
  'cluster',
  'nodes',
  'services',
  'tasks',
  'stacks',
  'networks',
  'secrets',
  'configs',
] as const;
export type StreamTopic = (typeof STREAM_TOPICS)[number];

/** What a principal must hold to be sent a topic; topics without it are left out. */
export const TOPIC_PERMISSIONS: Readonly<Record<StreamTopic, Permission>> = {
  cluster: 'cluster.read',
  nodes: 'node.read',
  services: 'service.read',
  tasks: 'task.read',
  stacks: 'stack.read',
  networks: 'network.read',
  secrets: 'secret.read',
  configs: 'config.read',
};

/** A task on the stream: without its spec, but with the image it runs. */
export interface TaskRow extends Omit<Task, 'spec' | 'assignedGenericResources' | 'requestId'> {
  readonly image: string;
}

/** Columns of each topic. A column that an object does not have is `null` in a snapshot and in a change that removes it. */
export interface StreamRows {
  readonly cluster: ClusterView;
  readonly nodes: Node;
  readonly services: Service;
  readonly tasks: TaskRow;
  readonly stacks: Omit<Stack, 'source' | 'variables'>;
  readonly networks: Network;
  readonly secrets: SecretView;
  readonly configs: ConfigView;
}

const Scope = z.union([
  z.strictObject({ service: z.string().max(256) }),
  z.strictObject({ node: z.string().max(256) }),
  z.strictObject({ all: z.literal(true) }),
]);

/** Frames a client sends. The first must be `hello`. */
export const StreamClientFrame = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('hello'),
    v: z.literal(1),
    build: z.string().max(100).optional(),
    locale: z.string().max(35).optional(),
    topics: z.array(z.enum(STREAM_TOPICS)).max(STREAM_TOPICS.length),
    resume: z.strictObject({ epoch: z.string().max(100), rev: z.int().nonnegative() }).optional(),
  }),
  z.strictObject({
    t: z.literal('sub'),
    id: z.int().positive(),
    topic: z.literal('stats'),
    scope: Scope,
    /** Milliseconds between samples. */
    every: z.int().min(500).max(60_000),
  }),
  z.strictObject({ t: z.literal('unsub'), id: z.int().positive() }),
  z.strictObject({ t: z.literal('idle') }),
  z.strictObject({ t: z.literal('active') }),
  z.strictObject({ t: z.literal('ping'), n: z.int() }),
]);
export type StreamClientFrame = z.infer<typeof StreamClientFrame>;

export interface StreamDependencies {
  readonly db: DependencyState;
  readonly metrics: DependencyState;
}

/** `+` inserts or replaces a row, `~` replaces the columns it names, `-` removes the row. */
export type StreamOp =
  | readonly [topic: StreamTopic, op: '+' | '~', id: string, columns: Readonly<Record<string, unknown>>]
  | readonly [topic: StreamTopic, op: '-', id: string];

/** One task's sample: id, CPU percent (100 = one core), memory bytes, bytes received, bytes sent. */
export type StatsRow = readonly [
  taskId: string,
  cpuPercent: number,
  memoryBytes: number,
  rxBytes: number,
  txBytes: number,
];

/** Frames a manager sends. */
export type StreamServerFrame =
  | {
      readonly t: 'welcome';
      /** Changes when the cluster is made anew or restored: what was held before is void. */
      readonly epoch: string;
      readonly rev: number;
      readonly now: number;
      readonly build: string;
      readonly node: { readonly id: string; readonly name: string; readonly role: 'manager' | 'worker' };
      readonly user: { readonly principal: string; readonly name: string; readonly role: string };
      readonly perms: readonly Permission[];
      readonly resumed: boolean;
      readonly managers: readonly ManagerView[];
      readonly quorum: boolean;
      readonly deps: StreamDependencies;
    }
  | {
      readonly t: 'snap';
      readonly topic: StreamTopic;
      readonly rev: number;
      readonly part: number;
      readonly last: boolean;
      readonly cols: readonly string[];
      readonly rows: readonly (readonly unknown[])[];
    }
  | {
      readonly t: 'delta';
      readonly prev: number;
      readonly rev: number;
      readonly ts: number;
      readonly ops: readonly StreamOp[];
    }
  | { readonly t: 'mark'; readonly rev: number; readonly ts: number }
  | { readonly t: 'stats'; readonly id: number; readonly ts: number; readonly rows: readonly StatsRow[] }
  | {
      readonly t: 'health';
      readonly quorum: boolean;
      readonly leader: string | null;
      readonly lagMs: number;
      readonly deps: StreamDependencies;
      readonly managers: readonly ManagerView[];
    }
  | { readonly t: 'gap'; readonly why: 'compacted' | 'slow' | 'epoch' | 'perms' }
  | {
      readonly t: 'bye';
      readonly code: string;
      readonly retryMs: number;
      readonly tryManagers: readonly ManagerView[];
    }
  | { readonly t: 'pong'; readonly n: number }
  | { readonly t: 'error'; readonly id?: number; readonly code: string; readonly message: string };
