import type { Readable } from 'node:stream';
import type { BuildApi } from './build-api.ts';
import type { ContainerApi } from './container-api.ts';
import type { ImageApi } from './image-api.ts';
import type { ExecApi } from './exec-api.ts';
import type { VolumeApi } from '../volume/volume-api.ts';

/**
 * The container engine of one host as its callers see it: the Docker face, the worker and the console's streams.
 *
 * Errors are `SwarmError`s. `not_found` names the object; `failed_precondition` means "not in this state" and carries
 * `details.dockerStatus` where Docker answers with another status than the table in libs/kernel says.
 * Ids may be abbreviated wherever a `ref` is taken: full id, name, or an unambiguous prefix of an id.
 */
export interface EngineApi {
  readonly images: ImageApi;
  readonly builds: BuildApi;
  readonly containers: ContainerApi;
  readonly execs: ExecApi;
  readonly volumes: VolumeApi;
  readonly events: EventApi;
  info(): Promise<EngineInfo>;
  diskUsage(): Promise<DiskUsage>;
  /** Lets go of everything; running containers go on. */
  close(): Promise<void>;
}

/** Facts about this host's engine. */
export interface EngineInfo {
  /** Stable over restarts: made once and kept under the data root. */
  readonly engineId: string;
  readonly dataRoot: string;
  readonly storageDriver: 'overlay2';
  readonly cgroupVersion: 1 | 2;
  readonly cgroupDriver: 'cgroupfs';
  readonly runtimes: Readonly<Record<string, { readonly path: string; readonly version: string }>>;
  readonly defaultRuntime: string;
  readonly conmonVersion: string;
  readonly containers: number;
  readonly containersRunning: number;
  readonly containersPaused: number;
  readonly containersStopped: number;
  readonly images: number;
  readonly kernelVersion: string;
  readonly operatingSystem: string;
  /** Go's names: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly insecureRegistries: readonly string[];
  /** Of Docker Hub, as URLs. */
  readonly registryMirrors: readonly string[];
  readonly seccompIsAvailable: boolean;
  /** New containers get a user namespace of their own. */
  readonly usersAreRemapped: boolean;
}

export interface DiskUsage {
  readonly layersBytes: number;
  readonly images: readonly { readonly id: string; readonly bytes: number; readonly sharedBytes: number }[];
  readonly containers: readonly { readonly id: string; readonly writableBytes: number }[];
  readonly volumes: readonly { readonly name: string; readonly bytes: number }[];
}

export type EventKind = 'container' | 'image' | 'volume' | 'network' | 'daemon';

/** Something that happened, in Docker's vocabulary (`docker events`). */
export interface EngineEvent {
  readonly kind: EventKind;
  /** `create`, `start`, `die`, `oom`, `health_status: healthy`, `pull`... */
  readonly action: string;
  /** Container id, image id or reference, volume name. */
  readonly actorId: string;
  /** Labels plus `name`, `image`, `exitCode`, `signal` where they apply. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly timeMs: number;
  /** Nanoseconds since the epoch; strictly growing within one process. */
  readonly timeNano: bigint;
}

export interface EventApi {
  /** Calls `listener` for each event from now on; answers a function that ends it. */
  subscribe(listener: (event: EngineEvent) => void): () => void;
  /** The last events (a bounded number of them), oldest first. */
  recent(): readonly EngineEvent[];
  /** For neighbours (network, volume) that have events of their own. */
  publish(event: Pick<EngineEvent, 'kind' | 'action' | 'actorId' | 'attributes'>): void;
}

/**
 * Both ends of something that runs with attached streams. With a terminal everything arrives on `stdout` and
 * `stderr` is null. Reading slowly slows the process down; nothing is dropped and nothing is buffered without limit.
 */
export interface AttachedStreams {
  readonly stdout: Readable;
  readonly stderr: Readable | null;
  /** Null when standard input was not asked for. Ending it closes the process's standard input. */
  readonly stdin: NodeJS.WritableStream | null;
  /** Ends this attachment; the process goes on. Idempotent. */
  detach(): void;
}
