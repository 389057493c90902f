import type { Permission, StreamClientFrame, StreamOp, StreamServerFrame, StreamTopic } from '@skep/contract';

/**
 * Frames of the state socket, as the contract has them. Values are repeated here because the contract's module brings
 * its schemas along; `protocol.test.ts` holds the two together.
 */
export const STREAM_SUBPROTOCOL = 'console.v1';

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

export type Topic = StreamTopic;
export const TOPICS = Object.keys(TOPIC_PERMISSIONS) as readonly Topic[];

/** One object of a topic. Columns are whatever the manager sends: nothing here depends on their set. */
export type Row = Readonly<Record<string, unknown>>;
export type Op = StreamOp;
export type ServerFrame = StreamServerFrame;
export type ClientFrame = StreamClientFrame;

type Frame<T extends ServerFrame['t']> = Extract<ServerFrame, { readonly t: T }>;
export type WelcomeFrame = Frame<'welcome'>;
export type SnapFrame = Frame<'snap'>;
export type DeltaFrame = Frame<'delta'>;

export type ManagerAddress = WelcomeFrame['managers'][number];
export type Dependencies = WelcomeFrame['deps'];

const KINDS: ReadonlySet<string> = new Set<ServerFrame['t']>([
  'welcome',
  'snap',
  'delta',
  'health',
  'mark',
  'stats',
  'gap',
  'bye',
  'pong',
  'error',
]);

/** Reads one frame. Kinds this build does not know are `undefined`, so that newer managers may speak. */
export function parseServerFrame(text: string): ServerFrame | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('t' in value)) {
    return undefined;
  }
  return typeof value.t === 'string' && KINDS.has(value.t) ? (value as ServerFrame) : undefined;
}

/** Topics a person with these permissions is sent. */
export function topicsFor(permissions: readonly Permission[]): readonly Topic[] {
  return TOPICS.filter((topic) => permissions.includes(TOPIC_PERMISSIONS[topic]));
}
