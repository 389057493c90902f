import {
  compact,
  formatTimeMs,
  isAtLeast,
  type ApiVersion,
  type DockerImageConfig,
  type DockerImageDeletion,
  type DockerImageHistory,
  type DockerImageInspect,
  type DockerImageSummary,
} from '@skep/docker-api';

import type { ImageDetails, ImageHistoryEntry, ImageRemoval, ImageSummary } from '../../engine/image-api.ts';

const NANOS_PER_MS = 1e6;

/** Until API 1.43 an image without a name shows `<none>` in both lists. */
function namesOf(
  image: Pick<ImageSummary, 'tags' | 'digests'>,
  version: ApiVersion,
): Pick<DockerImageSummary, 'RepoTags' | 'RepoDigests'> {
  if (isAtLeast(version, 43) || image.tags.length > 0) {
    return { RepoTags: image.tags, RepoDigests: image.digests };
  }
  return {
    RepoTags: ['<none>:<none>'],
    RepoDigests: image.digests.length > 0 ? image.digests : ['<none>@<none>'],
  };
}

export function imageSummaryToDocker(image: ImageSummary, version: ApiVersion): DockerImageSummary {
  return {
    Containers: -1,
    Created: Math.floor(image.createdAtMs / 1000),
    Id: image.id,
    Labels: Object.keys(image.labels).length > 0 ? image.labels : null,
    ParentId: '',
    ...namesOf(image, version),
    SharedSize: -1,
    Size: image.sizeBytes,
    ...(isAtLeast(version, 44) ? {} : { VirtualSize: image.sizeBytes }),
  };
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

function toObjects(keys: readonly string[]): Readonly<Record<string, object>> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

function imageConfigToDocker({ config }: ImageDetails): DockerImageConfig {
  const check = config.healthcheck;
  const nanos = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : ms * NANOS_PER_MS;
  return compact<DockerImageConfig>({
    User: config.user,
    ExposedPorts: config.exposedPorts.length === 0 ? undefined : toObjects(config.exposedPorts),
    Env: orNull(config.env),
    Cmd: orNull(config.cmd),
    Volumes: config.volumes.length === 0 ? null : toObjects(config.volumes),
    WorkingDir: config.workingDir,
    Entrypoint: orNull(config.entrypoint),
    OnBuild: orNull(config.onBuild),
    Labels: Object.keys(config.labels).length === 0 ? null : config.labels,
    StopSignal: config.stopSignal === '' ? undefined : config.stopSignal,
    Healthcheck:
      check === null
        ? undefined
        : {
            Test: check.test,
            Interval: nanos(check.intervalMs),
            Timeout: nanos(check.timeoutMs),
            StartPeriod: nanos(check.startPeriodMs),
            StartInterval: nanos(check.startIntervalMs),
            Retries: check.retries,
          },
    Shell: config.shell.length === 0 ? undefined : config.shell,
  });
}

export function imageToDocker(image: ImageDetails, version: ApiVersion): DockerImageInspect {
  const config = imageConfigToDocker(image);
  return {
    Id: image.id,
    RepoTags: image.tags,
    RepoDigests: image.digests,
    Parent: '',
    Comment: image.comment,
    Created: formatTimeMs(image.createdAtMs),
    DockerVersion: '',
    Author: image.author,
    Config: config,
    // Docker left it out from 1.45 on; docker-compose 1 takes any version, asks it for the volumes and breaks without it.
    ContainerConfig: config,
    Architecture: image.architecture,
    ...(image.variant === '' ? {} : { Variant: image.variant }),
    Os: image.os,
    Size: image.sizeBytes,
    ...(isAtLeast(version, 44) ? {} : { VirtualSize: image.sizeBytes }),
    GraphDriver: { Data: null, Name: 'overlay2' },
    RootFS: { Type: 'layers', Layers: image.layers },
    Metadata: { LastTagTime: formatTimeMs(image.lastTaggedAtMs) },
  };
}

export function imageHistoryToDocker(entry: ImageHistoryEntry): DockerImageHistory {
  return {
    Id: entry.id === '' ? '<missing>' : entry.id,
    Created: Math.floor(entry.createdAtMs / 1000),
    CreatedBy: entry.createdBy,
    Tags: orNull(entry.tags),
    Size: entry.sizeBytes,
    Comment: entry.comment,
  };
}

export function imageRemovalToDocker(removal: ImageRemoval): DockerImageDeletion[] {
  return [
    ...removal.untagged.map((Untagged) => ({ Untagged })),
    ...removal.deleted.map((Deleted) => ({ Deleted })),
  ];
}
