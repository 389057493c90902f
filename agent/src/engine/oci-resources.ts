import { fail, ok, type Result } from '@skep/kernel';
import type { BlockIoLimit, ResourceConfig, Ulimit } from './container-config.ts';
import type { OciBlockIo, OciDevice, OciDeviceRule, OciResources, OciThrottle } from './oci-types.ts';

const CPU_PERIOD_MICROS = 100_000;
const NANOS_PER_CPU = 1_000_000_000;
/** The kernel's "no limit" for rlimits. JSON cannot hold 2^64 - 1 exactly, so the greatest exact power is used. */
const RLIMIT_INFINITY = Number.MAX_SAFE_INTEGER;

const ULIMIT_NAMES: readonly string[] = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
];

/** The device rules of an unprivileged container: make any node, use only those that every program expects. */
const DEFAULT_DEVICE_RULES: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 7, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 8, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 9, access: 'rwm' },
  { allow: true, type: 'c', major: 5, minor: 0, access: 'rwm' },
  { allow: true, type: 'c', major: 5, minor: 2, access: 'rwm' },
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

/** A device of the host with the permissions it is given. */
export interface GrantedDevice {
  readonly device: OciDevice;
  readonly permissions: string;
}

/** A limit with the numbers of its disk. */
export interface ThrottledDisk {
  readonly limit: BlockIoLimit;
  readonly major: number;
  readonly minor: number;
}

export interface ResourceInput {
  readonly resources: ResourceConfig;
  readonly isPrivileged: boolean;
  readonly devices: readonly GrantedDevice[];
  /** Absent in an update: the runtimes do not change the limits of disks. */
  readonly disks?: readonly ThrottledDisk[];
}

/** Limits and device rules as the runtime wants them. */
export function buildResources(input: ResourceInput): Result<OciResources> {
  const devices = deviceRules(input);
  if (!devices.ok) {
    return devices;
  }
  const { resources } = input;
  const memory = memorySection(resources);
  const cpu = cpuSection(resources);
  const blockIo = blockIoSection(resources, input.disks ?? []);
  const pidsLimit = resources.pidsLimit ?? 0;
  return ok({
    devices: devices.value,
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(pidsLimit > 0 ? { pids: { limit: pidsLimit } } : {}),
    ...(blockIo === undefined ? {} : { blockIO: blockIo }),
  });
}

function memorySection(resources: ResourceConfig): OciResources['memory'] | undefined {
  const limit = positive(resources.memoryBytes);
  const reservation = positive(resources.memoryReservationBytes);
  // Docker: without a word about swap, a container may swap as much as it has memory.
  const swap = resources.memorySwapBytes ?? (limit === undefined ? undefined : 2 * limit);
  const section = {
    ...(limit === undefined ? {} : { limit }),
    ...(reservation === undefined ? {} : { reservation }),
    ...(swap === undefined || swap === 0 ? {} : { swap }),
    ...(resources.memorySwappiness === undefined || resources.memorySwappiness < 0
      ? {}
      : { swappiness: resources.memorySwappiness }),
    ...(resources.oomKillDisable === true ? { disableOOMKiller: true } : {}),
  };
  return Object.keys(section).length === 0 ? undefined : section;
}

function cpuSection(resources: ResourceConfig): OciResources['cpu'] | undefined {
  const nano = positive(resources.nanoCpus);
  const period = nano === undefined ? positive(resources.cpuPeriodMicros) : CPU_PERIOD_MICROS;
  const quota =
    nano === undefined ? resources.cpuQuotaMicros : Math.floor((nano * CPU_PERIOD_MICROS) / NANOS_PER_CPU);
  const shares = positive(resources.cpuShares);
  const section = {
    ...(shares === undefined ? {} : { shares }),
    ...(quota === undefined || quota === 0 ? {} : { quota }),
    ...(period === undefined ? {} : { period }),
    ...(resources.cpusetCpus === undefined || resources.cpusetCpus === ''
      ? {}
      : { cpus: resources.cpusetCpus }),
    ...(resources.cpusetMems === undefined || resources.cpusetMems === ''
      ? {}
      : { mems: resources.cpusetMems }),
  };
  return Object.keys(section).length === 0 ? undefined : section;
}

const THROTTLES = {
  readBytes: 'throttleReadBpsDevice',
  writeBytes: 'throttleWriteBpsDevice',
  readOperations: 'throttleReadIOPSDevice',
  writeOperations: 'throttleWriteIOPSDevice',
} as const satisfies Record<BlockIoLimit['kind'], keyof OciBlockIo>;

function blockIoSection(
  resources: ResourceConfig,
  disks: readonly ThrottledDisk[],
): OciResources['blockIO'] | undefined {
  const weight = positive(resources.blkioWeight);
  const throttles: Partial<Record<(typeof THROTTLES)[BlockIoLimit['kind']], OciThrottle[]>> = {};
  for (const { limit, major, minor } of disks) {
    (throttles[THROTTLES[limit.kind]] ??= []).push({ major, minor, rate: limit.perSecond });
  }
  const section = { ...(weight === undefined ? {} : { weight }), ...throttles };
  return Object.keys(section).length === 0 ? undefined : section;
}

function positive(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value;
}

function deviceRules(input: ResourceInput): Result<readonly OciDeviceRule[]> {
  if (input.isPrivileged) {
    return ok([{ allow: true, access: 'rwm' }]);
  }
  const rules: OciDeviceRule[] = [...DEFAULT_DEVICE_RULES];
  for (const { device, permissions } of input.devices) {
    rules.push({
      allow: true,
      type: device.type,
      major: device.major,
      minor: device.minor,
      access: permissions,
    });
  }
  for (const text of input.resources.deviceCgroupRules ?? []) {
    const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text);
    if (match === null) {
      return fail('invalid_argument', `invalid device cgroup rule format: '${text.slice(0, 60)}'`);
    }
    const [, type = 'a', major = '*', minor = '*', access = 'rwm'] = match;
    rules.push({
      allow: true,
      type,
      access,
      ...(major === '*' ? {} : { major: Number(major) }),
      ...(minor === '*' ? {} : { minor: Number(minor) }),
    });
  }
  return ok(rules);
}

/** rlimits as the runtime wants them; unknown names are refused. */
export function buildRlimits(
  ulimits: readonly Ulimit[],
): Result<{ type: string; soft: number; hard: number }[]> {
  const rlimits: { type: string; soft: number; hard: number }[] = [];
  for (const { name, soft, hard } of ulimits) {
    if (!ULIMIT_NAMES.includes(name)) {
      return fail('invalid_argument', `invalid ulimit type: ${name.slice(0, 40)}`);
    }
    if (hard !== -1 && (soft > hard || soft === -1)) {
      return fail(
        'invalid_argument',
        `ulimit soft limit must be less than or equal to hard limit: ${String(soft)} > ${String(hard)}`,
      );
    }
    rlimits.push({
      type: `RLIMIT_${name.toUpperCase()}`,
      soft: soft === -1 ? RLIMIT_INFINITY : soft,
      hard: hard === -1 ? RLIMIT_INFINITY : hard,
    });
  }
  return ok(rlimits);
}
