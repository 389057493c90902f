import type { Readable } from 'node:stream';

/** Who we are to a registry. Never logged. */
export interface RegistryCredentials {
  readonly username?: string;
  readonly password?: string;
  /** An OAuth2 refresh token, used instead of a password. */
  readonly identityToken?: string;
  /** A ready bearer token. */
  readonly registryToken?: string;
}

/** Progress of a pull, push or load in the words of `docker pull`. */
export interface TransferProgress {
  /** Short layer digest (12 digits), or empty for a line about the whole. */
  readonly id: string;
  /** `Pulling fs layer`, `Downloading`, `Verifying Checksum`, `Download complete`, `Extracting`, `Pull complete`,
   * `Already exists`, `Pushing`, `Pushed`, `Layer already exists`, `Mounted from ...`, or free text. */
  readonly status: string;
  readonly currentBytes?: number;
  readonly totalBytes?: number;
}

export type ProgressListener = (progress: TransferProgress) => void;

export interface PullOptions {
  readonly credentials?: RegistryCredentials;
  /** `linux/amd64`, `linux/arm64/v8`; this host's when absent. */
  readonly platform?: string;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

export interface PullResult {
  /** Digest of the manifest or index the reference named: `sha256:...`. */
  readonly digest: string;
  readonly imageId: string;
  /** True when a newer image was downloaded. */
  readonly isNew: boolean;
  /** Full reference, such as `docker.io/library/busybox:latest`. */
  readonly reference: string;
}

export interface ImageSummary {
  /** `sha256:...` of the configuration. */
  readonly id: string;
  /** Familiar names with tags: `busybox:latest`. */
  readonly tags: readonly string[];
  /** Familiar names with digests: `busybox@sha256:...`. */
  readonly digests: readonly string[];
  readonly createdAtMs: number;
  /** Sum of the unpacked layers. */
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly architecture: string;
  readonly os: string;
  /** Number of containers made from it. */
  readonly containers: number;
}

export interface ImageHealthcheck {
  readonly test: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

export interface ImageDetails extends ImageSummary {
  readonly variant: string;
  readonly author: string;
  readonly comment: string;
  readonly config: {
    readonly env: readonly string[];
    readonly cmd: readonly string[];
    readonly entrypoint: readonly string[];
    readonly workingDir: string;
    readonly user: string;
    readonly exposedPorts: readonly string[];
    readonly volumes: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
    readonly stopSignal: string;
    readonly healthcheck: ImageHealthcheck | null;
    readonly shell: readonly string[];
    readonly onBuild: readonly string[];
  };
  /** Digests of the unpacked layers, lowest first. */
  readonly layers: readonly string[];
  readonly manifestDigest: string;
  readonly lastTaggedAtMs: number;
}

export interface ImageHistoryEntry {
  readonly id: string;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly tags: readonly string[];
  readonly sizeBytes: number;
  readonly comment: string;
}

/** What `docker rmi` prints. */
export interface ImageRemoval {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
}

export interface ImportOptions {
  readonly reference?: string;
  readonly message?: string;
  /** Dockerfile instructions: `CMD ["sh"]`. */
  readonly changes?: readonly string[];
  readonly platform?: string;
}

/** Images of one host. `ref` is a reference, an id, or an unambiguous prefix of an id. */
export interface ImageApi {
  pull(reference: string, options?: PullOptions): Promise<PullResult>;
  push(
    reference: string,
    options?: PullOptions,
  ): Promise<{ readonly digest: string; readonly sizeBytes: number }>;
  /**
   * Asks a registry (its domain; absent: Docker Hub) whether it takes these credentials.
   * @throws SwarmError `unauthenticated` when it does not.
   */
  checkLogin(credentials: RegistryCredentials, domain?: string): Promise<void>;
  /** Asks the registry without downloading (`docker service create` pins digests with it). */
  resolveDigest(
    reference: string,
    options?: PullOptions,
  ): Promise<{
    readonly digest: string;
    readonly mediaType: string;
    readonly sizeBytes: number;
    readonly platforms: readonly {
      readonly architecture: string;
      readonly os: string;
      readonly variant: string;
    }[];
  }>;
  /** True when the reference or id is in the local store. */
  has(ref: string): Promise<boolean>;
  list(options?: { readonly all?: boolean }): Promise<readonly ImageSummary[]>;
  inspect(ref: string): Promise<ImageDetails>;
  history(ref: string): Promise<readonly ImageHistoryEntry[]>;
  tag(ref: string, reference: string): Promise<void>;
  remove(
    ref: string,
    options?: { readonly force?: boolean; readonly noPrune?: boolean },
  ): Promise<ImageRemoval>;
  prune(options?: {
    /** Also images with tags that no container uses. */
    readonly all?: boolean;
    readonly isPrunable?: (summary: ImageSummary) => boolean;
  }): Promise<ImageRemoval & { readonly reclaimedBytes: number }>;
  /** A `docker save` archive of one or more images. */
  save(refs: readonly string[]): Promise<Readable>;
  /** Reads a `docker save` archive or an OCI layout in a tar (plain, gzip or zstd); answers what was loaded. */
  load(
    tar: Readable,
    options?: { readonly onProgress?: ProgressListener },
  ): Promise<readonly { readonly imageId: string; readonly tags: readonly string[] }[]>;
  /** A root file system in a tar becomes an image with one layer (`docker import`). */
  importRootfs(tar: Readable, options?: ImportOptions): Promise<string>;
  /** A container's changes become an image (`docker commit`). Answers the image id. */
  commit(
    containerRef: string,
    options?: ImportOptions & { readonly author?: string; readonly pause?: boolean },
  ): Promise<string>;
}
