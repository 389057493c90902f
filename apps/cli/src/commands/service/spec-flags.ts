import { readFileSync } from 'node:fs';

import type { Command } from 'commander';

import { parseShortPort, readEnvFile } from '@skep/compose';
import { SwarmError, parseBytes, parseDurationMs, type Result } from '@skep/kernel';
import type {
  FileTarget,
  Mount,
  NetworkAttachmentConfig,
  PortConfig,
  ServiceMode,
  TaskSpec,
  UpdateConfig,
} from '@skep/model';

import { collect } from '../../run.ts';

/** Flags that say something about a service's spec; `create` and `update` share them (Docker's names). */
export interface SpecFlags {
  readonly user?: string;
  readonly workdir?: string;
  readonly hostname?: string;
  readonly entrypoint?: string;
  readonly stopSignal?: string;
  readonly stopGracePeriod?: string;
  readonly readOnly?: boolean;
  readonly init?: boolean;
  readonly tty?: boolean;
  readonly limitMemory?: string;
  readonly limitCpu?: string;
  readonly limitPids?: string;
  readonly reserveMemory?: string;
  readonly reserveCpu?: string;
  readonly replicasMaxPerNode?: string;
  readonly restartCondition?: string;
  readonly restartDelay?: string;
  readonly restartMaxAttempts?: string;
  readonly restartWindow?: string;
  readonly healthCmd?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthRetries?: string;
  readonly healthStartPeriod?: string;
  readonly noHealthcheck?: boolean;
  readonly endpointMode?: string;
  readonly logDriver?: string;
  readonly logOpt?: readonly string[];
  readonly updateParallelism?: string;
  readonly updateDelay?: string;
  readonly updateMonitor?: string;
  readonly updateFailureAction?: string;
  readonly updateMaxFailureRatio?: string;
  readonly updateOrder?: string;
  readonly rollbackParallelism?: string;
  readonly rollbackDelay?: string;
  readonly rollbackMonitor?: string;
  readonly rollbackFailureAction?: string;
  readonly rollbackMaxFailureRatio?: string;
  readonly rollbackOrder?: string;
}

/** Adds the shared flags to a command. */
export function addSpecFlags(command: Command): Command {
  command
    .option('-u, --user <name>', 'user or uid, with :group if wanted')
    .option('-w, --workdir <path>', 'working directory in the container')
    .option('--hostname <name>', 'host name; templates such as {{.Node.Hostname}} are filled in')
    .option('--entrypoint <command>', 'overrides the entrypoint of the image')
    .option('--stop-signal <signal>', 'signal that asks the program to end')
    .option('--stop-grace-period <duration>', 'time between that signal and SIGKILL (default 10s)')
    .option('--read-only', 'mount the root file system read-only')
    .option('--init', 'run an init that forwards signals and reaps')
    .option('-t, --tty', 'give the program a terminal')
    .option('--limit-memory <bytes>', 'memory limit, such as 64m')
    .option('--limit-cpu <cpus>', 'CPU limit, such as 0.5')
    .option('--limit-pids <count>', 'process limit')
    .option('--reserve-memory <bytes>', 'memory that must be free on the node')
    .option('--reserve-cpu <cpus>', 'CPUs that must be free on the node')
    .option('--replicas-max-per-node <count>', 'at most this many tasks on one node')
    .option('--restart-condition <when>', 'none, on-failure or any (default)')
    .option('--restart-delay <duration>', 'time between restarts (default 5s)')
    .option('--restart-max-attempts <count>', 'give up after this many')
    .option('--restart-window <duration>', 'time in which attempts are counted')
    .option('--health-cmd <command>', 'command whose exit code 0 means healthy')
    .option('--health-interval <duration>', 'time between checks')
    .option('--health-timeout <duration>', 'time one check may take')
    .option('--health-retries <count>', 'failures in a row that mean unhealthy')
    .option('--health-start-period <duration>', 'time in which failures do not count')
    .option('--no-healthcheck', "disable the image's health check")
    .option('--endpoint-mode <mode>', 'vip (default) or dnsrr')
    .option('--log-driver <name>', 'log driver')
    .option('--log-opt <key=value>', 'log driver option', collect);
  for (const [phase, what] of [
    ['update', 'an update'],
    ['rollback', 'a rollback'],
  ] as const) {
    command
      .option(`--${phase}-parallelism <count>`, `tasks that ${what} replaces at a time; 0 for all`)
      .option(`--${phase}-delay <duration>`, `time between the batches of ${what}`)
      .option(
        `--${phase}-monitor <duration>`,
        `time a task is watched for failure after ${what} (default 5s)`,
      )
      .option(
        `--${phase}-failure-action <action>`,
        phase === 'update' ? 'pause, continue or rollback' : 'pause or continue',
      )
      .option(`--${phase}-max-failure-ratio <ratio>`, `share of failures that ${what} tolerates, 0 to 1`)
      .option(`--${phase}-order <order>`, 'start-first or stop-first');
  }
  return command;
}

function must<T>(flag: string, result: Result<T>): T {
  if (!result.ok) {
    throw new SwarmError('invalid_argument', `${flag}: ${result.error.message}`);
  }
  return result.value;
}

const bytes = (flag: string, text: string | undefined): number | undefined =>
  text === undefined ? undefined : must(flag, parseBytes(text));
export const durationNs = (flag: string, text: string | undefined): number | undefined =>
  text === undefined ? undefined : Math.round(must(flag, parseDurationMs(text)) * 1e6);

/** A number in a flag. */
export function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new SwarmError('invalid_argument', `${flag}: "${text}" is not a number of 0 or more`);
  }
  return value;
}

/** The object without undefined properties; undefined when none is left. */
function filled<T extends object>(value: T): T | undefined {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as T);
}

/** Lays what the flags say over a task spec; what they do not speak of stays. */
export function applyTaskFlags(task: TaskSpec, flags: SpecFlags): TaskSpec {
  const nanos = (flag: string, text: string | undefined): number | undefined => {
    const cpus = numberOf(flag, text);
    return cpus === undefined ? undefined : Math.round(cpus * 1e9);
  };
  const limits = filled({
    ...task.resources?.limits,
    ...filled({
      memoryBytes: bytes('--limit-memory', flags.limitMemory),
      nanoCpus: nanos('--limit-cpu', flags.limitCpu),
      pids: numberOf('--limit-pids', flags.limitPids),
    }),
  });
  const reservations = filled({
    ...task.resources?.reservations,
    ...filled({
      memoryBytes: bytes('--reserve-memory', flags.reserveMemory),
      nanoCpus: nanos('--reserve-cpu', flags.reserveCpu),
    }),
  });
  return {
    ...task,
    container: { ...task.container, ...containerPart(task, flags) },
    ...filled({ resources: filled({ limits, reservations }) }),
    ...filled({ restart: filled({ ...task.restart, ...restartPart(flags) }) }),
    ...filled({
      placement: filled({
        ...task.placement,
        ...filled({ maxReplicasPerNode: numberOf('--replicas-max-per-node', flags.replicasMaxPerNode) }),
      }),
    }),
    ...filled({
      logDriver:
        flags.logDriver === undefined
          ? task.logDriver
          : { name: flags.logDriver, options: keyValues(flags.logOpt) },
    }),
  };
}

function containerPart(task: TaskSpec, flags: SpecFlags): Partial<TaskSpec['container']> {
  return {
    ...filled({
      user: flags.user,
      dir: flags.workdir,
      hostname: flags.hostname,
      command:
        flags.entrypoint === undefined
          ? undefined
          : flags.entrypoint.split(/\s+/).filter((word) => word !== ''),
      stopSignal: flags.stopSignal,
      stopGracePeriodNs: durationNs('--stop-grace-period', flags.stopGracePeriod),
      readOnly: flags.readOnly,
      init: flags.init,
      tty: flags.tty,
    }),
    ...filled({ healthcheck: healthPart(task, flags) }),
  };
}

function healthPart(task: TaskSpec, flags: SpecFlags): TaskSpec['container']['healthcheck'] {
  if ((flags as { healthcheck?: boolean }).healthcheck === false) {
    return { test: ['NONE'] };
  }
  return filled({
    ...task.container.healthcheck,
    ...filled({
      test: flags.healthCmd === undefined ? undefined : ['CMD-SHELL', flags.healthCmd],
      intervalNs: durationNs('--health-interval', flags.healthInterval),
      timeoutNs: durationNs('--health-timeout', flags.healthTimeout),
      retries: numberOf('--health-retries', flags.healthRetries),
      startPeriodNs: durationNs('--health-start-period', flags.healthStartPeriod),
    }),
  });
}

function restartPart(flags: SpecFlags): TaskSpec['restart'] {
  return filled({
    condition: flags.restartCondition as 'any' | undefined,
    delayNs: durationNs('--restart-delay', flags.restartDelay),
    maxAttempts: numberOf('--restart-max-attempts', flags.restartMaxAttempts),
    windowNs: durationNs('--restart-window', flags.restartWindow),
  });
}

/** The update or rollback policy with what the flags say laid over it. */
export function updateConfigOf(
  phase: 'update' | 'rollback',
  flags: SpecFlags,
  before: UpdateConfig | undefined,
): UpdateConfig | undefined {
  const all = flags as unknown as Record<string, string | undefined>;
  const flag = (name: string): string | undefined => all[`${phase}${name}`];
  const ratio = numberOf(`--${phase}-max-failure-ratio`, flag('MaxFailureRatio'));
  return filled({
    ...before,
    ...filled({
      parallelism: numberOf(`--${phase}-parallelism`, flag('Parallelism')),
      delayNs: durationNs(`--${phase}-delay`, flag('Delay')),
      monitorNs: durationNs(`--${phase}-monitor`, flag('Monitor')),
      failureAction: flag('FailureAction') as 'pause' | undefined,
      maxFailurePerMille: ratio === undefined ? undefined : Math.round(ratio * 1000),
      order: flag('Order') as 'stop-first' | undefined,
    }),
  });
}

/** `key=value` flags as a mapping. */
export function keyValues(items: readonly string[] | undefined): Record<string, string> {
  return Object.fromEntries(
    (items ?? []).map((item): [string, string] => {
      const split = item.indexOf('=');
      return split === -1 ? [item, ''] : [item.slice(0, split), item.slice(split + 1)];
    }),
  );
}

/** `key=value,key=value` of Docker's long flags (--mount, --publish, --secret). */
function commaPairs(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((part): [string, string] => {
      const split = part.indexOf('=');
      return split === -1 ? [part, 'true'] : [part.slice(0, split), part.slice(split + 1)];
    }),
  );
}

/** Parses --mount. */
export function parseMountFlag(text: string): Mount {
  const pairs = commaPairs(text);
  const target = pairs['target'] ?? pairs['dst'] ?? pairs['destination'];
  if (target === undefined) {
    throw new SwarmError(
      'invalid_argument',
      `--mount "${text}": target is required, as in type=volume,source=data,target=/data`,
    );
  }
  const source = pairs['source'] ?? pairs['src'];
  const isReadOnly = ['true', '1'].includes(pairs['readonly'] ?? pairs['ro'] ?? '');
  const size = bytes('--mount tmpfs-size', pairs['tmpfs-size']);
  return {
    type: (pairs['type'] ?? 'volume') as 'volume',
    target,
    ...(source === undefined ? {} : { source }),
    ...(isReadOnly ? { readOnly: true } : {}),
    ...(size === undefined ? {} : { tmpfs: { sizeBytes: size } }),
  };
}

/** Parses --publish in its short (8080:80/udp) and long (published=8080,target=80,mode=host) form. */
export function parsePublishFlag(text: string): PortConfig[] {
  if (!text.includes('=')) {
    return must('--publish', parseShortPort(text));
  }
  const pairs = commaPairs(text);
  const target = numberOf('--publish target', pairs['target']);
  if (target === undefined) {
    throw new SwarmError('invalid_argument', `--publish "${text}": target is required`);
  }
  const published = numberOf('--publish published', pairs['published']);
  return [
    {
      protocol: (pairs['protocol'] ?? 'tcp') as 'tcp',
      targetPort: target,
      publishMode: (pairs['mode'] ?? 'ingress') as 'ingress',
      ...(published === undefined ? {} : { publishedPort: published }),
    },
  ];
}

/** Parses --secret and --config: a name, or source=...,target=...,mode=0400. */
export function parseFileFlag(
  text: string,
  prefix: string,
): { readonly name: string; readonly file: FileTarget } {
  const pairs: Record<string, string> = text.includes('=') ? commaPairs(text) : { source: text };
  const name = pairs['source'] ?? pairs['src'];
  if (name === undefined) {
    throw new SwarmError('invalid_argument', `"${text}": source is required, as in source=name,target=file`);
  }
  return {
    name,
    file: {
      name: pairs['target'] ?? `${prefix}${name}`,
      uid: pairs['uid'] ?? '0',
      gid: pairs['gid'] ?? '0',
      mode: pairs['mode'] === undefined ? 0o444 : Number.parseInt(pairs['mode'], 8),
    },
  };
}

/** Parses --network: a name, or name=...,alias=... */
export function parseNetworkFlag(text: string): NetworkAttachmentConfig {
  const pairs: Record<string, string> = text.includes('=') ? commaPairs(text) : { name: text };
  return {
    target: pairs['name'] ?? text,
    ...(pairs['alias'] === undefined ? {} : { aliases: [pairs['alias']] }),
  };
}

/** Parses --mode with --replicas. */
export function parseMode(mode: string | undefined, replicas: string | undefined): ServiceMode {
  const count = numberOf('--replicas', replicas);
  switch (mode ?? 'replicated') {
    case 'replicated':
      return { type: 'replicated', replicas: count ?? 1 };
    case 'replicated-job':
      return { type: 'replicated-job', maxConcurrent: count ?? 1, totalCompletions: count ?? 1 };
    case 'global':
    case 'global-job':
      if (count !== undefined) {
        throw new SwarmError('invalid_argument', '--replicas can only be used with replicated services');
      }
      return { type: mode as 'global' };
    default:
      throw new SwarmError(
        'invalid_argument',
        `--mode "${mode ?? ''}": use replicated, global, replicated-job or global-job`,
      );
  }
}

/** Environment from --env and --env-file; a bare name takes its value from the caller's environment. */
export function environmentOf(
  env: readonly string[] | undefined,
  files: readonly string[] | undefined,
): string[] {
  const merged = new Map<string, string>();
  for (const file of files ?? []) {
    for (const [key, value] of readEnvFile(readFileSync(file, 'utf8'))) {
      merged.set(key, value);
    }
  }
  for (const item of env ?? []) {
    const split = item.indexOf('=');
    const key = split === -1 ? item : item.slice(0, split);
    const value = split === -1 ? process.env[key] : item.slice(split + 1);
    if (value !== undefined) {
      merged.set(key, value);
    }
  }
  return [...merged].map(([key, value]) => `${key}=${value}`);
}
