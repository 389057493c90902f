/** One element of `GET /images/json`. */
export interface DockerImageSummary {
  readonly Containers: number;
  /** Unix seconds. */
  readonly Created: number;
  readonly Id: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly ParentId: string;
  readonly RepoDigests: readonly string[];
  readonly RepoTags: readonly string[];
  readonly SharedSize: number;
  readonly Size: number;
  /** Only for API versions before 1.44. */
  readonly VirtualSize?: number;
}

/** Answer of `GET /images/{name}/json`. */
export interface DockerImageInspect {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Parent: string;
  readonly Comment: string;
  readonly Created: string;
  readonly DockerVersion: string;
  readonly Author: string;
  readonly Config: DockerImageConfig;
  /** Of the container that the last step of the image's build ran in. */
  readonly ContainerConfig: DockerImageConfig;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly Size: number;
  /** Only for API versions before 1.44. */
  readonly VirtualSize?: number;
  readonly GraphDriver: { readonly Data: Readonly<Record<string, string>> | null; readonly Name: string };
  readonly RootFS: { readonly Type: string; readonly Layers: readonly string[] };
  readonly Metadata: { readonly LastTagTime: string };
}

/** `Config` of an image. Times in nanoseconds. */
export interface DockerImageConfig {
  readonly User: string;
  readonly ExposedPorts?: Readonly<Record<string, object>> | undefined;
  readonly Env: readonly string[] | null;
  readonly Entrypoint: readonly string[] | null;
  readonly Cmd: readonly string[] | null;
  readonly Volumes: Readonly<Record<string, object>> | null;
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string | undefined;
  readonly OnBuild: readonly string[] | null;
  readonly Healthcheck?: Readonly<Record<string, unknown>> | undefined;
  readonly Shell?: readonly string[] | undefined;
}

/** One element of `GET /images/{name}/history`. */
export interface DockerImageHistory {
  readonly Id: string;
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Tags: readonly string[] | null;
  readonly Size: number;
  readonly Comment: string;
}

/** One element of the answer to `DELETE /images/{name}`. */
export type DockerImageDeletion = { readonly Untagged: string } | { readonly Deleted: string };
