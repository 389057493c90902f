import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where cgroup hierarchies are mounted: one for v2, one per controller for v1. */
function hierarchies(): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, path]) => path ?? '')
    .filter((path) => path !== '');
}

/** Removes an empty cgroup with everything below it in all hierarchies; groups that still hold processes stay. */
export function removeCgroup(group: string): void {
  for (const root of hierarchies()) {
    const path = join(root, group);
    if (existsSync(path)) {
      removeTree(path);
    }
  }
}

/** Paths of what is left of a cgroup. */
export function remainingCgroups(group: string): string[] {
  return hierarchies()
    .map((root) => join(root, group))
    .filter((path) => existsSync(path));
}

function removeTree(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      removeTree(join(path, entry.name));
    }
  }
  try {
    rmdirSync(path);
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code !== 'EBUSY' &&
      (error as NodeJS.ErrnoException).code !== 'ENOENT'
    ) {
      throw error;
    }
  }
}
