import { compact } from '@skep/docker-api';

import type { ContainerDetails } from '../../engine/container-api.ts';
import type { MountConfig, ResourceConfig } from '../../engine/container-config.ts';

/** Docker's answers for limits that are not set. */
const NO_LIMITS = {
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: '',
  BlkioWeight: 0,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpusetCpus: '',
  CpusetMems: '',
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: null,
};

/** The limits as they are now, in Docker's fields. */
export function limitsToDocker(resources: ResourceConfig): Readonly<Record<string, unknown>> {
  return {
    ...NO_LIMITS,
    ...compact({
      CpuShares: resources.cpuShares,
      Memory: resources.memoryBytes,
      NanoCpus: resources.nanoCpus,
      CgroupParent: resources.cgroupParent,
      BlkioWeight: resources.blkioWeight,
      CpuPeriod: resources.cpuPeriodMicros,
      CpuQuota: resources.cpuQuotaMicros,
      CpusetCpus: resources.cpusetCpus,
      CpusetMems: resources.cpusetMems,
      MemoryReservation: resources.memoryReservationBytes,
      MemorySwap: resources.memorySwapBytes,
      MemorySwappiness: resources.memorySwappiness,
      OomKillDisable: resources.oomKillDisable,
      PidsLimit: resources.pidsLimit,
      Ulimits: resources.ulimits?.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    }),
  };
}

/** `HostConfig` of a container that was not made through this API (a task's); only what differs from the defaults. */
export function hostConfigOfTask({ config }: ContainerDetails): Readonly<Record<string, unknown>> {
  const { security = {}, network = {}, namespaces = {}, logging } = config;
  return compact({
    AutoRemove: config.autoRemove,
    LogConfig: logging && { Type: logging.driver ?? 'json-file', Config: logging.options ?? {} },
    Mounts: config.mounts?.map(mountToDocker),
    CapAdd: security.capAdd,
    CapDrop: security.capDrop,
    Privileged: security.privileged,
    SecurityOpt: security.options,
    GroupAdd: security.groupAdd,
    ReadonlyRootfs: config.readOnlyRootfs,
    Dns: network.dns?.nameservers,
    DnsSearch: network.dns?.searches,
    DnsOptions: network.dns?.options,
    ExtraHosts: network.extraHosts,
    Sysctls: network.sysctls,
    PidMode: namespaces.pid,
    IpcMode: namespaces.ipc,
    UTSMode: namespaces.uts,
    UsernsMode: namespaces.user,
    CgroupnsMode: namespaces.cgroup,
    Init: config.init,
    ShmSize: config.resources?.shmBytes,
  });
}

function mountToDocker(mount: MountConfig): Readonly<Record<string, unknown>> {
  return {
    Type: mount.type,
    ...(mount.type === 'tmpfs' || mount.source === undefined ? {} : { Source: mount.source }),
    Target: mount.target,
    ...(mount.readOnly === true ? { ReadOnly: true } : {}),
  };
}
