import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { SwarmError, errorMessage } from '@skep/kernel';
import { toHostId, type IdMap } from '@skep/oci';
import { mountMapped } from './runtime/mapped-mount.ts';
import { unmount } from './runtime/system-calls.ts';
import { openMapNamespace } from './runtime/user-namespace.ts';

/** Root of a container on the host. */
export interface HostRoot {
  readonly uid: number;
  readonly gid: number;
}

/** The user and group that a container's root is on the host: the host's own root without a map. */
export function hostRoot(map: IdMap | undefined): HostRoot {
  return map === undefined
    ? { uid: 0, gid: 0 }
    : { uid: toHostId(map.uids, 0) ?? 0, gid: toHostId(map.gids, 0) ?? 0 };
}

export interface UserNamespacesOptions {
  /** The map of new containers. */
  readonly remapping: IdMap | undefined;
  /** The maps of containers that are there. */
  readonly inUse: readonly IdMap[];
  /** Directories that the remapped root must be able to pass, with all above them. */
  readonly roots: readonly string[];
  /** The engine's own directories, that nobody but this root may pass. */
  readonly closed: readonly string[];
  /** A directory to try a mapped mount with. */
  readonly probe: { readonly source: string; readonly target: string };
}

/** The map that new containers get, and for each map in use the user namespace that mounts are mapped by. */
export class UserNamespaces {
  readonly #remapping: IdMap | undefined;
  /** Whose root may pass the engine's directories: one map at a time. */
  readonly #passing: IdMap | undefined;
  readonly #descriptors = new Map<string, number>();

  private constructor(remapping: IdMap | undefined, passing: IdMap | undefined) {
    this.#remapping = remapping;
    this.#passing = passing;
  }

  /**
   * Makes everything ready for containers with maps, and sees that they will work before the first one is started.
   * @throws SwarmError `failed_precondition` naming the flag, the reason and the remedy.
   */
  static async open(options: UserNamespacesOptions): Promise<UserNamespaces> {
    const { remapping, inUse } = options;
    const passing = remapping ?? inUse[0];
    const namespaces = new UserNamespaces(remapping, passing);
    for (const directory of options.closed) {
      letRootPass(directory, passing);
    }
    if (remapping !== undefined) {
      await checkRemapping(namespaces, remapping, options);
    }
    for (const map of inUse) {
      await namespaces.learn(map);
    }
    return namespaces;
  }

  /** Undefined: containers share the host's user namespace. */
  get remapping(): IdMap | undefined {
    return this.#remapping;
  }

  /**
   * Refuses a container of another map than the one whose root may pass.
   * @throws SwarmError `failed_precondition` with the remedy.
   */
  requirePassing(map: IdMap, containerName: string): void {
    if (keyOf(map) !== keyOf(this.#passing)) {
      throw new SwarmError(
        'failed_precondition',
        `the files of container ${containerName} have the owners of another --userns-remap: start swarmd with the ` +
          'one it was made with, or make the container anew',
      );
    }
  }

  /** Makes a map ready for {@link mounted}; cheap when it is known. */
  async learn(map: IdMap): Promise<void> {
    const key = keyOf(map);
    if (!this.#descriptors.has(key)) {
      const fd = await openMapNamespace(map);
      if (this.#descriptors.has(key)) {
        closeSync(fd);
      } else {
        this.#descriptors.set(key, fd);
      }
    }
  }

  /**
   * Runs `work` while directories are mounted with the owners of a learnt map: `work` is told where, in the same order.
   * Below `target` nothing is left.
   */
  mounted<T>(
    map: IdMap,
    at: { readonly sources: readonly string[]; readonly target: string },
    work: (targets: readonly string[]) => T,
  ): T {
    const userNamespaceFd = this.#descriptors.get(keyOf(map));
    if (userNamespaceFd === undefined) {
      throw new SwarmError('internal', 'a map of owners is used before it was learnt');
    }
    const targets = at.sources.map((_source, index) => join(at.target, String(index)));
    try {
      for (const [index, target] of targets.entries()) {
        mkdirSync(target, { recursive: true, mode: 0o700 });
        mountMapped({ source: at.sources[index] ?? '', target, userNamespaceFd });
      }
      return work(targets);
    } finally {
      removeMapped(at.target);
    }
  }

  close(): void {
    for (const fd of this.#descriptors.values()) {
      closeSync(fd);
    }
    this.#descriptors.clear();
  }
}

function keyOf(map: IdMap | undefined): string {
  return JSON.stringify(map ?? null);
}

async function checkRemapping(
  namespaces: UserNamespaces,
  map: IdMap,
  { roots, probe }: UserNamespacesOptions,
): Promise<void> {
  const closed = roots.flatMap(withParents).find((path) => !isPassable(path, hostRoot(map)));
  if (closed !== undefined) {
    const { uid } = hostRoot(map);
    throw new SwarmError(
      'failed_precondition',
      `--userns-remap: the remapped root (uid ${String(uid)}) cannot pass ${closed}: chmod o+x ${closed}`,
    );
  }
  try {
    await namespaces.learn(map);
    namespaces.mounted(map, { sources: [probe.source], target: probe.target }, () => undefined);
  } catch (error: unknown) {
    throw new SwarmError(
      'failed_precondition',
      `--userns-remap: ${errorMessage(error)}. It needs Linux 5.19 and a data root on ext4, xfs, btrfs or tmpfs: ` +
        'move the data root (--data-root), or start without the flag',
      { cause: error },
    );
  }
}

/** Lets the remapped root, and nobody else, through a directory that is otherwise closed. */
export function letRootPass(directory: string, map: IdMap | undefined): void {
  chownSync(directory, 0, hostRoot(map).gid);
  chmodSync(directory, map === undefined ? 0o700 : 0o710);
}

/** Removes what {@link UserNamespaces.mounted} made below a directory, also when it was cut off. */
export function removeMapped(target: string): void {
  for (const name of existsSync(target) ? readdirSync(target) : []) {
    unmount(join(target, name));
    rmdirSync(join(target, name));
  }
  // Never what a mount that would not go shows.
  if (existsSync(target)) {
    rmdirSync(target);
  }
}

function withParents(path: string): string[] {
  return path === '/' ? ['/'] : [...withParents(dirname(path)), path];
}

function isPassable(path: string, root: HostRoot): boolean {
  const { mode, uid, gid } = statSync(path);
  const bit = uid === root.uid ? 0o100 : gid === root.gid ? 0o010 : 0o001;
  return (mode & bit) !== 0;
}
