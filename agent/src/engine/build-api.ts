import type { Readable } from 'node:stream';
import type { RegistryCredentials, TransferProgress } from './image-api.ts';

/** Where the files of a build come from. */
export type BuildSource =
  /** A tar archive, plain or packed with gzip, zstd, bzip2 or xz. */
  | { readonly kind: 'archive'; readonly archive: Readable }
  /** `https://host/repository.git#branch:directory`. */
  | { readonly kind: 'git'; readonly url: string };

/** What `docker build` can say. */
export interface BuildRequest {
  readonly source: BuildSource;
  /** Path of the Dockerfile in the context; `Dockerfile` when absent. */
  readonly dockerfile?: string;
  readonly tags?: readonly string[];
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly noCache?: boolean;
  /** Images whose steps count as done, when they are in the store. */
  readonly cacheFrom?: readonly string[];
  /** Fetch base images even when they are there. */
  readonly pull?: boolean;
  readonly platform?: string;
  /** `bridge` (default), `host`, `none`, a network, or `container:<ref>`. */
  readonly networkMode?: string;
  /** `name:address`. */
  readonly extraHosts?: readonly string[];
  readonly resources?: BuildResources;
  /** By registry host. */
  readonly credentials?: (registry: string) => RegistryCredentials | undefined;
  /** The build waits while the promise it answers is open. */
  readonly onOutput?: (text: string) => void | Promise<void>;
  readonly onProgress?: (progress: TransferProgress) => void;
  readonly signal?: AbortSignal;
}

/** Limits of the processes of RUN instructions. */
export interface BuildResources {
  readonly memoryBytes?: number;
  readonly memorySwapBytes?: number;
  readonly cpuShares?: number;
  readonly cpuPeriodUs?: number;
  readonly cpuQuotaUs?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly shmBytes?: number;
  readonly ulimits?: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
}

export interface BuildResult {
  readonly imageId: string;
  /** Familiar names, as `docker build` prints them. */
  readonly tags: readonly string[];
}

/** The result of one step, kept so that the step need not be done again. */
export interface BuildCacheRecord {
  readonly id: string;
  readonly parent: string | null;
  /** The instruction that made it. */
  readonly description: string;
  /** A build uses it now. */
  readonly isInUse: boolean;
  /** An image in the store has the same layers. */
  readonly isShared: boolean;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
  readonly usageCount: number;
}

export interface CachePruneOptions {
  /** Also what present images share. */
  readonly all?: boolean;
  /** Leave this much, the latest used. */
  readonly keepBytes?: number;
  readonly isPrunable?: (record: BuildCacheRecord) => boolean;
}

/** Making images out of Dockerfiles. */
export interface BuildApi {
  /**
   * Errors of the Dockerfile or its commands are `failed_precondition` with Docker's words; `details.exitCode` is the
   * code of a command that failed.
   */
  build(request: BuildRequest): Promise<BuildResult>;
  cache(): Promise<readonly BuildCacheRecord[]>;
  pruneCache(
    options?: CachePruneOptions,
  ): Promise<{ readonly ids: readonly string[]; readonly reclaimedBytes: number }>;
}
