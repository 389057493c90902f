import { fail, ok, parseBytes, type Result } from '@skep/kernel';
import type { LoggingConfig, ResourceConfig } from './container-config.ts';

const MIB = 1024 * 1024;
const MEMORY_BYTES_MIN = 6 * MIB;
const NANOS_PER_CPU = 1_000_000_000;
const CPU_MICROS_MIN = 1000;
const CPU_PERIOD_MICROS_MAX = 1_000_000;
const CPU_NUMBER_MAX = 8192;

/** What this host has to give, and what its kernel can limit. */
export interface HostLimits {
  readonly cpuCount: number;
  /** A list of the processors that are on, such as `0-3`. */
  readonly cpusOnline: string;
  readonly memoryNodesOnline: string;
  readonly canWeighBlockIo: boolean;
}

export interface AcceptedLimits {
  /** Without what the kernel cannot do. */
  readonly resources: ResourceConfig;
  readonly warnings: readonly string[];
}

/** Refuses limits that contradict each other or this host, in Docker's words. */
export function checkLimits(resources: ResourceConfig, host: HostLimits): Result<AcceptedLimits> {
  const fault =
    memoryFault(resources) ??
    cpuFault(resources, host) ??
    cpusetFault(resources, host) ??
    otherFault(resources);
  if (fault !== undefined) {
    return fail('invalid_argument', fault);
  }
  const warnings: string[] = [];
  let accepted = resources;
  if ((resources.blkioWeight ?? 0) > 0 && !host.canWeighBlockIo) {
    const { blkioWeight: _weight, ...rest } = resources;
    accepted = rest;
    warnings.push(
      'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
    );
  }
  if (resources.oomKillDisable === true && (resources.memoryBytes ?? 0) === 0) {
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, ' +
        'this can result in the system running out of resources.',
    );
  }
  return ok({ resources: accepted, warnings });
}

/** Refuses an update that does not fit what the container has already; the merged limits are checked besides. */
export function checkUpdate(current: ResourceConfig, update: ResourceConfig): Result<null> {
  const had = withZeros(current);
  const wanted = withZeros(update);
  const hasQuota = had.cpuQuotaMicros > 0 || had.cpuPeriodMicros > 0;
  const fault = firstOf([
    [
      update.blockIoLimits !== undefined,
      'Limits of single disks cannot be updated: make the container anew with others',
    ],
    [
      had.memorySwapBytes > 0 &&
        update.memorySwapBytes === undefined &&
        wanted.memoryBytes > had.memorySwapBytes,
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    ],
    [
      had.nanoCpus > 0 && wanted.cpuQuotaMicros > 0,
      'Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set',
    ],
    [
      had.nanoCpus > 0 && wanted.cpuPeriodMicros > 0,
      'Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set',
    ],
    [
      hasQuota && wanted.nanoCpus > 0,
      'Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set',
    ],
  ]);
  return fault === undefined
    ? ok(null)
    : fail('failed_precondition', fault, { details: { dockerStatus: 409 } });
}

type Rule = readonly [isBroken: boolean, sentence: string];

function firstOf(rules: readonly Rule[]): string | undefined {
  return rules.find(([isBroken]) => isBroken)?.[1];
}

const ZEROS = {
  memoryBytes: 0,
  memorySwapBytes: 0,
  memoryReservationBytes: 0,
  memorySwappiness: 0,
  nanoCpus: 0,
  cpuShares: 0,
  cpuPeriodMicros: 0,
  cpuQuotaMicros: 0,
};

/** Zero is Docker's word for a limit that is not set. */
function withZeros(resources: ResourceConfig): ResourceConfig & typeof ZEROS {
  return { ...ZEROS, ...resources };
}

function memoryFault(resources: ResourceConfig): string | undefined {
  const given = withZeros(resources);
  const { memoryBytes: memory, memorySwapBytes: swap, memoryReservationBytes: reservation } = given;
  const isTooSmall = (bytes: number): boolean => bytes !== 0 && bytes < MEMORY_BYTES_MIN;
  return firstOf([
    [isTooSmall(memory), 'Minimum memory limit allowed is 6MB'],
    [
      memory > 0 && swap > 0 && swap < memory,
      'Minimum memoryswap limit should be larger than memory limit, see usage',
    ],
    [
      memory === 0 && swap > 0,
      'You should always set the Memory limit when using Memoryswap limit, see usage',
    ],
    [
      given.memorySwappiness < 0 || given.memorySwappiness > 100,
      `Invalid value: ${String(given.memorySwappiness)}, valid memory swappiness range is 0-100`,
    ],
    [isTooSmall(reservation), 'Minimum memory reservation allowed is 6MB'],
    [
      memory > 0 && reservation > memory,
      'Minimum memory limit can not be less than memory reservation limit, see usage',
    ],
  ]);
}

function cpuFault(resources: ResourceConfig, host: HostLimits): string | undefined {
  const { nanoCpus, cpuPeriodMicros: period, cpuQuotaMicros: quota, cpuShares } = withZeros(resources);
  return firstOf([
    [nanoCpus > 0 && period > 0, 'Conflicting options: Nano CPUs and CPU Period cannot both be set'],
    [nanoCpus > 0 && quota > 0, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
    [
      nanoCpus < 0 || nanoCpus > host.cpuCount * NANOS_PER_CPU,
      `Range of CPUs is from 0.01 to ${String(host.cpuCount)}.00, ` +
        `as there are only ${String(host.cpuCount)} CPUs available`,
    ],
    [cpuShares < 0, `Invalid value: ${String(cpuShares)}, CPU shares cannot be negative`],
    [
      period !== 0 && (period < CPU_MICROS_MIN || period > CPU_PERIOD_MICROS_MAX),
      'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
    ],
    [quota > 0 && quota < CPU_MICROS_MIN, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  ]);
}

function cpusetFault(resources: ResourceConfig, host: HostLimits): string | undefined {
  const sets = [
    { given: resources.cpusetCpus, online: host.cpusOnline, name: 'cpuset cpus', what: 'CPUs' },
    {
      given: resources.cpusetMems,
      online: host.memoryNodesOnline,
      name: 'cpuset mems',
      what: 'memory nodes',
    },
  ];
  for (const { given, online, name, what } of sets) {
    if (given === undefined || given === '') {
      continue;
    }
    const wanted = parseNumberList(given);
    if (wanted === undefined) {
      return `Invalid value ${given.slice(0, 80)} for ${name}: invalid format: ${given.slice(0, 80)}`;
    }
    const available = parseNumberList(online) ?? new Set();
    if ([...wanted].some((number) => !available.has(number))) {
      return `Requested ${what} are not available - requested ${given.slice(0, 80)}, available: ${online}`;
    }
  }
  return undefined;
}

function otherFault({ oomScoreAdj = 0, blkioWeight = 0 }: ResourceConfig): string | undefined {
  if (oomScoreAdj < -1000 || oomScoreAdj > 1000) {
    return `Invalid value ${String(oomScoreAdj)}, range for oom score adj is [-1000, 1000]`;
  }
  if (blkioWeight !== 0 && (blkioWeight < 10 || blkioWeight > 1000)) {
    return 'Range of blkio weight is from 10 to 1000';
  }
  return undefined;
}

/** `0-2,5` as numbers; undefined when it is written otherwise. */
export function parseNumberList(text: string): ReadonlySet<number> | undefined {
  const numbers = new Set<number>();
  for (const part of text.trim().split(',')) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? first);
    if (match === null || last < first || last > CPU_NUMBER_MAX) {
      return undefined;
    }
    for (let number = first; number <= last; number += 1) {
      numbers.add(number);
    }
  }
  return numbers;
}

const LOG_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  'json-file': [
    'max-file',
    'max-size',
    'compress',
    'labels',
    'labels-regex',
    'env',
    'env-regex',
    'tag',
    'mode',
    'max-buffer-size',
  ],
  local: ['max-file', 'max-size', 'compress', 'mode', 'max-buffer-size'],
  none: [],
};

/** Refuses drivers and options that Docker refuses. `none` takes options and has no use for them, as in Docker. */
export function checkLogging(logging: LoggingConfig | undefined): Result<null> {
  const driver = logging?.driver === undefined || logging.driver === '' ? 'json-file' : logging.driver;
  const known = Object.hasOwn(LOG_OPTIONS, driver) ? LOG_OPTIONS[driver] : undefined;
  if (known === undefined) {
    return fail('invalid_argument', `logger: no log driver named '${driver.slice(0, 60)}' is registered`);
  }
  const options = driver === 'none' ? {} : (logging?.options ?? {});
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      return fail('invalid_argument', `unknown log opt '${name.slice(0, 60)}' for ${driver} log driver`);
    }
  }
  const fault = logFault(options);
  return fault === undefined
    ? ok(null)
    : fail('invalid_argument', `failed to initialize logging driver: ${fault}`);
}

function logFault(options: Readonly<Record<string, string>>): string | undefined {
  const { 'max-size': size, 'max-file': files } = options;
  if (size !== undefined && size !== '-1' && !parseBytes(size).ok) {
    return `invalid size: '${size.slice(0, 40)}'`;
  }
  if (files !== undefined && !/^\d{1,6}$/.test(files)) {
    return `invalid max-file: '${files.slice(0, 40)}' is not a whole number`;
  }
  if (files !== undefined && Number(files) < 1) {
    return 'max-file cannot be less than 1';
  }
  return undefined;
}
