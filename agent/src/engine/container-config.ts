import type { DnsSettings, NetworkAttachment, PortPublication } from './network-provider.ts';

/**
 * What a container is to be: everything `docker create` can say, in our own words. Sizes are in bytes, times in the
 * unit their name ends with. Absent means: the image's value, else Docker's default.
 */
export interface ContainerConfig {
  /** Reference (`busybox`, `host/repo:tag@sha256:...`) or image id (`sha256:...`, or an unambiguous prefix). */
  readonly image: string;
  /** Without a leading slash; the engine makes one up (`wise_heron_3f2a`) when it is absent. */
  readonly name?: string;
  readonly platform?: string;
  readonly cmd?: readonly string[];
  /** An empty list takes the image's entrypoint away. */
  readonly entrypoint?: readonly string[];
  /** `KEY=value`; `KEY` alone removes the image's variable. */
  readonly env?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** `user`, `uid`, `user:group` or `uid:gid`. */
  readonly user?: string;
  readonly workingDir?: string;
  /** The first 12 digits of the id when absent. */
  readonly hostname?: string;
  readonly domainname?: string;
  readonly tty?: boolean;
  /** Keep standard input open, so that an attach can write to it. */
  readonly openStdin?: boolean;
  /** Close standard input when the first attached client has ended its side. */
  readonly stdinOnce?: boolean;
  /** Name (`SIGTERM`, `TERM`) or number. */
  readonly stopSignal?: string;
  readonly stopTimeoutSeconds?: number;
  /** `80/tcp`, `53/udp`. */
  readonly exposedPorts?: readonly string[];
  readonly healthcheck?: HealthcheckConfig;
  readonly mounts?: readonly MountConfig[];
  /** Mount points that get an anonymous volume (the image's own are added to them). */
  readonly anonymousVolumes?: readonly string[];
  /** Files whose content never touches a disk: secrets and configs. */
  readonly files?: readonly InjectedFile[];
  readonly restartPolicy?: RestartPolicy;
  readonly autoRemove?: boolean;
  readonly resources?: ResourceConfig;
  readonly security?: SecurityConfig;
  readonly network?: NetworkConfig;
  readonly namespaces?: NamespaceConfig;
  readonly logging?: LoggingConfig;
  /** Run a small init as process 1 that forwards signals and reaps children. */
  readonly init?: boolean;
  readonly readOnlyRootfs?: boolean;
  /** OCI runtime by name: `crun` (default) or `runc`. */
  readonly runtime?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /**
   * JSON that a face of the engine wants back unchanged at `inspect` (such as the Docker create body);
   * the engine stores it and never looks inside.
   */
  readonly echo?: unknown;
}

export interface HealthcheckConfig {
  /** `['NONE']`, `['CMD', ...]`, `['CMD-SHELL', text]`; empty: the image's. */
  readonly test: readonly string[];
  /** Defaults as in Docker: 30 s, 30 s, 0, 5 s, 3. */
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

export type MountConfig = BindMountConfig | VolumeMountConfig | TmpfsMountConfig;

export interface BindMountConfig {
  readonly type: 'bind';
  readonly source: string;
  readonly target: string;
  readonly readOnly?: boolean;
  readonly propagation?: 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';
  readonly nonRecursive?: boolean;
  /** Make the source directory when it is missing (`-v`, not `--mount`). */
  readonly createSource?: boolean;
  /** The options as they were written after the second colon of `-v`; only shown. */
  readonly modeText?: string;
}

export interface VolumeMountConfig {
  readonly type: 'volume';
  /** Name of the volume; absent: an anonymous one. It is created when it is missing. */
  readonly source?: string;
  readonly target: string;
  readonly readOnly?: boolean;
  readonly subpath?: string;
  /** Do not copy what the image has at `target` into an empty volume. */
  readonly noCopy?: boolean;
  readonly driver?: string;
  readonly driverOptions?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** As for {@link BindMountConfig}. */
  readonly modeText?: string;
}

export interface TmpfsMountConfig {
  readonly type: 'tmpfs';
  readonly target: string;
  readonly sizeBytes?: number;
  /** Permission bits, such as 0o1777. */
  readonly mode?: number;
  /** Further mount options: `exec`, `uid=1000`. */
  readonly options?: readonly string[];
  readonly readOnly?: boolean;
  /** Given by `--tmpfs`: Docker does not list those among the mounts of a container. */
  readonly isUnlisted?: boolean;
}

/** A file that appears inside the container; its content is kept in memory (ramfs) only. */
export interface InjectedFile {
  /** `secret` files without a leading slash in `target` land in `/run/secrets/`, `config` files in `/`. */
  readonly kind: 'secret' | 'config';
  readonly target: string;
  readonly content: Uint8Array;
  readonly uid?: number;
  readonly gid?: number;
  /** Permission bits; 0o444 when absent. */
  readonly mode?: number;
}

export interface RestartPolicy {
  readonly name: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  /** For `on-failure`: 0 or absent means without limit. */
  readonly maximumRetryCount?: number;
}

export interface ResourceConfig {
  readonly memoryBytes?: number;
  /** Memory and swap together; -1: no limit on swap. */
  readonly memorySwapBytes?: number;
  readonly memoryReservationBytes?: number;
  readonly memorySwappiness?: number;
  readonly oomKillDisable?: boolean;
  readonly oomScoreAdj?: number;
  /** Billionths of a processor: 1.5 CPUs = 1 500 000 000. */
  readonly nanoCpus?: number;
  readonly cpuShares?: number;
  readonly cpuPeriodMicros?: number;
  readonly cpuQuotaMicros?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  /** 0 and -1: no limit. */
  readonly pidsLimit?: number;
  readonly shmBytes?: number;
  readonly blkioWeight?: number;
  readonly blockIoLimits?: readonly BlockIoLimit[];
  readonly ulimits?: readonly Ulimit[];
  readonly devices?: readonly DeviceMapping[];
  /** `c 1:3 rwm`. */
  readonly deviceCgroupRules?: readonly string[];
  readonly cgroupParent?: string;
}

/** How much of one disk may be used in a second. */
export interface BlockIoLimit {
  readonly kind: 'readBytes' | 'writeBytes' | 'readOperations' | 'writeOperations';
  /** The disk's device file, such as `/dev/sda`; partitions have no limits of their own. */
  readonly path: string;
  readonly perSecond: number;
}

export interface Ulimit {
  /** `nofile`, `nproc`, `core`... */
  readonly name: string;
  /** -1: unlimited. */
  readonly soft: number;
  readonly hard: number;
}

export interface DeviceMapping {
  readonly pathOnHost: string;
  readonly pathInContainer?: string;
  /** Subset of `rwm`; all when absent. */
  readonly permissions?: string;
}

export interface SecurityConfig {
  readonly privileged?: boolean;
  /** With or without `CAP_`; `ALL` is understood. */
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  /** `no-new-privileges`, `seccomp=unconfined`, `seccomp=<JSON profile>`, `systempaths=unconfined`, `apparmor=...`. */
  readonly options?: readonly string[];
  readonly groupAdd?: readonly string[];
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
}

export interface NetworkConfig {
  /** `bridge` when absent; `none`, `host`, `container:<name or id>`, or a network. */
  readonly mode?: string;
  readonly attachments?: readonly NetworkAttachment[];
  readonly publications?: readonly PortPublication[];
  readonly publishAllPorts?: boolean;
  readonly dns?: DnsSettings;
  /** `name:address`. */
  readonly extraHosts?: readonly string[];
  readonly sysctls?: Readonly<Record<string, string>>;
}

export interface NamespaceConfig {
  /** `host` or `container:<name or id>`; private when absent. */
  readonly pid?: string;
  /** `private`, `shareable`, `none`, `host` or `container:<name or id>`. */
  readonly ipc?: string;
  /** `host`; private when absent. */
  readonly uts?: string;
  /** `host`; the engine's remapping when absent. */
  readonly user?: string;
  /** `private` or `host`; absent: as Docker's default, private on cgroups version 2 only. */
  readonly cgroup?: string;
}

export interface LoggingConfig {
  /** `json-file` and `local` keep a file that `logs` reads; `none` keeps nothing. */
  readonly driver?: string;
  /** `max-size` (`10m`), `max-file`, `tag`, `labels`, `env`. */
  readonly options?: Readonly<Record<string, string>>;
}

/** What may be changed on an existing container (`docker update`). */
export interface ContainerUpdate {
  readonly resources?: ResourceConfig;
  readonly restartPolicy?: RestartPolicy;
}
