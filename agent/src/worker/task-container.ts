import { SwarmError } from '@skep/kernel';
import { effectiveStopGraceNs, type ContainerSpec, type Mount, type Task } from '@skep/model';
import type { WirePayload } from '@skep/wire';

import type {
  ContainerConfig,
  HealthcheckConfig,
  InjectedFile,
  MountConfig,
  NetworkConfig,
  ResourceConfig,
  SecurityConfig,
} from '../engine/container-config.ts';
import type { DnsSettings, NetworkAttachment, PortPublication } from '../engine/network-provider.ts';
import { expandTemplate, type TemplateContext } from './template.ts';

const NS_PER_MS = 1_000_000;
const NS_PER_SECOND = 1_000_000_000;

/** Label by which a task's container is found again after a restart. */
export const TASK_ID_LABEL = 'com.docker.swarm.task.id';

/** Facts about the node a task runs on. */
export interface NodeFacts {
  readonly id: string;
  readonly hostname: string;
  readonly os: string;
  readonly architecture: string;
}

/** Contents of the secrets and configs this node has been given, by id. */
export interface Payloads {
  readonly secrets: ReadonlyMap<string, WirePayload>;
  readonly configs: ReadonlyMap<string, WirePayload>;
}

/** Name of a task's container: `<service>.<slot>.<task id>`, the node id in the slot's place for global services. */
export function containerNameOf(task: Task): string {
  return `${task.serviceName}.${slotOf(task)}.${task.id}`;
}

function slotOf(task: Task): string {
  return task.slot > 0 ? String(task.slot) : (task.nodeId ?? '');
}

function contextOf(task: Task, node: NodeFacts): TemplateContext {
  return {
    service: { id: task.serviceId, name: task.serviceName, labels: task.labels ?? {} },
    node: {
      id: node.id,
      hostname: node.hostname,
      platform: { os: node.os, architecture: node.architecture },
    },
    task: { id: task.id, name: containerNameOf(task), slot: slotOf(task) },
  };
}

/** Drops what is undefined, so that absent stays absent under exactOptionalPropertyTypes. */
function defined<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T;
}

function propagationOf(
  mount: Mount,
): 'rprivate' | 'private' | 'shared' | 'rshared' | 'slave' | 'rslave' | undefined {
  const propagation = mount.bind?.propagation;
  switch (propagation) {
    case 'private':
    case 'rprivate':
    case 'shared':
    case 'rshared':
    case 'slave':
    case 'rslave':
      return propagation;
    case undefined:
    case '':
      return undefined;
    default:
      throw new SwarmError('invalid_argument', `mount ${mount.target}: unknown propagation "${propagation}"`);
  }
}

function toBindMount(mount: Mount, target: string, source: string | undefined): MountConfig {
  if (source === undefined) {
    throw new SwarmError('invalid_argument', `mount ${target}: a bind mount needs a source`);
  }
  return defined({
    type: 'bind' as const,
    source,
    target,
    readOnly: mount.readOnly,
    propagation: propagationOf(mount),
    nonRecursive: mount.bind?.nonRecursive,
    createSource: mount.bind?.createMountpoint,
  });
}

function toVolumeMount(mount: Mount, target: string, source: string | undefined): MountConfig {
  const { volume } = mount;
  return defined({
    type: 'volume' as const,
    source,
    target,
    readOnly: mount.readOnly,
    subpath: volume?.subpath,
    noCopy: volume?.noCopy,
    driver: volume?.driver?.name,
    driverOptions: volume?.driver?.options,
    labels: volume?.labels,
  });
}

function toMount(mount: Mount, context: TemplateContext): MountConfig {
  const target = expandTemplate(mount.target, context, 'mount target');
  const source =
    mount.source === undefined || mount.source === ''
      ? undefined
      : expandTemplate(mount.source, context, 'mount source');
  switch (mount.type) {
    case 'bind':
      return toBindMount(mount, target, source);
    case 'volume':
      return toVolumeMount(mount, target, source);
    case 'tmpfs':
      return defined({
        type: 'tmpfs' as const,
        target,
        sizeBytes: mount.tmpfs?.sizeBytes,
        mode: mount.tmpfs?.mode,
        readOnly: mount.readOnly,
      });
  }
}

function toHealthcheck(container: ContainerSpec): HealthcheckConfig | undefined {
  const check = container.healthcheck;
  if (check === undefined) {
    return undefined;
  }
  const ms = (ns: number | undefined): number | undefined =>
    ns === undefined || ns === 0 ? undefined : ns / NS_PER_MS;
  return defined<HealthcheckConfig>({
    test: check.test ?? [],
    intervalMs: ms(check.intervalNs),
    timeoutMs: ms(check.timeoutNs),
    startPeriodMs: ms(check.startPeriodNs),
    startIntervalMs: ms(check.startIntervalNs),
    retries: check.retries === 0 ? undefined : check.retries,
  });
}

function payloadOf(payloads: ReadonlyMap<string, WirePayload>, id: string, what: string): WirePayload {
  const payload = payloads.get(id);
  if (payload === undefined) {
    throw new SwarmError('unavailable', `${what} is not on this node yet`, { details: { isPayload: true } });
  }
  return payload;
}

function ownerId(text: string, what: string): number {
  const id = Number(text === '' ? '0' : text);
  if (!Number.isSafeInteger(id) || id < 0) {
    throw new SwarmError('invalid_argument', `${what}: "${text}" is not a numeric user or group id`);
  }
  return id;
}

/**
 * The files a task's secrets and configs become.
 * @throws SwarmError `unavailable` (temporary) while a content has not arrived.
 */
export function injectedFilesOf(task: Task, payloads: Payloads): InjectedFile[] {
  const { secrets = [], configs = [] } = task.spec.container;
  return [
    ...secrets.map(({ secretId, secretName, file }): InjectedFile => ({
      kind: 'secret',
      target: file.name,
      content: payloadOf(payloads.secrets, secretId, `secret ${secretName}`).data,
      uid: ownerId(file.uid, `secret ${secretName}`),
      gid: ownerId(file.gid, `secret ${secretName}`),
      mode: file.mode,
    })),
    ...configs.map(({ configId, configName, file }): InjectedFile => ({
      kind: 'config',
      target: file.name,
      content: payloadOf(payloads.configs, configId, `config ${configName}`).data,
      uid: ownerId(file.uid, `config ${configName}`),
      gid: ownerId(file.gid, `config ${configName}`),
      mode: file.mode,
    })),
  ];
}

function toResources(task: Task): ResourceConfig {
  const { limits, reservations } = task.spec.resources ?? {};
  const orAbsent = (value: number | undefined): number | undefined => (value === 0 ? undefined : value);
  return defined<ResourceConfig>({
    memoryBytes: orAbsent(limits?.memoryBytes),
    nanoCpus: orAbsent(limits?.nanoCpus),
    pidsLimit: orAbsent(limits?.pids),
    memoryReservationBytes: orAbsent(reservations?.memoryBytes),
    ulimits: task.spec.container.ulimits,
  });
}

function toSecurity(container: ContainerSpec): SecurityConfig {
  const { privileges } = container;
  const options: string[] = [];
  if (privileges?.noNewPrivileges === true) {
    options.push('no-new-privileges');
  }
  if (privileges?.seccomp?.mode === 'unconfined') {
    options.push('seccomp=unconfined');
  }
  if (privileges?.seccomp?.mode === 'custom') {
    options.push(`seccomp=${privileges.seccomp.profile ?? ''}`);
  }
  return defined<SecurityConfig>({
    capAdd: container.capabilityAdd,
    capDrop: container.capabilityDrop,
    groupAdd: container.groups,
    options: options.length === 0 ? undefined : options,
  });
}

/** Swarm writes hosts as `<address> <name> [name...]`, the engine takes `name:address`. */
function toExtraHosts(hosts: readonly string[]): string[] {
  return hosts.flatMap((line) => {
    const [address, ...names] = line.trim().split(/\s+/);
    return names.map((name) => `${name}:${address ?? ''}`);
  });
}

function toNetwork(task: Task): NetworkConfig {
  const { container } = task.spec;
  const attachments = task.networks.map(({ networkId, addresses, aliases }) =>
    defined<NetworkAttachment>({
      network: networkId,
      aliases,
      ipv4Address: addresses[0]?.split('/')[0],
    }),
  );
  const publications = (task.endpointPorts ?? [])
    .filter(({ publishMode }) => publishMode === 'host')
    .map(({ targetPort, protocol, publishedPort }) =>
      defined<PortPublication>({
        containerPort: targetPort,
        protocol,
        hostPort: publishedPort === 0 ? undefined : publishedPort,
      }),
    );
  return defined<NetworkConfig>({
    mode: attachments[0]?.network,
    attachments: attachments.length === 0 ? undefined : attachments,
    publications: publications.length === 0 ? undefined : publications,
    dns:
      container.dns === undefined
        ? undefined
        : defined<DnsSettings>({
            nameservers: container.dns.nameservers,
            searches: container.dns.search,
            options: container.dns.options,
          }),
    extraHosts: container.hosts === undefined ? undefined : toExtraHosts(container.hosts),
    sysctls: container.sysctls,
  });
}

function swarmLabels(task: Task, node: NodeFacts): Record<string, string> {
  return {
    'com.docker.swarm.node.id': node.id,
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.service.name': task.serviceName,
    'com.docker.swarm.task': '',
    [TASK_ID_LABEL]: task.id,
    'com.docker.swarm.task.name': containerNameOf(task),
  };
}

/**
 * The container a task is to run in, with its templates expanded and its secrets and configs as files.
 * @throws SwarmError `invalid_argument` for what can never start, `unavailable` while a secret has not arrived.
 */
export function toContainerConfig(task: Task, node: NodeFacts, payloads: Payloads): ContainerConfig {
  const { container } = task.spec;
  const context = contextOf(task, node);
  const { logDriver } = task.spec;
  return defined<ContainerConfig>({
    image: container.image,
    name: containerNameOf(task),
    entrypoint: container.command,
    cmd: container.args,
    env: container.env?.map((line) => expandTemplate(line, context, 'env')),
    labels: { ...container.labels, ...swarmLabels(task, node) },
    user: container.user === '' ? undefined : container.user,
    workingDir: container.dir === '' ? undefined : container.dir,
    hostname:
      container.hostname === undefined || container.hostname === ''
        ? undefined
        : expandTemplate(container.hostname, context, 'hostname'),
    tty: container.tty,
    openStdin: container.openStdin,
    stopSignal: container.stopSignal === '' ? undefined : container.stopSignal,
    stopTimeoutSeconds: Math.ceil(effectiveStopGraceNs(container) / NS_PER_SECOND),
    healthcheck: toHealthcheck(container),
    mounts: container.mounts?.map((mount) => toMount(mount, context)),
    files: injectedFilesOf(task, payloads),
    resources: toResources(task),
    security: toSecurity(container),
    network: toNetwork(task),
    logging:
      logDriver === undefined ? undefined : defined({ driver: logDriver.name, options: logDriver.options }),
    init: container.init,
    readOnlyRootfs: container.readOnly,
  });
}
