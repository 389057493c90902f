import type { ClusterView, JoinTokensView, SecretView, ServiceView } from '@skep/contract';
import type {
  ClusterSpec,
  Config,
  Network,
  NetworkSpec,
  Node,
  NodeSpec,
  ServiceSpec,
  Task,
} from '@skep/model';

/** What narrows a list of tasks on the manager's side. Ids or names. */
export interface TaskSelection {
  readonly service?: readonly string[];
  readonly node?: readonly string[];
  readonly id?: readonly string[];
  readonly label?: string;
  readonly desiredState?: readonly Task['desiredState'][];
  readonly upToDate?: boolean;
}

/** One line of the logs of a service or task. */
export interface SwarmLogLine {
  /** Nanoseconds since the epoch, decimal. */
  readonly tsNs: string;
  readonly stream: 'stdout' | 'stderr';
  /** Without the newline at its end. */
  readonly text: string;
  readonly taskId: string;
  /** Id or name of the node that runs the task. */
  readonly node: string;
}

export interface SwarmLogOptions {
  readonly services?: readonly string[];
  readonly tasks?: readonly string[];
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  /** Last lines per task; all when absent. */
  readonly tail?: number;
  readonly sinceMs?: number;
  readonly signal: AbortSignal;
}

/** A config with its data when it was read by itself. */
export type ConfigEntry = Omit<Config, 'data'> & { readonly data?: Uint8Array };

/** A secret or config to be created. */
export interface NewPayload {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

/**
 * The cluster as the Docker face asks for it. `ref` is an id, a name or an unambiguous beginning of an id. Errors are
 * `SwarmError`s: `not_manager`, `unavailable` (no quorum), `not_found`, `name_conflict`, `version_conflict`, ...
 */
export interface SwarmGateway {
  getCluster(): Promise<ClusterView>;
  updateCluster(spec: ClusterSpec, version: number): Promise<void>;
  getJoinTokens(): Promise<JoinTokensView>;
  rotateJoinToken(role: 'worker' | 'manager'): Promise<void>;
  /** Undefined while managers are not locked. */
  getUnlockKey(): Promise<string | undefined>;
  rotateUnlockKey(): Promise<void>;

  listNodes(): Promise<readonly Node[]>;
  getNode(ref: string): Promise<Node>;
  updateNode(ref: string, spec: NodeSpec, version: number): Promise<void>;
  removeNode(ref: string, options: { readonly force: boolean }): Promise<void>;

  listServices(): Promise<readonly ServiceView[]>;
  getService(ref: string): Promise<ServiceView>;
  createService(spec: ServiceSpec): Promise<{ readonly id: string; readonly warnings: readonly string[] }>;
  updateService(
    ref: string,
    spec: ServiceSpec,
    version: number,
  ): Promise<{ readonly warnings: readonly string[] }>;
  /** Back to the spec before the last update. */
  rollbackService(ref: string, version: number): Promise<{ readonly warnings: readonly string[] }>;
  removeService(ref: string): Promise<void>;

  listTasks(selection: TaskSelection): Promise<readonly Task[]>;
  getTask(ref: string): Promise<Task>;
  /** Ends after the last line, or when the signal fires; with `follow` only then. */
  logs(options: SwarmLogOptions): AsyncIterable<SwarmLogLine>;

  listNetworks(): Promise<readonly Network[]>;
  getNetwork(ref: string): Promise<Network>;
  createNetwork(spec: NetworkSpec): Promise<{ readonly id: string; readonly warnings: readonly string[] }>;
  removeNetwork(ref: string): Promise<void>;

  listSecrets(): Promise<readonly SecretView[]>;
  getSecret(ref: string): Promise<SecretView>;
  createSecret(secret: NewPayload): Promise<string>;
  updateSecretLabels(ref: string, labels: Readonly<Record<string, string>>, version: number): Promise<void>;
  removeSecret(ref: string): Promise<void>;

  listConfigs(): Promise<readonly ConfigEntry[]>;
  getConfig(ref: string): Promise<ConfigEntry>;
  createConfig(config: NewPayload): Promise<string>;
  updateConfigLabels(ref: string, labels: Readonly<Record<string, string>>, version: number): Promise<void>;
  removeConfig(ref: string): Promise<void>;
}
