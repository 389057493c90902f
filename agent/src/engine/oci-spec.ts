import { fail, ok, type Result } from '@skep/kernel';
import type { IdMap, IdRange } from '@skep/oci';
import { chooseCapabilities } from './capabilities.ts';
import type { ContainerConfig, SecurityConfig } from './container-config.ts';
import type { EffectiveConfig } from './container-record.ts';
import { mergeEnvironment } from './effective-config.ts';
import { omitUndefined } from './omit-undefined.ts';
import { buildResources, buildRlimits, type GrantedDevice, type ThrottledDisk } from './oci-resources.ts';
import type { OciIdMapping, OciMount, OciProcess, OciSpec } from './oci-types.ts';
import { defaultSeccomp, type SeccompSection } from './seccomp-profile.ts';
import type { ResolvedUser } from './user-lookup.ts';

const SHM_BYTES_DEFAULT = 64 * 1024 * 1024;

/** Parts of /proc and /sys that a container does not see (Docker's default). */
export const MASKED_PATHS: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

/** Parts of /proc that a container cannot write (Docker's default). */
export const READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** Whose namespaces a container shares; a path can be given to setns(2). */
export type NamespaceChoice =
  { readonly kind: 'private' } | { readonly kind: 'host' } | { readonly kind: 'path'; readonly path: string };

/** Everything a runtime configuration is made of; nothing is looked up. */
export interface OciSpecInput {
  readonly config: ContainerConfig;
  readonly effective: EffectiveConfig;
  readonly containerId: string;
  readonly rootfsPath: string;
  readonly cgroupsPath: string;
  readonly user: ResolvedUser;
  readonly namespaces: {
    readonly network: NamespaceChoice;
    readonly pid: NamespaceChoice;
    readonly ipc: NamespaceChoice;
    readonly uts: NamespaceChoice;
    readonly cgroup: NamespaceChoice;
    readonly user: NamespaceChoice;
  };
  /** The map of the user namespace; absent in the host's. */
  readonly idMap?: IdMap;
  /** Bind mounts of volumes, host paths, files of the engine; in the order they are to be made. */
  readonly binds: readonly OciMount[];
  /** Host directory to be /dev/shm, or null for a tmpfs of the container's own. */
  readonly shmSource: string | null;
  readonly devices: readonly GrantedDevice[];
  readonly disks: readonly ThrottledDisk[];
  /** Path inside the container of the init program, or null. */
  readonly initPath: string | null;
  readonly availableCapabilities: readonly string[];
  /** Go's name: `amd64`. */
  readonly architecture: string;
  readonly cgroupVersion: 1 | 2;
  readonly seccompIsAvailable: boolean;
}

/** Makes the `config.json` of one container: a pure function of its input, in Docker's defaults. */
export function buildOciSpec(input: OciSpecInput): Result<OciSpec> {
  const { config, effective, namespaces } = input;
  const security = parseSecurityOptions(config.security ?? {});
  if (!security.ok) {
    return security;
  }
  const isPrivileged = config.security?.privileged ?? false;
  const process = buildProcess(input, security.value);
  const resources = buildResources({
    resources: config.resources ?? {},
    isPrivileged,
    devices: input.devices,
    disks: input.disks,
  });
  if (!process.ok) {
    return process;
  }
  if (!resources.ok) {
    return resources;
  }
  const seccomp = chooseSeccomp(input, security.value, process.value.capabilities?.bounding ?? []);
  return ok(
    omitUndefined<OciSpec>({
      ociVersion: '1.0.2',
      hostname: namespaces.uts.kind === 'host' ? undefined : effective.hostname,
      root: { path: input.rootfsPath, readonly: config.readOnlyRootfs ?? false },
      process: process.value,
      mounts: buildMounts(input),
      annotations: config.annotations,
      linux: omitUndefined<OciSpec['linux']>({
        cgroupsPath: input.cgroupsPath,
        namespaces: namespaceList(input),
        ...idMappings(input.idMap),
        resources: resources.value,
        sysctl: sysctls(input),
        devices: input.devices.length === 0 ? undefined : input.devices.map(({ device }) => device),
        seccomp,
        ...hiddenPaths(config.security ?? {}, isPrivileged || security.value.systemPathsAreOpen),
      }),
    }),
  );
}

function idMappings(map: IdMap | undefined): Pick<OciSpec['linux'], 'uidMappings' | 'gidMappings'> {
  const render = (ranges: readonly IdRange[]): OciIdMapping[] =>
    ranges.map(({ containerId, hostId, size }) => ({ containerID: containerId, hostID: hostId, size }));
  return map === undefined ? {} : { uidMappings: render(map.uids), gidMappings: render(map.gids) };
}

function hiddenPaths(
  security: SecurityConfig,
  isOpen: boolean,
): Pick<OciSpec['linux'], 'maskedPaths' | 'readonlyPaths'> {
  return isOpen
    ? {}
    : {
        maskedPaths: security.maskedPaths ?? MASKED_PATHS,
        readonlyPaths: security.readonlyPaths ?? READONLY_PATHS,
      };
}

/** What `--security-opt` can say. */
export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  readonly systemPathsAreOpen: boolean;
  readonly seccomp: 'default' | 'unconfined' | SeccompSection;
}

/** Parses `--security-opt` values; options of kernels that are not there (AppArmor, SELinux) are accepted and void. */
export function parseSecurityOptions(config: SecurityConfig): Result<SecurityOptions> {
  let noNewPrivileges = false;
  let systemPathsAreOpen = false;
  let seccomp: SecurityOptions['seccomp'] = 'default';
  for (const option of config.options ?? []) {
    const split = option.search(/[=:]/);
    const key = split === -1 ? option : option.slice(0, split);
    const value = split === -1 ? '' : option.slice(split + 1);
    if (key === 'no-new-privileges' && ['', 'true', 'false'].includes(value)) {
      noNewPrivileges = value !== 'false';
    } else if (key === 'systempaths' && value === 'unconfined') {
      systemPathsAreOpen = true;
    } else if (key === 'seccomp') {
      const parsed = parseSeccomp(value);
      if (!parsed.ok) {
        return parsed;
      }
      seccomp = parsed.value;
    } else if (key !== 'apparmor' && key !== 'label' && key !== 'writable-cgroups') {
      return fail('invalid_argument', `invalid --security-opt: ${JSON.stringify(option.slice(0, 60))}`);
    }
  }
  return ok({ noNewPrivileges, systemPathsAreOpen, seccomp });
}

function parseSeccomp(value: string): Result<SecurityOptions['seccomp']> {
  if (value === 'unconfined') {
    return ok('unconfined');
  }
  if (value === '' || value === 'builtin') {
    return ok('default');
  }
  let profile: unknown;
  try {
    profile = JSON.parse(value);
  } catch (cause) {
    return fail('invalid_argument', 'opening seccomp profile failed: the profile is not JSON', { cause });
  }
  if (typeof profile !== 'object' || profile === null || !('defaultAction' in profile)) {
    return fail('invalid_argument', 'the seccomp profile has no defaultAction');
  }
  const section = profile as Partial<SeccompSection> & {
    defaultAction: string;
    archMap?: { architecture: string; subArchitectures?: string[] }[];
  };
  // Docker's own profile files name architectures as a map.
  const mapped = (section.archMap ?? []).flatMap((entry) => [
    entry.architecture,
    ...(entry.subArchitectures ?? []),
  ]);
  return ok({
    defaultAction: section.defaultAction,
    ...(section.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: section.defaultErrnoRet }),
    architectures: section.architectures ?? mapped,
    syscalls: section.syscalls ?? [],
  });
}

function chooseSeccomp(
  input: OciSpecInput,
  security: SecurityOptions,
  capabilities: readonly string[],
): SeccompSection | undefined {
  const isPrivileged = input.config.security?.privileged ?? false;
  if (!input.seccompIsAvailable || security.seccomp === 'unconfined') {
    return undefined;
  }
  if (security.seccomp !== 'default') {
    return security.seccomp;
  }
  return isPrivileged ? undefined : defaultSeccomp(input.architecture, capabilities);
}

function buildProcess(input: OciSpecInput, security: SecurityOptions): Result<OciProcess> {
  const { config, effective, user } = input;
  const wishes: SecurityConfig = config.security ?? {};
  const capabilities = chooseCapabilities({
    add: wishes.capAdd ?? [],
    drop: wishes.capDrop ?? [],
    isPrivileged: wishes.privileged ?? false,
    available: input.availableCapabilities,
  });
  if (!capabilities.ok) {
    return capabilities;
  }
  const limits = config.resources ?? {};
  const rlimits = buildRlimits(limits.ulimits ?? []);
  if (!rlimits.ok) {
    return rlimits;
  }
  const command = [...effective.entrypoint, ...effective.cmd];
  if (command.length === 0) {
    return fail('invalid_argument', 'no command specified');
  }
  const terminal = config.tty ?? false;
  return ok(
    omitUndefined<OciProcess>({
      terminal,
      user: processUser(user),
      args: input.initPath === null ? command : [input.initPath, '--', ...command],
      env: processEnvironment(effective.env, {
        hostname: effective.hostname,
        home: user.home,
        tty: terminal,
      }),
      cwd: effective.workingDir === '' ? '/' : effective.workingDir,
      capabilities: {
        bounding: capabilities.value,
        effective: capabilities.value,
        permitted: capabilities.value,
      },
      rlimits: rlimits.value.length === 0 ? undefined : rlimits.value,
      noNewPrivileges: security.noNewPrivileges,
      oomScoreAdj: limits.oomScoreAdj === 0 ? undefined : limits.oomScoreAdj,
    }),
  );
}

/** A user as the runtime wants it. */
export function processUser(user: ResolvedUser): OciProcess['user'] {
  const { uid, gid } = user;
  // The group itself is among the additional ones, as in Docker: no program can drop it to pass a "deny" of the group.
  return { uid, gid, additionalGids: [...new Set([gid, ...user.additionalGids])] };
}

/** PATH, HOSTNAME, HOME and TERM as Docker sets them, under what the image and the user say. */
export function processEnvironment(
  env: readonly string[],
  facts: { readonly hostname: string; readonly home: string; readonly tty: boolean },
): readonly string[] {
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const own = [path, `HOSTNAME=${facts.hostname}`, ...(facts.tty ? ['TERM=xterm'] : [])];
  const merged = mergeEnvironment(own, env);
  return merged.some((entry) => entry.startsWith('HOME=')) ? merged : [...merged, `HOME=${facts.home}`];
}

function buildMounts(input: OciSpecInput): OciMount[] {
  const { config } = input;
  const isPrivileged = config.security?.privileged ?? false;
  const writability = isPrivileged ? 'rw' : 'ro';
  const shmBytes = config.resources?.shmBytes ?? SHM_BYTES_DEFAULT;
  const sharesHostPid = input.namespaces.pid.kind === 'host';
  // Only the user namespace that an IPC namespace belongs to can mount its queues, which work without.
  const hasQueues = input.idMap === undefined || input.namespaces.ipc.kind !== 'host';
  const defaults: OciMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    {
      destination: '/sys',
      type: 'sysfs',
      source: 'sysfs',
      options: ['nosuid', 'noexec', 'nodev', writability],
    },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', writability],
    },
    ...(hasQueues ? [QUEUES] : []),
    ...(config.namespaces?.ipc === 'none' ? [] : [shmMount(input.shmSource, shmBytes)]),
  ];
  const own = [...input.binds, ...tmpfsMounts(config)];
  const taken = new Set(own.map((mount) => mount.destination));
  return [
    ...defaults.filter((mount) => !taken.has(mount.destination) || mount.destination === '/proc'),
    // Shallow targets first, so that none hides another.
    ...own
      .filter((mount) => mount.destination !== '/proc' || sharesHostPid)
      .sort((a, b) => depth(a.destination) - depth(b.destination)),
  ];
}

const QUEUES: OciMount = {
  destination: '/dev/mqueue',
  type: 'mqueue',
  source: 'mqueue',
  options: ['nosuid', 'noexec', 'nodev'],
};

function shmMount(source: string | null, bytes: number): OciMount {
  return source === null
    ? {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${String(bytes)}`],
      }
    : { destination: '/dev/shm', type: 'bind', source, options: ['rbind', 'rprivate'] };
}

function depth(path: string): number {
  return path.split('/').filter((part) => part !== '').length;
}

function tmpfsMounts(config: ContainerConfig): OciMount[] {
  return (config.mounts ?? []).flatMap((mount) => {
    if (mount.type !== 'tmpfs') {
      return [];
    }
    const options = new Set(['nosuid', 'nodev', 'noexec']);
    for (const option of mount.options ?? []) {
      const opposite = option.startsWith('no') ? option.slice(2) : `no${option}`;
      options.delete(opposite);
      options.add(option);
    }
    if (mount.sizeBytes !== undefined && mount.sizeBytes > 0) {
      options.add(`size=${String(mount.sizeBytes)}`);
    }
    if (mount.mode !== undefined) {
      options.add(`mode=${mount.mode.toString(8)}`);
    }
    options.add(mount.readOnly === true ? 'ro' : 'rw');
    return [{ destination: mount.target, type: 'tmpfs', source: 'tmpfs', options: [...options] }];
  });
}

function namespaceList(input: OciSpecInput): { type: string; path?: string }[] {
  const { network, pid, ipc, uts, cgroup, user } = input.namespaces;
  const choices: readonly (readonly [string, NamespaceChoice])[] = [
    ['mount', { kind: 'private' }],
    ['network', network],
    ['pid', pid],
    ['ipc', ipc],
    ['uts', uts],
    ['cgroup', cgroup],
    ['user', user],
  ];
  return choices.flatMap(([type, choice]) =>
    choice.kind === 'host' ? [] : [choice.kind === 'path' ? { type, path: choice.path } : { type }],
  );
}

/** Unprivileged users may ping and listen on low ports inside their own network, as with Docker. */
function sysctls(input: OciSpecInput): Readonly<Record<string, string>> | undefined {
  const own = input.config.network?.sysctls ?? {};
  if (input.namespaces.network.kind === 'host') {
    return Object.keys(own).length === 0 ? undefined : own;
  }
  // Groups outside of the first range do not follow it on the host, and the kernel wants one range there.
  const lastGroup = input.idMap === undefined ? 2_147_483_647 : (input.idMap.gids[0]?.size ?? 1) - 1;
  const pingers = `0 ${String(lastGroup)}`;
  return { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': pingers, ...own };
}
