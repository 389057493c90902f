import {
  effectiveStopGraceNs,
  type ContainerSpec,
  type Mount,
  type PortConfig,
  type ServiceMode,
  type ServiceSpec,
  type TaskSpec,
} from '@skep/model';

import type { DocumentPath } from './diagnostics.ts';
import { payloadReferences } from './payloads.ts';
import type { ComposeService } from './schema.ts';
import { parseShortPort, parseShortVolume } from './short-syntax.ts';
import { readEnvFile } from './env-file.ts';
import {
  STACK_IMAGE_LABEL,
  STACK_LABEL,
  compact,
  plain,
  scopedName,
  type ServiceContext,
} from './stack-scope.ts';

/** Translates one compose service into a service spec; what cannot be is reported and left out. */
export function toServiceSpec(key: string, service: ComposeService, context: ServiceContext): ServiceSpec {
  const path: DocumentPath = ['services', key];
  const ports = toPorts(service, path, context);
  const deploy = service.deploy;
  const endpointMode = deploy?.endpoint_mode;
  return compact({
    name: scopedName(context.stackName, key),
    labels: {
      ...plain(deploy?.labels),
      [STACK_LABEL]: context.stackName,
      [STACK_IMAGE_LABEL]: service.image,
    },
    task: toTaskSpec(key, service, context),
    mode: toMode(service, path, context),
    update: toUpdate(deploy?.update_config),
    rollback: toUpdate(deploy?.rollback_config),
    endpoint:
      ports.length > 0 || endpointMode !== undefined
        ? compact({ mode: endpointMode, ports: ports.length > 0 ? ports : undefined })
        : undefined,
  });
}

function toTaskSpec(key: string, service: ComposeService, context: ServiceContext): TaskSpec {
  const placement = service.deploy?.placement;
  return compact({
    container: toContainer(key, service, context),
    resources: toResources(service),
    restart: toRestart(service),
    placement:
      placement === undefined
        ? undefined
        : compact({
            constraints: placement.constraints,
            preferences: placement.preferences,
            maxReplicasPerNode: placement.max_replicas_per_node,
          }),
    networks: toNetworks(key, service, context),
    logDriver:
      service.logging === undefined
        ? undefined
        : compact({ name: service.logging.driver, options: service.logging.options }),
  });
}

function toContainer(key: string, service: ComposeService, context: ServiceContext): ContainerSpec {
  const path: DocumentPath = ['services', key];
  const container: ContainerSpec = compact({
    image: service.image,
    labels: { ...plain(service.labels), [STACK_LABEL]: context.stackName },
    command: service.entrypoint ?? undefined,
    args: service.command ?? undefined,
    hostname: service.hostname,
    env: toEnvironment(service, path, context),
    dir: service.working_dir,
    user: service.user,
    groups: service.group_add,
    tty: service.tty,
    openStdin: service.stdin_open,
    readOnly: service.read_only,
    stopSignal: service.stop_signal,
    stopGracePeriodNs: service.stop_grace_period,
    healthcheck: toHealthcheck(service),
    mounts: toMounts(service, path, context),
    hosts: toHosts(service),
    dns:
      (service.dns ?? service.dns_search ?? service.dns_opt)
        ? compact({ nameservers: service.dns, search: service.dns_search, options: service.dns_opt })
        : undefined,
    ...payloadReferences(service, path, context),
    init: service.init,
    sysctls: service.sysctls === undefined ? undefined : plain(service.sysctls),
    capabilityAdd: service.cap_add,
    capabilityDrop: service.cap_drop,
    ulimits: toUlimits(service),
    privileges: toPrivileges(service),
  });
  if (effectiveStopGraceNs(container) === 0) {
    context.report({
      severity: 'warning',
      path: [...path, 'stop_grace_period'],
      message: 'a stop_grace_period of 0 ends the program without warning',
    });
  }
  return container;
}

function toMode(service: ComposeService, path: DocumentPath, { report }: ServiceContext): ServiceMode {
  const { mode = 'replicated', replicas } = service.deploy ?? {};
  if (mode === 'global' || mode === 'global-job') {
    if (replicas !== undefined) {
      report({
        severity: 'error',
        path: [...path, 'deploy', 'replicas'],
        atKey: true,
        message: `replicas cannot be used with mode ${mode}`,
      });
    }
    return { type: mode };
  }
  const count = replicas ?? 1;
  return mode === 'replicated'
    ? { type: mode, replicas: count }
    : { type: mode, maxConcurrent: Math.max(1, count), totalCompletions: count };
}

function toUpdate(config: NonNullable<ComposeService['deploy']>['update_config']): ServiceSpec['update'] {
  return config === undefined
    ? undefined
    : compact({
        parallelism: config.parallelism,
        delayNs: config.delay,
        failureAction: config.failure_action,
        monitorNs: config.monitor,
        maxFailurePerMille:
          config.max_failure_ratio === undefined ? undefined : Math.round(config.max_failure_ratio * 1000),
        order: config.order,
      });
}

function toRestart(service: ComposeService): TaskSpec['restart'] {
  const policy = service.deploy?.restart_policy;
  if (policy !== undefined) {
    return compact({
      condition: policy.condition,
      delayNs: policy.delay,
      maxAttempts: policy.max_attempts,
      windowNs: policy.window,
    });
  }
  const [kind, attempts] = (service.restart ?? '').split(':');
  switch (kind) {
    case 'no':
      return { condition: 'none' };
    case 'always':
    case 'unless-stopped':
      return { condition: 'any' };
    case 'on-failure':
      return compact({
        condition: 'on-failure' as const,
        maxAttempts: attempts === undefined ? undefined : Number(attempts),
      });
    default:
      return undefined;
  }
}

function toResources(service: ComposeService): TaskSpec['resources'] {
  const resources = service.deploy?.resources;
  if (resources === undefined) {
    return undefined;
  }
  const { limits, reservations } = resources;
  const nanos = (cpus: number | undefined): number | undefined =>
    cpus === undefined ? undefined : Math.round(cpus * 1e9);
  return compact({
    limits:
      limits === undefined
        ? undefined
        : compact({ nanoCpus: nanos(limits.cpus), memoryBytes: limits.memory, pids: limits.pids }),
    reservations:
      reservations === undefined
        ? undefined
        : compact({ nanoCpus: nanos(reservations.cpus), memoryBytes: reservations.memory }),
  });
}

function toNetworks(key: string, service: ComposeService, context: ServiceContext): TaskSpec['networks'] {
  const wanted =
    service.networks === undefined
      ? { default: null }
      : Array.isArray(service.networks)
        ? Object.fromEntries(service.networks.map((name) => [name, null] as const))
        : service.networks;
  const networks: NonNullable<TaskSpec['networks']> = [];
  for (const [name, options] of Object.entries(wanted)) {
    const declared = context.file.networks?.[name];
    if (declared === undefined && name !== 'default') {
      context.report({
        severity: 'error',
        path: ['services', key, 'networks'],
        message: `network "${name}" is not declared; add it under networks at the top level`,
      });
      continue;
    }
    networks.push({
      target: scopedName(
        context.stackName,
        name,
        declared?.name ?? (declared?.external === true ? name : undefined),
      ),
      aliases: [key, ...(options?.aliases ?? [])],
    });
  }
  return networks;
}

function toPorts(service: ComposeService, path: DocumentPath, { report }: ServiceContext): PortConfig[] {
  return (service.ports ?? []).flatMap((port, index): PortConfig[] => {
    const at = [...path, 'ports', index];
    if (typeof port === 'string' || typeof port === 'number') {
      const parsed = parseShortPort(String(port));
      if (!parsed.ok) {
        report({ severity: 'error', path: at, message: parsed.error.message });
        return [];
      }
      return parsed.value;
    }
    const published = port.published === undefined ? undefined : Number(port.published);
    if (published !== undefined && (!Number.isInteger(published) || published < 0 || published > 65_535)) {
      report({
        severity: 'error',
        path: [...at, 'published'],
        message: `"${String(port.published)}" is not a port from 1 to 65535`,
      });
      return [];
    }
    if (port.target < 1 || port.target > 65_535) {
      report({
        severity: 'error',
        path: [...at, 'target'],
        message: `${String(port.target)} is not a port from 1 to 65535`,
      });
      return [];
    }
    return [
      compact({
        name: port.name,
        protocol: port.protocol ?? 'tcp',
        targetPort: port.target,
        publishedPort: published,
        publishMode: port.mode ?? 'ingress',
      }),
    ];
  });
}

function toMounts(service: ComposeService, path: DocumentPath, context: ServiceContext): Mount[] | undefined {
  const mounts = (service.volumes ?? []).flatMap((volume, index): Mount[] => {
    const at = [...path, 'volumes', index];
    if (typeof volume === 'string') {
      const parsed = parseShortVolume(volume);
      if (!parsed.ok) {
        context.report({ severity: 'error', path: at, message: parsed.error.message });
        return [];
      }
      return [withDeclaredVolume(parsed.value, at, context)];
    }
    const mount: Mount = compact({
      type: volume.type,
      source: volume.source,
      target: volume.target,
      readOnly: volume.read_only,
      bind:
        volume.bind === undefined
          ? undefined
          : compact({ propagation: volume.bind.propagation, createMountpoint: volume.bind.create_host_path }),
      volume:
        volume.volume === undefined
          ? undefined
          : compact({ noCopy: volume.volume.nocopy, subpath: volume.volume.subpath }),
      tmpfs:
        volume.tmpfs === undefined
          ? undefined
          : compact({ sizeBytes: volume.tmpfs.size, mode: volume.tmpfs.mode }),
    });
    return [withDeclaredVolume(mount, at, context)];
  });
  const temporary = (service.tmpfs ?? []).map((target): Mount => ({ type: 'tmpfs', target }));
  const all = [...mounts, ...temporary];
  return all.length === 0 ? undefined : all;
}

function withDeclaredVolume(mount: Mount, path: DocumentPath, context: ServiceContext): Mount {
  if (mount.type !== 'volume' || mount.source === undefined) {
    return mount;
  }
  const declared = context.file.volumes?.[mount.source];
  if (declared === undefined) {
    context.report({
      severity: 'error',
      path,
      message: `volume "${mount.source}" is not declared; add it under volumes at the top level`,
    });
    return mount;
  }
  const isExternal = declared?.external === true;
  const source = scopedName(
    context.stackName,
    mount.source,
    declared?.name ?? (isExternal ? mount.source : undefined),
  );
  const driver =
    declared?.driver === undefined && declared?.driver_opts === undefined
      ? undefined
      : compact({ name: declared.driver ?? 'local', options: declared.driver_opts });
  return {
    ...mount,
    source,
    volume: compact({
      ...mount.volume,
      labels: isExternal ? undefined : { ...plain(declared?.labels), [STACK_LABEL]: context.stackName },
      driver,
    }),
  };
}

function toEnvironment(
  service: ComposeService,
  path: DocumentPath,
  context: ServiceContext,
): string[] | undefined {
  const merged = new Map<string, string>();
  for (const [index, name] of (service.env_file ?? []).entries()) {
    const bytes = context.files[name];
    if (bytes === undefined) {
      const message = `file "${name}" was not sent along; deploy with the CLI from its folder, or write the values under environment`;
      context.report({ severity: 'error', path: [...path, 'env_file', index], message });
      continue;
    }
    for (const [key, value] of readEnvFile(new TextDecoder().decode(bytes))) {
      merged.set(key, value);
    }
  }
  for (const [key, value] of Object.entries(service.environment ?? {})) {
    const taken = value ?? context.variables[key];
    if (taken !== undefined) {
      merged.set(key, taken);
    }
  }
  return merged.size === 0 ? undefined : [...merged].map(([key, value]) => `${key}=${value}`);
}

function toHealthcheck({ healthcheck }: ComposeService): ContainerSpec['healthcheck'] {
  if (healthcheck === undefined) {
    return undefined;
  }
  const test = typeof healthcheck.test === 'string' ? ['CMD-SHELL', healthcheck.test] : healthcheck.test;
  return compact({
    test: healthcheck.disable === true ? ['NONE'] : test,
    intervalNs: healthcheck.interval,
    timeoutNs: healthcheck.timeout,
    retries: healthcheck.retries,
    startPeriodNs: healthcheck.start_period,
    startIntervalNs: healthcheck.start_interval,
  });
}

function toHosts({ extra_hosts: hosts }: ComposeService): string[] | undefined {
  if (hosts === undefined) {
    return undefined;
  }
  const pairs = Array.isArray(hosts)
    ? hosts.map((line) => [line.slice(0, line.search(/[:=]/)), line.slice(line.search(/[:=]/) + 1)] as const)
    : Object.entries(hosts);
  return pairs.map(([name, address]) => `${address} ${name}`);
}

function toUlimits({ ulimits }: ComposeService): ContainerSpec['ulimits'] {
  return ulimits === undefined
    ? undefined
    : Object.entries(ulimits).map(([name, limit]) =>
        typeof limit === 'number' ? { name, soft: limit, hard: limit } : { name, ...limit },
      );
}

function toPrivileges({ security_opt: options }: ComposeService): ContainerSpec['privileges'] {
  if (options === undefined || options.length === 0) {
    return undefined;
  }
  return compact({
    noNewPrivileges: options.some((option) => option.startsWith('no-new-privileges')) ? true : undefined,
    seccomp: options.some((option) => option.startsWith('seccomp'))
      ? { mode: 'unconfined' as const }
      : undefined,
  });
}
