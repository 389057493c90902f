import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { isErrno } from '@skep/oci';
import type { ContainerStats, InterfaceStats } from './container-api.ts';
import { cgroupDirectory, type CgroupHost } from './runtime/cgroup-host.ts';

/** Clock ticks a second: fixed at 100 on every Linux that Node runs on. */
const NANOS_PER_TICK = 10_000_000;
const NANOS_PER_MICRO = 1000;

/** Reads one sample of a running container's cgroup and network. What the host does not count is 0. */
export async function readStats(host: CgroupHost, cgroupsPath: string, pid: number): Promise<ContainerStats> {
  const [group, hostCpuNano, interfaces] = await Promise.all([
    host.version === 2 ? readVersion2(host, cgroupsPath) : readVersion1(host, cgroupsPath),
    readHostCpu(),
    readInterfaces(pid),
  ]);
  const limit = group.memoryLimitBytes;
  return {
    ...group,
    memoryLimitBytes: limit <= 0 || limit > totalmem() ? totalmem() : limit,
    timeMs: Date.now(),
    hostCpuNano,
    onlineCpus: cpus().length,
    interfaces,
  };
}

type GroupStats = Omit<ContainerStats, 'timeMs' | 'hostCpuNano' | 'onlineCpus' | 'interfaces'>;

async function readVersion2(host: CgroupHost, cgroupsPath: string): Promise<GroupStats> {
  const directory = cgroupDirectory(host, 'unified', cgroupsPath) ?? '';
  const read = (name: string): Promise<string> => readOptional(join(directory, name));
  const [cpu, usage, memoryStat, limit, pids, pidsMax, io] = await Promise.all([
    read('cpu.stat'),
    read('memory.current'),
    read('memory.stat'),
    read('memory.max'),
    read('pids.current'),
    read('pids.max'),
    read('io.stat'),
  ]);
  const cpuStat = keyValues(cpu);
  return {
    cpuUsageNano: (cpuStat['usage_usec'] ?? 0) * NANOS_PER_MICRO,
    cpuUserNano: (cpuStat['user_usec'] ?? 0) * NANOS_PER_MICRO,
    cpuSystemNano: (cpuStat['system_usec'] ?? 0) * NANOS_PER_MICRO,
    throttledPeriods: cpuStat['nr_throttled'] ?? 0,
    throttledNano: (cpuStat['throttled_usec'] ?? 0) * NANOS_PER_MICRO,
    memoryUsageBytes: number(usage),
    memoryInactiveFileBytes: keyValues(memoryStat)['inactive_file'] ?? 0,
    memoryLimitBytes: number(limit),
    pids: number(pids),
    pidsLimit: number(pidsMax),
    ...sumIo(
      [...io.matchAll(/([rw])bytes=(\d+)/g)].map((match) => [match[1] ?? '', Number(match[2])] as const),
    ),
  };
}

async function readVersion1(host: CgroupHost, cgroupsPath: string): Promise<GroupStats> {
  const read = (controller: string, name: string): Promise<string> => {
    const directory = cgroupDirectory(host, controller, cgroupsPath);
    return directory === undefined ? Promise.resolve('') : readOptional(join(directory, name));
  };
  const [usage, cpuStat, throttling, memory, memoryStat, limit, pids, pidsMax, io] = await Promise.all([
    read('cpuacct', 'cpuacct.usage'),
    read('cpuacct', 'cpuacct.stat'),
    read('cpu', 'cpu.stat'),
    read('memory', 'memory.usage_in_bytes'),
    read('memory', 'memory.stat'),
    read('memory', 'memory.limit_in_bytes'),
    read('pids', 'pids.current'),
    read('pids', 'pids.max'),
    read('blkio', 'blkio.throttle.io_service_bytes_recursive'),
  ]);
  const times = keyValues(cpuStat);
  const throttle = keyValues(throttling);
  const operations = [...io.matchAll(/^\d+:\d+ (Read|Write) (\d+)$/gm)].map(
    (match) => [match[1] === 'Read' ? 'r' : 'w', Number(match[2])] as const,
  );
  return {
    cpuUsageNano: number(usage),
    cpuUserNano: (times['user'] ?? 0) * NANOS_PER_TICK,
    cpuSystemNano: (times['system'] ?? 0) * NANOS_PER_TICK,
    throttledPeriods: throttle['nr_throttled'] ?? 0,
    throttledNano: throttle['throttled_time'] ?? 0,
    memoryUsageBytes: number(memory),
    memoryInactiveFileBytes: keyValues(memoryStat)['total_inactive_file'] ?? 0,
    memoryLimitBytes: number(limit),
    pids: number(pids),
    pidsLimit: number(pidsMax),
    ...sumIo(operations),
  };
}

function sumIo(operations: readonly (readonly [string, number])[]): {
  blockReadBytes: number;
  blockWriteBytes: number;
} {
  const sum = (kind: string): number =>
    operations.filter(([each]) => each === kind).reduce((total, [, bytes]) => total + bytes, 0);
  return { blockReadBytes: sum('r'), blockWriteBytes: sum('w') };
}

async function readHostCpu(): Promise<number> {
  const first = (await readOptional('/proc/stat')).split('\n', 1)[0] ?? '';
  // user nice system idle iowait irq softirq steal: guests are counted in user already.
  const fields = first.trim().split(/\s+/).slice(1, 9).map(Number);
  return fields.reduce((sum, ticks) => sum + ticks, 0) * NANOS_PER_TICK;
}

async function readInterfaces(pid: number): Promise<Record<string, InterfaceStats>> {
  const interfaces: Record<string, InterfaceStats> = {};
  for (const line of (await readOptional(`/proc/${String(pid)}/net/dev`)).split('\n').slice(2)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim();
    if (colon === -1 || name === 'lo') {
      continue;
    }
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    interfaces[name] = {
      receivedBytes: fields[0] ?? 0,
      receivedPackets: fields[1] ?? 0,
      receivedErrors: fields[2] ?? 0,
      receivedDropped: fields[3] ?? 0,
      sentBytes: fields[8] ?? 0,
      sentPackets: fields[9] ?? 0,
      sentErrors: fields[10] ?? 0,
      sentDropped: fields[11] ?? 0,
    };
  }
  return interfaces;
}

async function readOptional(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error: unknown) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV') || isErrno(error, 'ESRCH')) {
      return '';
    }
    throw error;
  }
}

/** `max` and absent count as 0. */
function number(text: string): number {
  const value = Number(text.trim());
  return Number.isFinite(value) ? value : 0;
}

function keyValues(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.includes(' '))
      .map((line) => {
        const [key = '', value = '0'] = line.split(' ');
        return [key, Number(value)];
      }),
  );
}
