import {
  CONFIG_DEFAULTS,
  HOST_CONFIG_DEFAULTS,
  ZERO_TIME,
  formatTimeMs,
  type DockerContainerConfigJson,
  type DockerContainerInspect,
  type DockerContainerState,
  type DockerContainerSummary,
  type DockerHostConfigJson,
  type DockerMountPoint,
} from '@skep/docker-api';

import type {
  ContainerDetails,
  ContainerState,
  ContainerSummary,
  HealthState,
  MountPoint,
} from '../../engine/container-api.ts';
import { hostConfigOfTask, limitsToDocker } from './host-config-json.ts';
import { humanDuration } from './human-duration.ts';
import { networkSettingsOf, networksToDocker, portsOf } from './network-json.ts';

export function mountPointToDocker(mount: MountPoint): DockerMountPoint {
  return {
    Type: mount.type,
    ...(mount.name === undefined ? {} : { Name: mount.name }),
    Source: mount.source,
    Destination: mount.destination,
    ...(mount.driver === undefined ? {} : { Driver: mount.driver }),
    Mode: mount.modeText ?? '',
    RW: !mount.isReadOnly,
    Propagation: mount.propagation,
  };
}

/** `Up 5 minutes (healthy)`, `Exited (0) 2 hours ago`, `Created`. */
export function statusSentence(state: ContainerState, nowMs: number): string {
  const since = (timeMs: number): string => humanDuration(Math.max(0, nowMs - timeMs));
  switch (state.status) {
    case 'running':
      return `Up ${since(state.startedAtMs)}${healthNote(state.health)}`;
    case 'paused':
      return `Up ${since(state.startedAtMs)} (Paused)`;
    case 'restarting':
      return `Restarting (${String(state.exitCode)}) ${since(state.finishedAtMs)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'created':
      return 'Created';
    case 'exited':
      return state.finishedAtMs === 0
        ? 'Created'
        : `Exited (${String(state.exitCode)}) ${since(state.finishedAtMs)} ago`;
  }
}

function healthNote(health: HealthState | null): string {
  if (health === null || health.status === 'none') {
    return '';
  }
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`;
}

/** Command line of a list: arguments with spaces are quoted. */
function commandLine(command: readonly string[]): string {
  return command
    .map((word, index) => (index > 0 && word.includes(' ') ? `'${word}'` : word))
    .join(' ')
    .trim();
}

export function containerSummaryToDocker(summary: ContainerSummary, nowMs: number): DockerContainerSummary {
  return {
    Id: summary.id,
    Names: [`/${summary.name}`],
    Image: summary.image,
    ImageID: summary.imageId,
    Command: commandLine(summary.command),
    Created: Math.floor(summary.createdAtMs / 1000),
    Ports: portsOf(asItIsNow(summary)),
    ...(summary.writableBytes === undefined ? {} : { SizeRw: summary.writableBytes }),
    ...(summary.rootfsBytes === undefined ? {} : { SizeRootFs: summary.rootfsBytes }),
    Labels: summary.labels,
    State: summary.state.status,
    Status: statusSentence(summary.state, nowMs),
    HostConfig: { NetworkMode: summary.networkMode },
    NetworkSettings: { Networks: networksToDocker(asItIsNow(summary), []) },
    Mounts: summary.mounts.map(mountPointToDocker),
  };
}

/** What a stopped container still remembers of its network is not true any more. */
function asItIsNow<T extends ContainerSummary>(summary: T): T {
  return isUp(summary.state) ? summary : { ...summary, interfaces: [], ports: [], exposedPorts: [] };
}

function isUp({ status }: ContainerState): boolean {
  return status === 'running' || status === 'paused' || status === 'restarting';
}

export function stateToDocker(state: ContainerState): DockerContainerState {
  return {
    Status: state.status,
    Running: isUp(state),
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: state.isOomKilled,
    Dead: state.status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: formatTimeMs(state.startedAtMs),
    FinishedAt: formatTimeMs(state.finishedAtMs),
    ...(state.health === null ? {} : { Health: healthToDocker(state.health) }),
  };
}

function healthToDocker(health: HealthState): NonNullable<DockerContainerState['Health']> {
  return {
    Status: health.status,
    FailingStreak: health.failingStreak,
    Log: health.log.map((probe) => ({
      Start: formatTimeMs(probe.startedAtMs),
      End: formatTimeMs(probe.finishedAtMs),
      ExitCode: probe.exitCode,
      Output: probe.output,
    })),
  };
}

type CreateEcho = Readonly<Record<string, unknown>> & {
  readonly HostConfig?: Readonly<Record<string, unknown>>;
};

/** The body of the create request, when this container was made by one. */
function echoOf(details: ContainerDetails): CreateEcho | undefined {
  const { echo } = details.config;
  return typeof echo === 'object' && echo !== null && 'Image' in echo ? echo : undefined;
}

/** What was given, over Docker's defaults; limits and restart policy as they are now, after updates. */
function hostConfigToDocker(details: ContainerDetails, echo: CreateEcho | undefined): DockerHostConfigJson {
  const { config } = details;
  const restart = config.restartPolicy;
  return {
    ...HOST_CONFIG_DEFAULTS,
    ...(echo === undefined ? hostConfigOfTask(details) : withoutEmpty(echo.HostConfig ?? {})),
    NetworkMode: details.networkMode,
    // Containers from before the mode was kept are private.
    CgroupnsMode: config.namespaces?.cgroup ?? 'private',
    Runtime: details.runtime,
    RestartPolicy: { Name: restart?.name ?? 'no', MaximumRetryCount: restart?.maximumRetryCount ?? 0 },
    ...limitsToDocker(config.resources ?? {}),
  };
}

/** Fields that Docker fills in when they come empty; `LogConfig` when it names no driver. */
const FILLED_WHEN_EMPTY: readonly string[] = ['IpcMode', 'ShmSize'];

function withoutEmpty(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const kept = Object.entries(given).filter(
    ([key, value]) => !(FILLED_WHEN_EMPTY.includes(key) && (value === '' || value === 0)),
  );
  const log = given['LogConfig'] as { readonly Type?: string; readonly Config?: object } | undefined;
  return {
    ...Object.fromEntries(kept),
    ...(log?.Type === '' ? { LogConfig: { Type: 'json-file', Config: log.Config ?? {} } } : {}),
  };
}

function toObjects(keys: readonly string[]): Readonly<Record<string, object>> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

/** What was given, with the values that come from the image filled in. */
function configToDocker(details: ContainerDetails, echo: CreateEcho | undefined): DockerContainerConfigJson {
  const { effective, config } = details;
  const { HostConfig: _host, NetworkingConfig: _networking, ...given } = echo ?? {};
  const ports = [...details.exposedPorts, ...(config.exposedPorts ?? [])];
  return {
    ...CONFIG_DEFAULTS,
    Tty: config.tty ?? false,
    OpenStdin: config.openStdin ?? false,
    StdinOnce: config.stdinOnce ?? false,
    ...given,
    Hostname: effective.hostname,
    Domainname: config.domainname ?? '',
    User: effective.user,
    Env: effective.env,
    Cmd: effective.cmd.length === 0 ? null : effective.cmd,
    Entrypoint: effective.entrypoint.length === 0 ? null : effective.entrypoint,
    WorkingDir: effective.workingDir,
    Labels: effective.labels,
    Image: config.image,
    ...(ports.length === 0 ? {} : { ExposedPorts: toObjects(ports) }),
    ...(config.anonymousVolumes === undefined || config.anonymousVolumes.length === 0
      ? { Volumes: null }
      : { Volumes: toObjects(config.anonymousVolumes) }),
    ...(config.stopSignal === undefined ? {} : { StopSignal: config.stopSignal }),
    ...(config.stopTimeoutSeconds === undefined ? {} : { StopTimeout: config.stopTimeoutSeconds }),
  } as DockerContainerConfigJson;
}

export function containerToDocker(details: ContainerDetails): DockerContainerInspect {
  const echo = echoOf(details);
  const [path = '', ...args] = details.command;
  return {
    Id: details.id,
    Created: details.createdAtMs === 0 ? ZERO_TIME : formatTimeMs(details.createdAtMs),
    Path: path,
    Args: args,
    State: stateToDocker(details.state),
    Image: details.imageId,
    ResolvConfPath: details.paths.resolvConf,
    HostnamePath: details.paths.hostname,
    HostsPath: details.paths.hosts,
    LogPath: details.paths.log,
    Name: `/${details.name}`,
    RestartCount: details.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: details.execIds.length === 0 ? null : details.execIds,
    HostConfig: hostConfigToDocker(details, echo),
    GraphDriver: {
      Name: 'overlay2',
      Data: {
        ID: details.id,
        LowerDir: details.overlay.lower.join(':'),
        MergedDir: details.overlay.merged,
        UpperDir: details.overlay.upper,
        WorkDir: details.overlay.work,
      },
    },
    ...(details.writableBytes === undefined ? {} : { SizeRw: details.writableBytes }),
    ...(details.rootfsBytes === undefined ? {} : { SizeRootFs: details.rootfsBytes }),
    Mounts: details.mounts.map(mountPointToDocker),
    Config: configToDocker(details, echo),
    NetworkSettings: networkSettingsOf(asItIsNow(details)),
  };
}
