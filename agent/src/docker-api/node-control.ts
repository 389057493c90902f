import type { Readable } from 'node:stream';

/** Life of this node in a swarm, as Docker names it. */
export type LocalNodeState = 'inactive' | 'pending' | 'active' | 'error' | 'locked';

/** What this host knows of its own place in a swarm, without asking anyone. */
export interface NodeControlInfo {
  readonly state: LocalNodeState;
  /** Empty outside a swarm. */
  readonly nodeId: string;
  /** Address other nodes reach this one by; empty outside a swarm. */
  readonly nodeAddr: string;
  /** Whether this node's manager can be asked about the cluster. */
  readonly isManager: boolean;
  /** Why the state is `error`, else empty. */
  readonly error: string;
  readonly managers: readonly { readonly nodeId: string; readonly addr: string }[];
}

export interface SwarmInitOptions {
  readonly listenAddr?: string;
  readonly advertiseAddr?: string;
  readonly dataPathAddr?: string;
  readonly dataPathPort?: number;
  readonly forceNewCluster?: boolean;
  readonly availability?: 'active' | 'pause' | 'drain';
  readonly addressPools?: readonly string[];
  readonly subnetPrefixLength?: number;
}

/** A backup of a cluster that is to be restored. */
export interface BackupSource {
  readonly file: Readable;
  readonly passphrase: string;
}

export interface SwarmJoinOptions {
  readonly listenAddr?: string;
  readonly advertiseAddr?: string;
  readonly dataPathAddr?: string;
  /** host:port of managers; at least one. */
  readonly remoteAddrs: readonly string[];
  readonly joinToken: string;
  readonly availability?: 'active' | 'pause' | 'drain';
}

/**
 * Makes this host a member of a swarm and takes it out again. Errors are `SwarmError`s whose message is for people:
 * a wrong token, an address nobody answers on, the last manager that must be forced.
 */
export interface NodeControl {
  info(): Promise<NodeControlInfo>;
  /** Answers this node's id. */
  init(options: SwarmInitOptions): Promise<string>;
  /** Begins the cluster of a backup on this host, which is in none; answers this node's id. */
  restore(options: SwarmInitOptions, backup: BackupSource): Promise<string>;
  join(options: SwarmJoinOptions): Promise<void>;
  leave(options: { readonly force: boolean }): Promise<void>;
  unlock(key: string): Promise<void>;
}
