import { orOmit, type DockerContainerCreate, type DockerHostConfig } from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type {
  ContainerConfig,
  HealthcheckConfig,
  NamespaceConfig,
  SecurityConfig,
} from '../../engine/container-config.ts';
import { mountsOf } from './mount-config.ts';
import { networkConfigOf } from './network-config.ts';
import { withProtocol } from './port.ts';
import { resourcesOf, restartPolicyOf } from './resource-config.ts';

const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const NANOS_PER_MS = 1e6;

/** @throws SwarmError `invalid_argument` with Docker's sentence. */
export function checkContainerName(name: string): string {
  const bare = name.startsWith('/') ? name.slice(1) : name;
  if (!NAME_PATTERN.test(bare) || bare.length > 255) {
    throw new SwarmError(
      'invalid_argument',
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  return bare;
}

export interface ContainerCreateOptions {
  readonly name?: string | undefined;
  readonly platform?: string | undefined;
  /** The body as it came, for inspect to give back. */
  readonly echo: unknown;
}

/**
 * The engine's configuration for a create request.
 * @throws SwarmError `invalid_argument` for what is malformed, `unimplemented` for what is not supported; the message
 * names the field.
 */
export function containerConfigOf(
  body: DockerContainerCreate,
  options: ContainerCreateOptions,
): ContainerConfig {
  const host = body.HostConfig ?? {};
  refuseUnsupported(host);
  if (orOmit(body.Image) === undefined) {
    throw new SwarmError('invalid_argument', 'no image specified: Image must be given');
  }
  const config: { -readonly [K in keyof ContainerConfig]: ContainerConfig[K] | undefined } = {
    image: body.Image ?? '',
    name: options.name === undefined ? undefined : checkContainerName(options.name),
    platform: options.platform,
    cmd: body.Cmd,
    // Docker's clients take an entrypoint away by [""].
    entrypoint: body.Entrypoint?.length === 1 && body.Entrypoint[0] === '' ? [] : body.Entrypoint,
    env: body.Env,
    labels: body.Labels,
    user: orOmit(body.User),
    workingDir: orOmit(body.WorkingDir),
    hostname: orOmit(body.Hostname),
    domainname: orOmit(body.Domainname),
    tty: body.Tty,
    openStdin: body.OpenStdin,
    stdinOnce: body.StdinOnce,
    stopSignal: orOmit(body.StopSignal),
    stopTimeoutSeconds: body.StopTimeout,
    exposedPorts: body.ExposedPorts && Object.keys(body.ExposedPorts).map(withProtocol),
    healthcheck: body.Healthcheck && healthcheckOf(body.Healthcheck),
    mounts: orOmit(mountsOf(host)),
    anonymousVolumes: body.Volumes && Object.keys(body.Volumes),
    restartPolicy: restartPolicyOf(host.RestartPolicy),
    autoRemove: host.AutoRemove,
    resources: resourcesOf(host),
    security: securityOf(host),
    network: networkConfigOf(body),
    namespaces: namespacesOf(host),
    logging: host.LogConfig && {
      ...(host.LogConfig.Type ? { driver: host.LogConfig.Type } : {}),
      ...(host.LogConfig.Config === undefined ? {} : { options: host.LogConfig.Config }),
    },
    init: host.Init,
    readOnlyRootfs: host.ReadonlyRootfs,
    runtime: orOmit(host.Runtime),
    annotations: host.Annotations,
    echo: options.echo,
  };
  return Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined),
  ) as unknown as ContainerConfig;
}

function refuseUnsupported(host: DockerHostConfig): void {
  const lists = ['DeviceRequests', 'BlkioWeightDevice'] as const;
  for (const field of lists) {
    if ((host[field] ?? []).length > 0) {
      throw new SwarmError('unimplemented', `HostConfig.${field} is not supported`);
    }
  }
  for (const field of ['CpuRealtimePeriod', 'CpuRealtimeRuntime'] as const) {
    if ((host[field] ?? 0) !== 0) {
      throw new SwarmError('unimplemented', `HostConfig.${field} is not supported`);
    }
  }
  if (Object.keys(host.StorageOpt ?? {}).length > 0) {
    throw new SwarmError('unimplemented', 'HostConfig.StorageOpt is not supported by the overlay2 storage');
  }
  if (host.Isolation !== undefined && host.Isolation !== '' && host.Isolation !== 'default') {
    throw new SwarmError(
      'invalid_argument',
      `Invalid isolation: "${host.Isolation}" - linux only supports 'default'`,
    );
  }
}

function healthcheckOf(check: NonNullable<DockerContainerCreate['Healthcheck']>): HealthcheckConfig {
  const ms = (nanos: number | undefined): number | undefined =>
    nanos === undefined || nanos === 0 ? undefined : nanos / NANOS_PER_MS;
  const times = {
    intervalMs: ms(check.Interval),
    timeoutMs: ms(check.Timeout),
    startPeriodMs: ms(check.StartPeriod),
    startIntervalMs: ms(check.StartInterval),
    retries: orOmit(check.Retries),
  };
  for (const [field, value] of Object.entries(times)) {
    if (value !== undefined && (value < 0 || (field.endsWith('Ms') && value < 1))) {
      throw new SwarmError('invalid_argument', `Healthcheck: ${field} cannot be less than 1ms`);
    }
  }
  const given = Object.fromEntries(Object.entries(times).filter(([, value]) => value !== undefined));
  return { test: check.Test ?? [], ...given };
}

function securityOf(host: DockerHostConfig): SecurityConfig {
  return {
    ...(host.Privileged === undefined ? {} : { privileged: host.Privileged }),
    ...(host.CapAdd === undefined ? {} : { capAdd: host.CapAdd }),
    ...(host.CapDrop === undefined ? {} : { capDrop: host.CapDrop }),
    ...(host.SecurityOpt === undefined ? {} : { options: host.SecurityOpt }),
    ...(host.GroupAdd === undefined ? {} : { groupAdd: host.GroupAdd }),
    ...(host.MaskedPaths === undefined ? {} : { maskedPaths: host.MaskedPaths }),
    ...(host.ReadonlyPaths === undefined ? {} : { readonlyPaths: host.ReadonlyPaths }),
  };
}

function namespacesOf(host: DockerHostConfig): NamespaceConfig {
  const cgroup = orOmit(host.CgroupnsMode);
  if (cgroup !== undefined && cgroup !== 'host' && cgroup !== 'private') {
    throw new SwarmError('invalid_argument', `invalid cgroup namespace mode: ${cgroup}`);
  }
  return {
    ...(host.PidMode ? { pid: host.PidMode } : {}),
    ...(host.IpcMode ? { ipc: host.IpcMode } : {}),
    ...(host.UTSMode ? { uts: host.UTSMode } : {}),
    ...(host.UsernsMode ? { user: host.UsernsMode } : {}),
    ...(cgroup === undefined ? {} : { cgroup }),
  };
}
