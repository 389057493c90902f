import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FilesystemChange } from './container-api.ts';

const CHANGES_MAX = 200_000;

/** Files that the engine mounts into each container; the runtime makes empty ones in the upper layer to mount on. */
const ENGINE_FILES: readonly string[] = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];

/** Paths that are in an upper layer only because something was mounted there. */
export function mountPointPaths(mountTargets: readonly string[]): readonly string[] {
  return [...ENGINE_FILES, ...mountTargets];
}

/**
 * What a container has changed against its image: a walk over the upper layer, with the lower ones to compare. Empty
 * mount points are no changes, nor is a directory that was copied up for nothing else.
 */
export async function listChanges(
  upper: string,
  lower: readonly string[],
  mountTargets: readonly string[],
): Promise<FilesystemChange[]> {
  const changes: FilesystemChange[] = [];
  const ignored = new Set(mountPointPaths(mountTargets));
  const walk = async (relative: string): Promise<void> => {
    const entries = (await readdir(join(upper, relative), { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    for (const entry of entries) {
      const path = `${relative}/${entry.name}`;
      if (changes.length >= CHANGES_MAX) {
        return;
      }
      if (ignored.has(path) && (await isEmpty(join(upper, path)))) {
        continue;
      }
      const isBelow = await existsBelow(lower, path);
      if (entry.isCharacterDevice() && (await lstat(join(upper, path))).rdev === 0) {
        if (isBelow) {
          changes.push({ path, kind: 'deleted' });
        }
        continue;
      }
      const index = changes.length;
      changes.push({ path, kind: isBelow ? 'modified' : 'added' });
      if (entry.isDirectory()) {
        await walk(path);
        const holdsMountPoints = [...ignored].some((target) => target.startsWith(`${path}/`));
        if (changes.length === index + 1 && holdsMountPoints) {
          changes.pop();
        }
      }
    }
  };
  await walk('');
  return changes;
}

async function isEmpty(path: string): Promise<boolean> {
  const stats = await lstat(path);
  return stats.isDirectory() ? (await readdir(path)).length === 0 : stats.isFile() && stats.size === 0;
}

/** Whether layers, uppermost first, together have something at a path; a whiteout hides what is below it. */
export async function existsBelow(lower: readonly string[], path: string): Promise<boolean> {
  for (const layer of lower) {
    const stats = await lstat(join(layer, path)).catch(() => undefined);
    if (stats !== undefined) {
      return !(stats.isCharacterDevice() && stats.rdev === 0);
    }
  }
  return false;
}
