import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { SwarmError } from '@skep/kernel';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './engine-context.ts';
import type { EnginePaths } from './engine-paths.ts';
import { mount, unmount } from './runtime/system-calls.ts';

/** mount(2) takes one page of options. */
const OPTION_BYTES_MAX = 4000;
/** Layers are whole copies of changed files here, which `diff`, `commit` and other hosts rely on. */
const OVERLAY_OPTIONS = 'redirect_dir=off,metacopy=off,index=off';

interface Overlay {
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
}

/**
 * Mounts a container's root file system and answers its path. Mounted already is fine. With a map of owners the layers
 * lie below it as the container is to see them: they are mounted mapped for a moment, and the overlay keeps what it was
 * given. Its own directory has the owners of the host.
 */
export function mountRootfs(
  { paths, userNamespaces }: Pick<EngineContext, 'paths' | 'userNamespaces'>,
  record: ContainerRecord,
): string {
  const { root, upper, work, merged, mapped } = paths.container(record.id);
  if (isMounted(merged)) {
    return merged;
  }
  let lower = record.lower;
  if (lower.length === 0) {
    const empty = join(root, 'empty');
    mkdirSync(empty, { recursive: true });
    lower = [empty];
  }
  if (record.idMap === undefined) {
    mountOverlay({ lower, upper, work, merged });
    return merged;
  }
  // A mapped directory on the way must have owners that the map knows: the directories above these two need not.
  const trees = [...new Set(lower.map((path) => (path === paths.initLayer ? path : dirname(path))))];
  userNamespaces.mounted(record.idMap, { sources: trees, target: mapped }, (targets) => {
    const below = lower.map((path) => {
      const index = trees.findIndex((tree) => path === tree || dirname(path) === tree);
      return join(targets[index] ?? '', relative(trees[index] ?? '', path));
    });
    mountOverlay({ lower: below, upper, work, merged });
  });
  return merged;
}

function mountOverlay(overlay: Overlay): void {
  const { lower, upper, work, merged } = overlay;
  const data = `lowerdir=${lower.join(':')},upperdir=${upper},workdir=${work},${OVERLAY_OPTIONS}`;
  if (data.length <= OPTION_BYTES_MAX) {
    mount({ source: 'overlay', target: merged, type: 'overlay', data });
  } else {
    mountManyLayers(overlay);
  }
}

/** Layers are siblings: seen from their common directory their paths are short. */
function mountManyLayers(overlay: Overlay): void {
  const directory = dirname(overlay.lower.at(-1) ?? '/');
  const names = overlay.lower.map((path) => relative(directory, path)).join(':');
  const options = `lowerdir=${names},upperdir=${overlay.upper},workdir=${overlay.work},${OVERLAY_OPTIONS}`;
  const made = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, overlay.merged], {
    cwd: directory,
    encoding: 'utf8',
  });
  if (made.status !== 0) {
    throw new SwarmError(
      'internal',
      `mounting an image of ${String(overlay.lower.length)} layers failed: ${made.stderr.trim()}`,
    );
  }
}

/** Unmounts a container's root file system. Idempotent. */
export function unmountRootfs(paths: EnginePaths, containerId: string): void {
  unmount(paths.container(containerId).merged);
}

/** Whether something is mounted on a directory. */
export function isMounted(directory: string): boolean {
  const own = statSync(directory, { throwIfNoEntry: false });
  const parent = statSync(dirname(directory), { throwIfNoEntry: false });
  return own !== undefined && parent !== undefined && own.dev !== parent.dev;
}
