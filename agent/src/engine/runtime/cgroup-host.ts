import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '@skep/kernel';
import { MS_BIND, MS_PRIVATE, mount } from './system-calls.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';
const CGROUP2_MAGIC = 0x63677270;
const NSFS_MAGIC = 0x6e736673;
/** Inode of the first mount namespace: fixed since Linux 6.18, one of the first two numbers before. */
const INITIAL_MOUNT_NAMESPACES: readonly number[] = [0xeffffff8, 0xf0000000, 0xf0000001];
const REENTERED_VARIABLE = 'SKEP_MOUNT_NAMESPACE';

/** How this host's cgroups are set up. */
export interface CgroupHost {
  readonly version: 1 | 2;
  /** Controller -> directory of its hierarchy. In version 2 all are the same directory, under the key `unified`. */
  readonly hierarchies: Readonly<Record<string, string>>;
  /** A v2 hierarchy beside v1 that has controllers of its own: `crun` refuses to work with that. */
  readonly hasMixedControllers: boolean;
}

/** Looks at the mounted cgroup hierarchies. */
export function observeCgroups(): CgroupHost {
  if (statfsSync(CGROUP_ROOT).type === CGROUP2_MAGIC) {
    return { version: 2, hierarchies: { unified: CGROUP_ROOT }, hasMixedControllers: false };
  }
  const hierarchies: Record<string, string> = {};
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [type, , options = ''] = after.split(' ');
    const mountPoint = before.split(' ')[4];
    if (type === 'cgroup' && mountPoint !== undefined) {
      for (const controller of options.split(',')) {
        hierarchies[controller.replace(/^name=/, '')] = mountPoint;
      }
    }
  }
  return { version: 1, hierarchies, hasMixedControllers: mixedControllers() !== '' };
}

function mixedControllersPath(): string {
  return join(CGROUP_ROOT, 'unified', 'cgroup.controllers');
}

function mixedControllers(): string {
  const path = mixedControllersPath();
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
}

/**
 * Whether this process lives in another mount namespace than the one the machine booted with. Comparing with process 1
 * would not do: it may be the first process of a pid namespace, or hide its namespaces from us.
 */
export function hasPrivateMounts(): boolean {
  const inode = Number(/\d+/.exec(readlinkSync('/proc/self/ns/mnt'))?.[0]);
  return !INITIAL_MOUNT_NAMESPACES.includes(inode);
}

/**
 * Lets `crun` work on a v1 host whose v2 hierarchy still has controllers: in this process's own mount namespace an
 * empty file covers the list of those controllers, so that crun takes the host for a plain hybrid one. Nothing of the
 * host changes. False when the namespace is the host's own, where nothing may be covered: use `runc` then.
 */
export function makeCrunUsable(scratchDirectory: string): boolean {
  if (mixedControllers() === '') {
    return true;
  }
  if (!hasPrivateMounts()) {
    return false;
  }
  const empty = join(scratchDirectory, 'no-controllers');
  writeFileSync(empty, '');
  // Where the namespace came to be without `--make-private`, the cover would spread to the host.
  mount({ source: 'none', target: join(CGROUP_ROOT, 'unified'), type: 'none', flags: MS_PRIVATE });
  mount({ source: empty, target: mixedControllersPath(), type: 'none', flags: MS_BIND });
  return mixedControllers() === '';
}

/**
 * For programs' `main`: on hosts where {@link makeCrunUsable} needs it, replaces this process (same pid, same
 * arguments) by itself in a mount namespace that is kept under `runRoot`, so that the next start finds the same mounts.
 * Does nothing on other hosts and in a process that has its own namespace already. Must be called before anything else.
 */
export function enterPrivateMountNamespace(runRoot: string): void {
  const isNeeded = statfsSync(CGROUP_ROOT).type !== CGROUP2_MAGIC && mixedControllers() !== '';
  if (!isNeeded || hasPrivateMounts() || process.env[REENTERED_VARIABLE] !== undefined) {
    return;
  }
  const directory = join(runRoot, 'namespaces');
  const pin = join(directory, 'mount');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (!isNamespaceFile(pin)) {
    writeFileSync(pin, '');
    // A mount namespace can be kept only on a mount that is not shared with it.
    mount({ source: directory, target: directory, type: 'none', flags: MS_BIND });
    mount({ source: 'none', target: directory, type: 'none', flags: MS_PRIVATE });
    const made = spawnSync('unshare', [`--mount=${pin}`, '--propagation', 'slave', 'true'], {
      encoding: 'utf8',
    });
    if (made.status !== 0) {
      throw new SwarmError('internal', `cannot make a mount namespace: ${made.stderr.trim()}`);
    }
  }
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const environment = { ...process.env, [REENTERED_VARIABLE]: 'entered' };
  process.execve?.('/usr/bin/nsenter', ['nsenter', `--mount=${pin}`, ...program], environment);
}

function isNamespaceFile(path: string): boolean {
  return existsSync(path) && statfsSync(path).type === NSFS_MAGIC;
}

/** The directories of one cgroup in all hierarchies. */
export function cgroupDirectories(host: CgroupHost, cgroupsPath: string): readonly string[] {
  const roots = new Set(Object.values(host.hierarchies));
  if (host.version === 1) {
    roots.add(join(CGROUP_ROOT, 'unified'));
  }
  return [...roots].map((root) => join(root, cgroupsPath));
}

/** The directory of one cgroup for one controller (v1 name), or undefined when the host lacks it. */
export function cgroupDirectory(
  host: CgroupHost,
  controller: string,
  cgroupsPath: string,
): string | undefined {
  const root = host.version === 2 ? host.hierarchies['unified'] : host.hierarchies[controller];
  return root === undefined ? undefined : join(root, cgroupsPath);
}

/**
 * Ends the processes of a cgroup and of those below it, and removes them all. False when something is left for now: a
 * process that was ended a moment ago may still be counted.
 */
export function removeCgroups(host: CgroupHost, cgroupsPath: string): boolean {
  return cgroupDirectories(host, cgroupsPath)
    .map((directory) => removeCgroupTree(directory))
    .every((isGone) => isGone);
}

function removeCgroupTree(directory: string): boolean {
  if (!existsSync(directory)) {
    return true;
  }
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      removeCgroupTree(join(directory, entry.name));
    }
  }
  for (const pid of readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n')) {
    endProcess(Number(pid));
  }
  try {
    rmdirSync(directory);
    return true;
  } catch (error: unknown) {
    if (error instanceof Error && 'code' in error && (error.code === 'EBUSY' || error.code === 'ENOENT')) {
      return error.code === 'ENOENT';
    }
    throw error;
  }
}

function endProcess(pid: number): void {
  try {
    if (pid > 0) {
      process.kill(pid, 'SIGKILL');
    }
  } catch (error: unknown) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
      throw error;
    }
  }
}
