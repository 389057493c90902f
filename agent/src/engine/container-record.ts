import type { IdMap } from '@skep/oci';
import type { ContainerStatus, HealthState, MountPoint } from './container-api.ts';
import type { ContainerConfig } from './container-config.ts';
import type { NetworkRequest, PreparedNetwork } from './network-provider.ts';

/** What results from an image and a container's config; fixed when the container is created. */
export interface EffectiveConfig {
  readonly env: readonly string[];
  readonly cmd: readonly string[];
  readonly entrypoint: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly stopSignal: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly exposedPorts: readonly string[];
  readonly healthcheck: EffectiveHealthcheck | null;
}

/** A health check with all defaults filled in. */
export interface EffectiveHealthcheck {
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

/** The part of a container that changes while it lives. */
export interface RunState {
  readonly status: ContainerStatus;
  readonly pid: number;
  /** Start time of `pid` in clock ticks since boot: tells it from a later process with the same number. */
  readonly pidStartTicks: number;
  readonly conmonPid: number;
  readonly exitCode: number;
  readonly isOomKilled: boolean;
  readonly error: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly restartCount: number;
  /** Stopped by a user: `unless-stopped` leaves it so, `always` until the engine opens again. */
  readonly isStoppedByUser: boolean;
}

/** A mount point with what is needed to make it anew at each start. */
export interface ResolvedMount extends MountPoint {
  readonly isAnonymous?: boolean;
  readonly noCopy?: boolean;
  readonly subpath?: string;
  readonly isRecursive?: boolean;
  readonly isUnlisted?: boolean;
}

/** A secret or config; its content is in a ramfs only. */
export interface InjectedFileRecord {
  readonly kind: 'secret' | 'config';
  /** Absolute path inside the container. */
  readonly target: string;
  /** Below the container's directory in the ramfs. */
  readonly storedAs: string;
}

/** A container as it is kept on disk. Never holds the content of secrets. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly imageId: string;
  readonly config: ContainerConfig;
  readonly effective: EffectiveConfig;
  /** Directories of the image's layers, uppermost first, as overlayfs wants them. */
  readonly lower: readonly string[];
  /** Chain id of the uppermost layer's chain, for the collector. */
  readonly chainIds: readonly string[];
  readonly mounts: readonly ResolvedMount[];
  readonly files: readonly InjectedFileRecord[];
  readonly runtime: string;
  /** The map of its user namespace, for good: its files have the owners of this map. Absent: the host's namespace. */
  readonly idMap?: IdMap;
  readonly state: RunState;
  /** As of the last start; null when the engine made no network for it. */
  readonly network: { readonly request: NetworkRequest; readonly prepared: PreparedNetwork } | null;
}

/** A container in memory: the record and what is only known while this process lives. */
export interface ContainerEntry {
  record: ContainerRecord;
  health: HealthState | null;
}

export const INITIAL_STATE: RunState = {
  status: 'created',
  pid: 0,
  pidStartTicks: 0,
  conmonPid: 0,
  exitCode: 0,
  isOomKilled: false,
  error: '',
  startedAtMs: 0,
  finishedAtMs: 0,
  restartCount: 0,
  isStoppedByUser: false,
};

/** Whether a process of the container exists. */
export function isAlive(status: ContainerStatus): boolean {
  return status === 'running' || status === 'paused';
}
