import type {
  ApiToken,
  Cluster,
  Config,
  Network,
  Node,
  Secret,
  Service,
  Session,
  Stack,
  Task,
  User,
} from '@skep/model';

/** Every kind of stored object and its type. Append only: the names travel in log entries and snapshots. */
export interface ObjectOf {
  cluster: Cluster;
  node: Node;
  service: Service;
  task: Task;
  network: Network;
  secret: Secret;
  config: Config;
  stack: Stack;
  user: User;
  apiToken: ApiToken;
  session: Session;
}

export type Kind = keyof ObjectOf;

/** All kinds in the order in which snapshots hold them. */
export const KINDS = [
  'cluster',
  'node',
  'service',
  'task',
  'network',
  'secret',
  'config',
  'stack',
  'user',
  'apiToken',
  'session',
] as const satisfies readonly Kind[];

const KNOWN: ReadonlySet<string> = new Set(KINDS);

export function isKind(text: string): text is Kind {
  return KNOWN.has(text);
}

/** Kinds whose objects are found by a name that is unique in the cluster (without case, as in Swarm). */
export type NamedKind = 'service' | 'network' | 'secret' | 'config' | 'stack' | 'user';

/** What people call a kind in messages. */
export const KIND_TITLES: Readonly<Record<Kind, string>> = {
  cluster: 'cluster',
  node: 'node',
  service: 'service',
  task: 'task',
  network: 'network',
  secret: 'secret',
  config: 'config',
  stack: 'stack',
  user: 'user',
  apiToken: 'API token',
  session: 'session',
};

/** Name of an object in messages; its id when it has none. */
export function titleOf<K extends Kind>(kind: K, object: ObjectOf[K]): string {
  const holder = object as { readonly name?: string; readonly spec?: { readonly name?: string } };
  const name = kind === 'task' ? undefined : (holder.spec?.name ?? holder.name);
  return name ?? object.id;
}
