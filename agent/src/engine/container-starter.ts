import { chownSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError, isSwarmError } from '@skep/kernel';
import { toHostOwner } from '@skep/oci';
import { injectedFileMounts, networkFileMounts, writeNetworkFiles } from './container-files.ts';
import { linkedHosts } from './container-links.ts';
import { chooseNamespaces, networkRequest, prepareShm, userNamespaceOwner } from './container-namespaces.ts';
import type { ContainerEntry, ContainerRecord, ResolvedMount } from './container-record.ts';
import { acquireVolume } from './container-volumes.ts';
import type { EngineContext } from './engine-context.ts';
import { allDevices, resolveDevices, resolveDisks } from './host-devices.ts';
import type { PreparedNetwork } from './network-provider.ts';
import { buildOciSpec } from './oci-spec.ts';
import type { OciMount, OciSpec } from './oci-types.ts';
import { mountRootfs, unmountRootfs } from './rootfs.ts';
import { startConmon, type OciRuntime } from './runtime/conmon.ts';
import { cgroupDirectories } from './runtime/cgroup-host.ts';
import {
  deleteContainer,
  processStartTicks,
  removeEndedContainer,
  startContainer,
} from './runtime/oci-runtime.ts';
import { MS_BIND, existsInRoot, mount, mountWordsOf, readInRoot, unmount } from './runtime/system-calls.ts';
import { holdNamespaces } from './runtime/user-namespace.ts';
import { translateRuntimeError } from './runtime-errors.ts';
import { resolveUser } from './user-lookup.ts';
import { letRootPass } from './user-namespaces.ts';

const PASSWD_BYTES_MAX = 1024 * 1024;
/** crun(1): a base64 BPF program that is used in place of the profile. */
const SECCOMP_FILTER_ANNOTATION = 'run.oci.seccomp_bpf_data';
const INIT_TARGET = '/sbin/docker-init';
/** Static init programs that Debian packages bring, best first. */
const INIT_PROGRAMS: readonly string[] = [
  '/usr/bin/docker-init',
  '/usr/bin/catatonit',
  '/usr/libexec/podman/catatonit',
  '/usr/bin/tini-static',
  '/sbin/tini-static',
];

/** A container whose process has been made and waits for `start`. */
export interface CreatedProcess {
  readonly pid: number;
  readonly pidStartTicks: number;
}

export function runtimeOf(context: EngineContext, record: ContainerRecord): OciRuntime {
  const runtime = context.runtimes.get(record.runtime);
  if (runtime === undefined) {
    throw new SwarmError(
      'failed_precondition',
      `the OCI runtime ${record.runtime} is not installed on this host`,
    );
  }
  return runtime;
}

/** The path of a container's cgroup, below the root of each hierarchy. */
export function cgroupsPathOf(context: EngineContext, record: ContainerRecord): string {
  const parent = record.config.resources?.cgroupParent;
  return join(parent === undefined || parent === '' ? context.cgroupParent : `/${parent}`, record.id);
}

/**
 * Makes everything a container needs to run and lets `conmon` create its process, which then waits. On failure all
 * that was made is unmade.
 */
export async function createProcess(context: EngineContext, entry: ContainerEntry): Promise<CreatedProcess> {
  const { record } = entry;
  const paths = context.paths.container(record.id);
  try {
    await Promise.all([
      mkdir(paths.bundle, { recursive: true, mode: 0o700 }),
      context.exits.forget(record.id),
    ]);
    if (record.idMap !== undefined) {
      context.userNamespaces.requirePassing(record.idMap, record.name);
      letRootPass(paths.bundle, record.idMap);
    }
    const rootfs = mountRootfs(context, record);
    const { prepared, userNamespacePath } = await makeNamespaces(context, entry);
    const [binds] = await Promise.all([
      prepareMounts(context, record, rootfs),
      writeNetworkFiles(paths, record, prepared, linkedHosts(context.containers, record)),
    ]);
    const spec = makeSpec(context, entry.record, { rootfs, prepared, userNamespacePath, binds });
    await writeFile(join(paths.bundle, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
    const pid = await startConmon({
      conmonPath: context.conmonPath,
      runtime: runtimeOf(context, record),
      containerId: record.id,
      sessionId: record.id,
      bundle: paths.bundle,
      exitDirectory: context.paths.exits,
      logPath: record.config.logging?.driver === 'none' ? null : paths.log,
      tty: record.config.tty ?? false,
      stdin: record.config.openStdin ?? false,
      leaveStdinOpen: record.config.tty === true || record.config.stdinOnce !== true,
    });
    unmount(paths.userNamespace);
    if (record.idMap !== undefined && record.config.tty !== true) {
      giveStdio(pid, toHostOwner(record.idMap, spec.process.user));
    }
    const pidStartTicks = (await processStartTicks(pid)) ?? 0;
    return { pid, pidStartTicks };
  } catch (error: unknown) {
    await teardown(context, entry);
    throw translateRuntimeError(error, programOf(record));
  }
}

/**
 * Gives a waiting process its standard streams: the pipes are the host root's, who is nobody in its user namespace, so
 * that it could not open /dev/stdout. The runtime does this where it may.
 */
function giveStdio(pid: number, owner: ReturnType<typeof toHostOwner>): void {
  for (const fd of owner.ok ? [0, 1, 2] : []) {
    const path = `/proc/${String(pid)}/fd/${String(fd)}`;
    if (owner.ok && statSync(path, { throwIfNoEntry: false })?.isFIFO() === true) {
      chownSync(path, owner.value.uid, owner.value.gid);
    }
  }
}

/** The namespaces that must be there before the runtime makes the others: network and, with a map of owners, user. */
async function makeNamespaces(
  context: EngineContext,
  entry: ContainerEntry,
): Promise<{ readonly prepared: PreparedNetwork | null; readonly userNamespacePath: string | null }> {
  const { record } = entry;
  const request = networkRequest(record);
  const prepare = async (namespacePath?: string): Promise<PreparedNetwork | null> => {
    const prepared = request === null ? null : await requireProvider(context).prepare(request, namespacePath);
    entry.record = {
      ...entry.record,
      network: request === null || prepared === null ? null : { request, prepared },
    };
    return prepared;
  };
  if (record.idMap === undefined) {
    return { prepared: await prepare(), userNamespacePath: null };
  }
  const owner = userNamespaceOwner(context, record);
  if (owner !== undefined) {
    const userNamespacePath = `/proc/${String(owner.state.pid)}/ns/user`;
    return { prepared: await prepare(), userNamespacePath };
  }
  const { userNamespace } = context.paths.container(record.id);
  const held = await holdNamespaces(record.idMap, { withNetwork: request !== null });
  try {
    closeSync(openSync(userNamespace, 'w'));
    mount({ source: held.userPath, target: userNamespace, type: 'none', flags: MS_BIND });
    return { prepared: await prepare(held.networkPath), userNamespacePath: userNamespace };
  } finally {
    held.release();
  }
}

/** Lets the waiting process go. */
export async function letGo(context: EngineContext, entry: ContainerEntry): Promise<void> {
  try {
    await startContainer(runtimeOf(context, entry.record), entry.record.id);
  } catch (error: unknown) {
    throw translateRuntimeError(error, programOf(entry.record));
  }
}

function programOf({ effective }: ContainerRecord): string {
  return effective.entrypoint[0] ?? effective.cmd[0] ?? '';
}

/**
 * Unmakes what {@link createProcess} made: processes, cgroup, mounts, network, bundle. Idempotent; goes on after a
 * failure and logs it, because what is left is collected when the engine opens the next time. `hasEnded` says that the
 * container's first process is known to have ended.
 */
export async function teardown(
  context: EngineContext,
  entry: ContainerEntry,
  { hasEnded = false }: { readonly hasEnded?: boolean } = {},
): Promise<void> {
  const { record } = entry;
  const paths = context.paths.container(record.id);
  const attempt = async (what: string, work: () => Promise<void> | void): Promise<void> => {
    try {
      await work();
    } catch (err: unknown) {
      context.log.warn({ err, containerId: record.id, op: what }, 'cleaning up after a container failed');
    }
  };
  const runtime = context.runtimes.get(record.runtime);
  if (runtime !== undefined && existsSync(join(runtime.stateRoot, record.id))) {
    await attempt('runtime', async () => {
      const cgroups = cgroupDirectories(context.cgroups, cgroupsPathOf(context, record));
      if (!hasEnded || !(await removeEndedContainer(runtime, record.id, cgroups))) {
        await deleteContainer(runtime, record.id);
      }
    });
  }
  await attempt('rootfs', () => {
    unmountRootfs(context.paths, record.id);
  });
  await Promise.all([
    attempt('network', async () => {
      if (networkRequest(record) !== null) {
        await context.networks?.release(record.id);
      }
    }),
    attempt('volumes', async () => {
      for (const mount of record.mounts.filter((each) => each.type === 'volume')) {
        await context.volumes.release(mount.name ?? '', record.id);
      }
    }),
    attempt('bundle', async () => {
      unmount(paths.shm);
      unmount(paths.userNamespace);
      await rm(paths.bundle, { recursive: true, force: true });
    }),
  ]);
}

function requireProvider(context: EngineContext): NonNullable<EngineContext['networks']> {
  if (context.networks === null) {
    throw new SwarmError(
      'failed_precondition',
      'this engine runs without networks: use --network host or none',
    );
  }
  return context.networks;
}

function makeSpec(
  context: EngineContext,
  record: ContainerRecord,
  made: {
    readonly rootfs: string;
    readonly prepared: PreparedNetwork | null;
    readonly userNamespacePath: string | null;
    readonly binds: readonly OciMount[];
  },
): OciSpec {
  const { config, effective } = record;
  const paths = context.paths.container(record.id);
  const user = resolveUser(effective.user, config.security?.groupAdd ?? [], {
    passwd: readInRoot(made.rootfs, '/etc/passwd', PASSWD_BYTES_MAX),
    group: readInRoot(made.rootfs, '/etc/group', PASSWD_BYTES_MAX),
  });
  if (!user.ok) {
    throw user.error;
  }
  const initProgram = config.init === true ? findInit() : null;
  const initMounts: OciMount[] =
    initProgram === null
      ? []
      : [{ destination: INIT_TARGET, type: 'bind', source: initProgram, options: ['bind', 'ro'] }];
  const devices = config.resources?.devices ?? [];
  const isPrivileged = config.security?.privileged ?? false;
  const spec = buildOciSpec({
    config,
    effective,
    containerId: record.id,
    rootfsPath: made.rootfs,
    cgroupsPath: cgroupsPathOf(context, record),
    user: user.value,
    namespaces: chooseNamespaces(context, record, made),
    ...(record.idMap === undefined ? {} : { idMap: record.idMap }),
    binds: [...withoutTaken(networkFileMounts(paths), made.binds), ...initMounts, ...made.binds],
    shmSource: prepareShm(context, record),
    devices: [...(isPrivileged ? allDevices() : []), ...resolveDevices(devices)],
    disks: resolveDisks(config.resources?.blockIoLimits ?? []),
    initPath: initProgram === null ? null : INIT_TARGET,
    availableCapabilities: context.availableCapabilities,
    architecture: context.architecture,
    cgroupVersion: context.cgroups.version,
    seccompIsAvailable: context.seccompIsAvailable,
  });
  if (!spec.ok) {
    throw spec.error;
  }
  return withCompiledSeccomp(context, record, spec.value);
}

/** `crun` is given the compiled filter; other runtimes compile the profile themselves. */
function withCompiledSeccomp(context: EngineContext, record: ContainerRecord, spec: OciSpec): OciSpec {
  const { seccomp, ...linux } = spec.linux;
  const filter = seccomp === undefined || record.runtime !== 'crun' ? null : context.seccomp.compile(seccomp);
  if (filter === null) {
    return spec;
  }
  return { ...spec, annotations: { ...spec.annotations, [SECCOMP_FILTER_ANNOTATION]: filter }, linux };
}

function withoutTaken(mounts: readonly OciMount[], taken: readonly OciMount[]): OciMount[] {
  return mounts.filter((mount) => !taken.some((other) => other.destination === mount.destination));
}

function findInit(): string {
  const found = INIT_PROGRAMS.find((path) => existsSync(path));
  if (found === undefined) {
    throw new SwarmError(
      'failed_precondition',
      'no init program is installed: apt install catatonit (or tini)',
    );
  }
  return found;
}

/** Volumes and bind mounts, made ready, as the runtime is to mount them; secrets and configs too. */
async function prepareMounts(
  context: EngineContext,
  record: ContainerRecord,
  rootfs: string,
): Promise<OciMount[]> {
  const binds: OciMount[] = [];
  for (const mount of record.mounts) {
    if (mount.type === 'volume') {
      binds.push(await prepareVolume(context, record, mount, rootfs));
    } else if (mount.type === 'bind') {
      if (!existsSync(mount.source)) {
        throw new SwarmError('invalid_argument', `bind source path does not exist: ${mount.source}`);
      }
      const bind = mount.isRecursive === false ? 'bind' : 'rbind';
      const options = [
        bind,
        ...access(mount, mount.source),
        mount.propagation === '' ? 'rprivate' : mount.propagation,
      ];
      binds.push({ destination: mount.destination, type: 'bind', source: mount.source, options });
    }
  }
  return [...binds, ...injectedFileMounts(context.paths.container(record.id), record.files)];
}

/** What the user and the source forbid; crun would give the container more than the mount of the source does. */
function access({ isReadOnly }: ResolvedMount, source: string): readonly string[] {
  const words = mountWordsOf(source);
  return isReadOnly && !words.includes('ro') ? ['ro', ...words] : words;
}

async function prepareVolume(
  context: EngineContext,
  record: ContainerRecord,
  mount: ResolvedMount,
  rootfs: string,
): Promise<OciMount> {
  const directory = await acquireVolume(context, record, { mount, rootfs, holder: record.id });
  let source = directory;
  if (mount.subpath !== undefined) {
    if (!existsInRoot(directory, mount.subpath)) {
      throw new SwarmError(
        'invalid_argument',
        `cannot find the subpath ${mount.subpath.slice(0, 200)} in volume ${mount.name ?? ''}`,
      );
    }
    source = join(directory, mount.subpath);
  }
  return {
    destination: mount.destination,
    type: 'bind',
    source,
    options: ['rbind', ...access(mount, source), 'rprivate'],
  };
}

/** Whether an error means that the container's program cannot be run, and Docker's exit code for it. */
export function startFailureExitCode(error: unknown): number {
  const message = isSwarmError(error) ? error.message : '';
  if (message.includes('executable file not found') || message.includes('no such file or directory')) {
    return 127;
  }
  return message.includes('permission denied') || message.includes('is a directory') ? 126 : 128;
}

/** Makes the engine's directories of a run root; called at open. */
export function ensureRunDirectories(context: Pick<EngineContext, 'paths' | 'runtimes'>): void {
  const { paths } = context;
  for (const directory of [paths.runRoot, paths.exits, paths.bundles, paths.execs, paths.mapped]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
  for (const runtime of context.runtimes.values()) {
    mkdirSync(runtime.stateRoot, { recursive: true, mode: 0o700 });
  }
  if (!statSync(paths.runRoot).isDirectory()) {
    throw new SwarmError('failed_precondition', `${paths.runRoot} is not a directory`);
  }
}
