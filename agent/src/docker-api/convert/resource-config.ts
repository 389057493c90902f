import { orOmit, type DockerContainerUpdate, type DockerHostConfig } from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type {
  BlockIoLimit,
  ContainerUpdate,
  DeviceMapping,
  ResourceConfig,
  RestartPolicy,
} from '../../engine/container-config.ts';

/** Zero means "not set" in Docker's numbers. */
function given<T>(value: T | undefined): T | undefined {
  return orOmit(value);
}

/** The limits of a create or update request; also those that only `HostConfig` has. */
export function resourcesOf(host: DockerHostConfig): ResourceConfig {
  const pids = host.PidsLimit;
  const resources = {
    memoryBytes: given(host.Memory),
    memorySwapBytes: given(host.MemorySwap),
    memoryReservationBytes: given(host.MemoryReservation),
    memorySwappiness: host.MemorySwappiness === -1 ? undefined : host.MemorySwappiness,
    oomKillDisable: given(host.OomKillDisable),
    oomScoreAdj: given(host.OomScoreAdj),
    nanoCpus: given(host.NanoCpus),
    cpuShares: given(host.CpuShares),
    cpuPeriodMicros: given(host.CpuPeriod),
    cpuQuotaMicros: given(host.CpuQuota),
    cpusetCpus: given(host.CpusetCpus),
    cpusetMems: given(host.CpusetMems),
    pidsLimit: pids === undefined || pids <= 0 ? undefined : pids,
    shmBytes: given(host.ShmSize),
    blkioWeight: given(host.BlkioWeight),
    blockIoLimits: given(blockIoLimitsOf(host)),
    ulimits: host.Ulimits?.map(({ Name, Soft, Hard }) => ({
      name: Name ?? '',
      soft: Soft ?? 0,
      hard: Hard ?? 0,
    })),
    devices: host.Devices?.map(deviceOf),
    deviceCgroupRules: given(host.DeviceCgroupRules),
    cgroupParent: given(host.CgroupParent),
  };
  return Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== undefined));
}

/** Docker's four lists as one; a rate of 0 is none. */
function blockIoLimitsOf(host: DockerHostConfig): readonly BlockIoLimit[] | undefined {
  const lists = {
    readBytes: host.BlkioDeviceReadBps,
    writeBytes: host.BlkioDeviceWriteBps,
    readOperations: host.BlkioDeviceReadIOps,
    writeOperations: host.BlkioDeviceWriteIOps,
  } as const;
  const limits = (Object.keys(lists) as (keyof typeof lists)[]).flatMap((kind) =>
    (lists[kind] ?? [])
      .filter(({ Rate }) => Rate > 0)
      .map(({ Path, Rate }) => ({ kind, path: Path, perSecond: Rate })),
  );
  return limits.length === 0 ? undefined : limits;
}

function deviceOf(device: NonNullable<DockerHostConfig['Devices']>[number]): DeviceMapping {
  return {
    pathOnHost: device.PathOnHost ?? '',
    ...(device.PathInContainer ? { pathInContainer: device.PathInContainer } : {}),
    ...(device.CgroupPermissions ? { permissions: device.CgroupPermissions } : {}),
  };
}

/** @throws SwarmError `invalid_argument` when a retry count does not fit the policy. */
export function restartPolicyOf(policy: DockerHostConfig['RestartPolicy']): RestartPolicy | undefined {
  if (policy === undefined) {
    return undefined;
  }
  const name = orOmit(policy.Name) ?? 'no';
  const count = policy.MaximumRetryCount ?? 0;
  if (count !== 0 && name !== 'on-failure') {
    throw new SwarmError(
      'invalid_argument',
      `invalid restart policy: maximum retry count cannot be used with restart policy '${name}'`,
    );
  }
  if (count < 0) {
    throw new SwarmError(
      'invalid_argument',
      'invalid restart policy: maximum retry count cannot be negative',
    );
  }
  return { name, maximumRetryCount: count };
}

/** In an update a limit of pids of 0 or -1 takes the limit away. */
export function containerUpdateOf(body: DockerContainerUpdate): ContainerUpdate {
  const resources = resourcesOf(body);
  const restartPolicy = body.RestartPolicy?.Name ? restartPolicyOf(body.RestartPolicy) : undefined;
  return {
    resources:
      body.PidsLimit !== undefined && body.PidsLimit <= 0 ? { ...resources, pidsLimit: 0 } : resources,
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  };
}
