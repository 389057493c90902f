import { z } from 'zod';

import {
  Actor,
  ApiToken,
  AuditRecord,
  Cluster,
  ClusterSpec,
  Config,
  EventRecord,
  Network,
  Node,
  NodeRole,
  Role,
  Secret,
  Service,
  ServiceSpec,
  Stack,
  Task,
  User,
} from '@skep/model';

import { PERMISSIONS } from './permission.ts';

/** Objects as they leave the API: the stored object without what must not or need not leave the managers. */

const clusterShape = Cluster.shape;

export const ClusterView = z.strictObject({
  id: clusterShape.id,
  version: clusterShape.version,
  createdAtMs: clusterShape.createdAtMs,
  updatedAtMs: clusterShape.updatedAtMs,
  spec: ClusterSpec,
  ca: z.strictObject({ certificatePem: z.string(), fingerprint: z.string() }),
  addressPools: clusterShape.addressPools,
  subnetPrefixLength: clusterShape.subnetPrefixLength,
  dataPathPort: clusterShape.dataPathPort,
});
export type ClusterView = z.infer<typeof ClusterView>;

export const JoinTokensView = z.strictObject({ worker: z.string(), manager: z.string() });
export type JoinTokensView = z.infer<typeof JoinTokensView>;

/** The key that opens locked managers; null while they are not locked. */
export const UnlockKeyView = z.strictObject({ unlockKey: z.string().nullable() });
export type UnlockKeyView = z.infer<typeof UnlockKeyView>;

/** A sealed copy of the cluster's state: a file for `swarm restore`. */
export const BackupView = z.strictObject({
  clusterId: z.string(),
  /** Raft index of the state in it. */
  rev: z.int().positive(),
  createdAtMs: z.int(),
  sizeBytes: z.int().positive(),
  /** Of the file, in hexadecimal. */
  sha256: z.string(),
  /** The file, in base64. */
  data: z.string(),
});
export type BackupView = z.infer<typeof BackupView>;

export const RaftMemberView = z.strictObject({
  raftId: z.int().positive(),
  nodeId: z.string(),
  name: z.string(),
  addr: z.string(),
  role: z.enum(['voter', 'learner']),
  isLeader: z.boolean(),
  reachability: z.enum(['unknown', 'reachable', 'unreachable']),
  /** Address of the member's console and API, where it is known. */
  apiUrl: z.string().optional(),
  matchIndex: z.int().nonnegative().optional(),
});
export type RaftMemberView = z.infer<typeof RaftMemberView>;

export const RaftView = z.strictObject({
  nodeId: z.string(),
  leaderId: z.string().nullable(),
  isLeader: z.boolean(),
  hasQuorum: z.boolean(),
  term: z.int().nonnegative(),
  commitIndex: z.int().nonnegative(),
  appliedIndex: z.int().nonnegative(),
  /** How the disk of this manager's log does: on one that is slow or full it does not lead if another can. */
  disk: z.enum(['ok', 'slow', 'full']),
  members: z.array(RaftMemberView),
  /** "3 voters, 3 reachable: can lose 1." */
  sentence: z.string(),
  /** What should be done about the managers; empty when all is well. */
  advice: z.array(z.string()),
});
export type RaftView = z.infer<typeof RaftView>;

export const NodeView = Node;
export type NodeView = z.infer<typeof NodeView>;

export const TaskCounts = z.strictObject({
  running: z.int().nonnegative(),
  desired: z.int().nonnegative(),
  /** Job modes: tasks of the current run that completed. */
  completed: z.int().nonnegative().optional(),
});
export type TaskCounts = z.infer<typeof TaskCounts>;

/** A service whole, with the count of its tasks. */
export const ServiceView = z.strictObject({ ...Service.shape, tasks: TaskCounts });
export type ServiceView = z.infer<typeof ServiceView>;

export const TaskView = Task;
export type TaskView = z.infer<typeof TaskView>;

export const NetworkView = Network;
export type NetworkView = z.infer<typeof NetworkView>;

/** A secret's metadata. Its data leaves the managers only for the nodes that run its tasks. */
export const SecretView = Secret.omit({ data: true });
export type SecretView = z.infer<typeof SecretView>;

export const ConfigView = Config.omit({ data: true });
export type ConfigView = z.infer<typeof ConfigView>;

/** One config with its data in base64. */
export const ConfigDataView = z.strictObject({ ...ConfigView.shape, data: z.string() });
export type ConfigDataView = z.infer<typeof ConfigDataView>;

export const StackView = z.strictObject({
  ...Stack.omit({ source: true, variables: true }).shape,
  hasSource: z.boolean(),
  services: z.int().nonnegative(),
  tasks: TaskCounts,
});
export type StackView = z.infer<typeof StackView>;

export const StackSourceView = z.strictObject({
  name: z.string(),
  revision: z.int().positive(),
  source: z.string(),
  variables: z.record(z.string(), z.string()).optional(),
  deployedBy: z.string(),
  deployedAtMs: z.int(),
  message: z.string().optional(),
});
export type StackSourceView = z.infer<typeof StackSourceView>;

export const StackRevisionView = StackSourceView.omit({ source: true, variables: true });
export type StackRevisionView = z.infer<typeof StackRevisionView>;

/** One version of a service's spec: `revision` is its specVersion, `logIndex` the entry of its last change. */
export const ServiceRevisionView = z.strictObject({
  revision: z.int().nonnegative(),
  logIndex: z.int().nonnegative(),
  atMs: z.int(),
  actor: Actor,
  spec: ServiceSpec,
  message: z.string().optional(),
});
export type ServiceRevisionView = z.infer<typeof ServiceRevisionView>;

export const UserView = User.omit({ passwordHash: true });
export type UserView = z.infer<typeof UserView>;

export const TokenView = z.strictObject({
  ...ApiToken.omit({ tokenSha256: true }).shape,
  ownerName: z.string(),
});
export type TokenView = z.infer<typeof TokenView>;

/** Who the caller is and what they may do. */
export const MeView = z.strictObject({
  /** `user:<name>`, `token:<name>` or `local:root@<host>`. */
  principal: z.string(),
  name: z.string(),
  userId: z.string().optional(),
  role: Role,
  via: z.enum(['session', 'token', 'local']),
  permissions: z.array(z.enum(PERMISSIONS)),
  locale: z.string().optional(),
  sessionExpiresAtMs: z.int().optional(),
});
export type MeView = z.infer<typeof MeView>;

const historyKeyShape = {
  /** `<logIndex>.<seq>`: unique, ordered, and a cursor. */
  id: z.string(),
  logIndex: z.int().nonnegative(),
  seq: z.int().nonnegative(),
};

export const EventView = z.strictObject({ ...historyKeyShape, ...EventRecord.omit({ type: true }).shape });
export type EventView = z.infer<typeof EventView>;

export const AuditView = z.strictObject({ ...historyKeyShape, ...AuditRecord.omit({ type: true }).shape });
export type AuditView = z.infer<typeof AuditView>;

export const DependencyState = z.enum(['ok', 'slow', 'down', 'off']);
export type DependencyState = z.infer<typeof DependencyState>;

export const ManagerView = z.strictObject({
  id: z.string(),
  name: z.string(),
  url: z.string().optional(),
  reachable: z.boolean(),
  leader: z.boolean(),
});
export type ManagerView = z.infer<typeof ManagerView>;

/** State of the manager that answers. */
export const HealthView = z.strictObject({
  build: z.string(),
  node: z.strictObject({ id: z.string(), name: z.string(), role: NodeRole }),
  rev: z.int().nonnegative(),
  quorum: z.boolean(),
  leader: z.string().nullable(),
  lagMs: z.number().nonnegative(),
  managers: z.array(ManagerView),
  deps: z.strictObject({
    db: DependencyState,
    metrics: DependencyState,
    /** Why the database does not answer, in one sentence. */
    dbReason: z.string().optional(),
    /** Last log index that is in the database. */
    projectedIndex: z.int().nonnegative().optional(),
  }),
});
export type HealthView = z.infer<typeof HealthView>;
