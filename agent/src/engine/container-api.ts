import type { Readable } from 'node:stream';
import type { ContainerConfig, ContainerUpdate, InjectedFile } from './container-config.ts';
import type { AttachedStreams } from './engine-api.ts';
import type { AttachedInterface, NetworkAttachment, PublishedPort } from './network-provider.ts';

/** Docker's words for the life of a container. */
export type ContainerStatus =
  'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export type HealthStatus = 'none' | 'starting' | 'healthy' | 'unhealthy';

export interface HealthProbe {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  /** The first 4096 bytes. */
  readonly output: string;
}

export interface HealthState {
  readonly status: HealthStatus;
  readonly failingStreak: number;
  /** The last five. */
  readonly log: readonly HealthProbe[];
}

export interface ContainerState {
  readonly status: ContainerStatus;
  /** 0 when no process runs. */
  readonly pid: number;
  readonly exitCode: number;
  readonly isOomKilled: boolean;
  /** Why the last start failed, else empty. */
  readonly error: string;
  /** 0: never. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** Null without a health check. */
  readonly health: HealthState | null;
}

/** One line of `docker ps`. */
export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  /** As the user wrote it. */
  readonly image: string;
  /** `sha256:...` of the image configuration. */
  readonly imageId: string;
  /** Entrypoint and arguments as they run. */
  readonly command: readonly string[];
  readonly createdAtMs: number;
  readonly state: ContainerState;
  readonly labels: Readonly<Record<string, string>>;
  readonly networkMode: string;
  readonly interfaces: readonly AttachedInterface[];
  readonly ports: readonly PublishedPort[];
  /** Ports exposed and not published, such as `80/tcp`. */
  readonly exposedPorts: readonly string[];
  readonly mounts: readonly MountPoint[];
  /** Present when `withSizes` was asked for. */
  readonly writableBytes?: number;
  readonly rootfsBytes?: number;
}

/** A mount as it came true. */
export interface MountPoint {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  readonly name?: string;
  readonly source: string;
  readonly destination: string;
  readonly driver?: string;
  readonly isReadOnly: boolean;
  readonly propagation: string;
  /** Options as they were written with `-v`. */
  readonly modeText?: string;
}

/** `docker inspect`. */
export interface ContainerDetails extends ContainerSummary {
  /** As it was given, without the content of `files`, with the name the engine made up when there was none. */
  readonly config: ContainerConfig;
  /** What results from image and config. */
  readonly effective: {
    readonly env: readonly string[];
    readonly cmd: readonly string[];
    readonly entrypoint: readonly string[];
    readonly workingDir: string;
    readonly user: string;
    readonly stopSignal: string;
    readonly hostname: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly restartCount: number;
  readonly runtime: string;
  /** Files on the host. */
  readonly paths: {
    readonly log: string;
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
  };
  readonly overlay: {
    readonly lower: readonly string[];
    readonly upper: string;
    readonly work: string;
    readonly merged: string;
  };
  readonly netnsPath: string;
  readonly execIds: readonly string[];
}

export interface ContainerListOptions {
  /** Stopped ones too. */
  readonly all?: boolean;
  readonly withSizes?: boolean;
}

export interface LogOptions {
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Milliseconds since the epoch; fractions count. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Number of last lines; all when absent. */
  readonly tail?: number;
  /** Go on until the container has stopped. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** One line (or part of a long one) of output. */
export interface LogRecord {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds, as it was written. */
  readonly timestamp: string;
  readonly timeMs: number;
  /** With the newline at its end when the process wrote one. */
  readonly data: Buffer;
}

export interface AttachOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface ExitStatus {
  readonly exitCode: number;
  readonly isOomKilled: boolean;
  readonly finishedAtMs: number;
  /** Why the container could not start, else empty. */
  readonly error: string;
}

export interface ProcessTable {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

/** One sample; counters grow since the container started. */
export interface ContainerStats {
  readonly timeMs: number;
  readonly cpuUsageNano: number;
  readonly cpuUserNano: number;
  readonly cpuSystemNano: number;
  /** Of the whole host, in nanoseconds. */
  readonly hostCpuNano: number;
  readonly onlineCpus: number;
  readonly throttledPeriods: number;
  readonly throttledNano: number;
  readonly memoryUsageBytes: number;
  /** Page cache that could go at once; `docker stats` takes it off. */
  readonly memoryInactiveFileBytes: number;
  readonly memoryLimitBytes: number;
  readonly pids: number;
  readonly pidsLimit: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  readonly interfaces: Readonly<Record<string, InterfaceStats>>;
}

export interface InterfaceStats {
  readonly receivedBytes: number;
  readonly receivedPackets: number;
  readonly receivedErrors: number;
  readonly receivedDropped: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
  readonly sentErrors: number;
  readonly sentDropped: number;
}

export interface PathStat {
  readonly name: string;
  readonly sizeBytes: number;
  /** Bits of st_mode. */
  readonly mode: number;
  readonly modifiedAtMs: number;
  readonly linkTarget: string;
}

export interface FilesystemChange {
  readonly path: string;
  readonly kind: 'modified' | 'added' | 'deleted';
}

/** Containers of one host. `ref` is an id, a name, or an unambiguous prefix of an id. */
export interface ContainerApi {
  /** Answers the new container's id. The image must be there already (`not_found` names it). */
  create(config: ContainerConfig): Promise<{ readonly id: string; readonly warnings: readonly string[] }>;
  /** No-op answer `false` when it runs already. `files` replaces the injected files (they do not survive a reboot). */
  start(ref: string, options?: { readonly files?: readonly InjectedFile[] }): Promise<boolean>;
  /** Stop signal, then SIGKILL after the timeout (-1: never). Answers `false` when it was not running. */
  stop(
    ref: string,
    options?: { readonly signal?: string; readonly timeoutSeconds?: number },
  ): Promise<boolean>;
  kill(ref: string, signal?: string): Promise<void>;
  restart(
    ref: string,
    options?: { readonly signal?: string; readonly timeoutSeconds?: number },
  ): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  update(ref: string, update: ContainerUpdate): Promise<{ readonly warnings: readonly string[] }>;
  remove(
    ref: string,
    options?: { readonly force?: boolean; readonly removeVolumes?: boolean },
  ): Promise<void>;
  /** `not-running` answers at once for a container that does not run. */
  wait(ref: string, condition?: WaitCondition, signal?: AbortSignal): Promise<ExitStatus>;

  /** The id behind a reference. */
  resolve(ref: string): string;
  inspect(ref: string, options?: { readonly withSizes?: boolean }): Promise<ContainerDetails>;
  list(options?: ContainerListOptions): Promise<readonly ContainerSummary[]>;

  logs(ref: string, options?: LogOptions): AsyncIterable<LogRecord>;
  attach(ref: string, options?: AttachOptions): Promise<AttachedStreams>;
  /** Tells the world that an attached client has left a container that goes on; nothing when the container is gone. */
  noteDetach(ref: string): void;
  /** Resizes the terminal. */
  resize(ref: string, rows: number, columns: number): Promise<void>;
  /** `ps` options as in `docker top`; `-ef` when absent. */
  top(ref: string, psOptions?: string): Promise<ProcessTable>;
  /** One sample now. */
  stats(ref: string): Promise<ContainerStats>;
  diff(ref: string): Promise<readonly FilesystemChange[]>;

  statPath(ref: string, path: string): Promise<PathStat>;
  /** A tar of `path` (`docker cp` out of a container). */
  getArchive(ref: string, path: string): Promise<{ readonly stat: PathStat; readonly tar: Readable }>;
  /** Unpacks a tar (plain, gzip, zstd) into the directory `path`. */
  putArchive(
    ref: string,
    path: string,
    tar: Readable,
    options?: { readonly noOverwriteDirNonDir?: boolean; readonly copyUidGid?: boolean },
  ): Promise<void>;
  /** A tar of the whole root file system. */
  exportArchive(ref: string): Promise<Readable>;

  connectNetwork(ref: string, attachment: NetworkAttachment): Promise<void>;
  disconnectNetwork(ref: string, network: string, options?: { readonly force?: boolean }): Promise<void>;

  /** Removes every stopped container that `isWanted` does not keep; answers ids and bytes freed. */
  prune(
    isPrunable?: (summary: ContainerSummary) => boolean,
  ): Promise<{ readonly ids: readonly string[]; readonly reclaimedBytes: number }>;
}
