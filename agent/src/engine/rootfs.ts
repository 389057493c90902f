import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { SwarmError } from '@skep/kernel';
import type { ContainerRecord } from './container-record.ts';
import type { EnginePaths } from './engine-paths.ts';
import { mount, unmount } from './runtime/system-calls.ts';

/** mount(2) takes one page of options. */
const OPTION_BYTES_MAX = 4000;
/** Layers are whole copies of changed files here, which `diff`, `commit` and other hosts rely on. */
const OVERLAY_OPTIONS = 'redirect_dir=off,metacopy=off,index=off';

/** Mounts a container's root file system and answers its path. Mounted already is fine. */
export function mountRootfs(paths: EnginePaths, record: ContainerRecord): string {
  const { root, upper, work, merged } = paths.container(record.id);
  if (isMounted(merged)) {
    return merged;
  }
  let lower = record.lower;
  if (lower.length === 0) {
    const empty = join(root, 'empty');
    mkdirSync(empty, { recursive: true });
    lower = [empty];
  }
  const data = `lowerdir=${lower.join(':')},upperdir=${upper},workdir=${work},${OVERLAY_OPTIONS}`;
  if (data.length <= OPTION_BYTES_MAX) {
    mount({ source: 'overlay', target: merged, type: 'overlay', data });
    return merged;
  }
  mountManyLayers({ lower, upper, work, merged });
  return merged;
}

/** Layers are siblings: seen from their common directory their paths are short. */
function mountManyLayers(overlay: {
  lower: readonly string[];
  upper: string;
  work: string;
  merged: string;
}): void {
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
