import { ZERO_TIME, formatTimeMs } from '@skep/docker-api';

import type { ContainerStats } from '../../engine/container-api.ts';

/** One line of `GET /containers/{id}/stats`. */
export type DockerStats = Readonly<Record<string, unknown>>;

function cpuToDocker(stats: ContainerStats): DockerStats {
  return {
    cpu_usage: {
      total_usage: stats.cpuUsageNano,
      usage_in_kernelmode: stats.cpuSystemNano,
      usage_in_usermode: stats.cpuUserNano,
    },
    system_cpu_usage: stats.hostCpuNano,
    online_cpus: stats.onlineCpus,
    throttling_data: {
      periods: 0,
      throttled_periods: stats.throttledPeriods,
      throttled_time: stats.throttledNano,
    },
  };
}

const NO_CPU: DockerStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

function blkioToDocker(stats: ContainerStats): DockerStats {
  const entry = (op: string, value: number): object => ({ major: 0, minor: 0, op, value });
  return {
    io_service_bytes_recursive: [entry('read', stats.blockReadBytes), entry('write', stats.blockWriteBytes)],
    io_serviced_recursive: null,
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  };
}

function networksToDocker(stats: ContainerStats): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(stats.interfaces).map(([name, counters]) => [
      name,
      {
        rx_bytes: counters.receivedBytes,
        rx_packets: counters.receivedPackets,
        rx_errors: counters.receivedErrors,
        rx_dropped: counters.receivedDropped,
        tx_bytes: counters.sentBytes,
        tx_packets: counters.sentPackets,
        tx_errors: counters.sentErrors,
        tx_dropped: counters.sentDropped,
      },
    ]),
  );
}

/** `previous` is the sample before this one: clients compute the share of CPU from the two. */
export function statsToDocker(
  container: { readonly id: string; readonly name: string },
  stats: ContainerStats,
  previous: ContainerStats | undefined,
): DockerStats {
  return {
    name: `/${container.name}`,
    id: container.id,
    read: formatTimeMs(stats.timeMs),
    preread: previous === undefined ? ZERO_TIME : formatTimeMs(previous.timeMs),
    pids_stats: { current: stats.pids, ...(stats.pidsLimit > 0 ? { limit: stats.pidsLimit } : {}) },
    blkio_stats: blkioToDocker(stats),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuToDocker(stats),
    precpu_stats: previous === undefined ? NO_CPU : cpuToDocker(previous),
    memory_stats: {
      usage: stats.memoryUsageBytes,
      stats: {
        inactive_file: stats.memoryInactiveFileBytes,
        total_inactive_file: stats.memoryInactiveFileBytes,
      },
      limit: stats.memoryLimitBytes,
    },
    networks: networksToDocker(stats),
  };
}

/** What a stopped container answers: zeros. */
export function emptyStatsToDocker(container: { readonly id: string; readonly name: string }): DockerStats {
  return {
    name: `/${container.name}`,
    id: container.id,
    read: ZERO_TIME,
    preread: ZERO_TIME,
    pids_stats: {},
    blkio_stats: {
      io_service_bytes_recursive: null,
      io_serviced_recursive: null,
      io_queue_recursive: null,
      io_service_time_recursive: null,
      io_wait_time_recursive: null,
      io_merged_recursive: null,
      io_time_recursive: null,
      sectors_recursive: null,
    },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: NO_CPU,
    precpu_stats: NO_CPU,
    memory_stats: {},
  };
}
