import { mkdirSync } from 'node:fs';
import { SwarmError } from '@skep/kernel';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './engine-context.ts';
import type { PreparedNetwork, NetworkRequest } from './network-provider.ts';
import type { NamespaceChoice, OciSpecInput } from './oci-spec.ts';
import { isMounted } from './rootfs.ts';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, mount } from './runtime/system-calls.ts';

const PRIVATE: NamespaceChoice = { kind: 'private' };
const HOST: NamespaceChoice = { kind: 'host' };
const CONTAINER_PREFIX = 'container:';
const SHM_BYTES_DEFAULT = 64 * 1024 * 1024;

/** What the engine asks a network provider for, or null when the container's mode needs none. */
export function networkRequest(record: ContainerRecord): NetworkRequest | null {
  const network = record.config.network ?? {};
  const mode =
    network.mode === undefined || network.mode === '' || network.mode === 'default' ? 'bridge' : network.mode;
  if (mode === 'none' || mode === 'host' || mode.startsWith(CONTAINER_PREFIX)) {
    return null;
  }
  const attachments = network.attachments ?? [];
  return {
    containerId: record.id,
    containerName: record.name,
    hostname: record.effective.hostname,
    mode,
    attachments: attachments.length > 0 ? attachments : [{ network: mode }],
    publications: network.publications ?? [],
    publishAllPorts: network.publishAllPorts ?? false,
    exposedPorts: record.effective.exposedPorts,
    dns: network.dns ?? {},
    labels: record.effective.labels,
    sysctls: network.sysctls ?? {},
  };
}

/** The namespaces of a container's process; joins other containers' where it was asked to. */
export function chooseNamespaces(
  context: EngineContext,
  record: ContainerRecord,
  made: { readonly prepared: PreparedNetwork | null; readonly userNamespacePath: string | null },
): OciSpecInput['namespaces'] {
  const { prepared, userNamespacePath } = made;
  const wishes = record.config.namespaces ?? {};
  const mode = record.config.network?.mode;
  const network: NamespaceChoice =
    prepared !== null
      ? { kind: 'path', path: prepared.netnsPath }
      : choose(context, mode === 'none' ? '' : mode, 'net');
  return {
    network,
    pid: choose(context, wishes.pid, 'pid'),
    ipc: wishes.ipc === 'shareable' || wishes.ipc === 'none' ? PRIVATE : choose(context, wishes.ipc, 'ipc'),
    uts: choose(context, wishes.uts, 'uts'),
    cgroup: wishes.cgroup === 'host' ? HOST : PRIVATE,
    user: userNamespacePath === null ? HOST : { kind: 'path', path: userNamespacePath },
  };
}

/**
 * The running container whose user namespace one with a map must be in: namespaces that are shared belong to the user
 * namespace they were made in. Undefined: it gets one of its own.
 */
export function userNamespaceOwner(
  context: EngineContext,
  record: ContainerRecord,
): ContainerRecord | undefined {
  const { pid, ipc } = record.config.namespaces ?? {};
  const joined = [record.config.network?.mode, pid, ipc]
    .filter((wish) => wish?.startsWith(CONTAINER_PREFIX) === true)
    .map((wish) => joinedContainer(context, wish ?? ''));
  const stranger = joined.find(({ idMap }) => JSON.stringify(idMap) !== JSON.stringify(record.idMap));
  const [first] = joined;
  const other = joined.find(({ id }) => id !== first?.id);
  if (stranger !== undefined || other !== undefined) {
    const { name } = stranger ?? other ?? record;
    throw new SwarmError(
      'failed_precondition',
      `cannot join the namespaces of container ${name}: it is in another user namespace; ` +
        'run both of them with --userns=host to share namespaces',
    );
  }
  return first;
}

function choose(context: EngineContext, wish: string | undefined, kind: string): NamespaceChoice {
  if (wish === undefined || wish === '' || wish === 'private') {
    return PRIVATE;
  }
  if (wish === 'host') {
    return HOST;
  }
  if (!wish.startsWith(CONTAINER_PREFIX)) {
    throw new SwarmError('invalid_argument', `invalid ${kind} mode: ${wish.slice(0, 80)}`);
  }
  const other = joinedContainer(context, wish);
  return { kind: 'path', path: `/proc/${String(other.state.pid)}/ns/${kind}` };
}

/** The running container that `container:<ref>` names. */
export function joinedContainer(context: EngineContext, wish: string): ContainerRecord {
  const { record } = context.containers.resolve(wish.slice(CONTAINER_PREFIX.length));
  if (record.state.status !== 'running') {
    throw new SwarmError(
      'failed_precondition',
      `cannot join the namespaces of a non running container: ${record.id}`,
      {
        details: { dockerStatus: 409 },
      },
    );
  }
  return record;
}

/** The directory that becomes /dev/shm: shared ones are mounted on the host; null means a tmpfs of its own. */
export function prepareShm(context: EngineContext, record: ContainerRecord): string | null {
  const mode = record.config.namespaces?.ipc ?? '';
  if (mode === 'host') {
    return '/dev/shm';
  }
  if (mode.startsWith(CONTAINER_PREFIX)) {
    return context.paths.container(joinedContainer(context, mode).id).shm;
  }
  if (mode !== 'shareable') {
    return null;
  }
  const { shm } = context.paths.container(record.id);
  mkdirSync(shm, { recursive: true });
  if (!isMounted(shm)) {
    const bytes = record.config.resources?.shmBytes ?? SHM_BYTES_DEFAULT;
    const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    mount({ source: 'shm', target: shm, type: 'tmpfs', flags, data: `mode=1777,size=${String(bytes)}` });
  }
  return shm;
}
