import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { isAlive, recordProcess } from '../lab/processes.ts';

/** Ignored by git; what is kept from run to run and what a run needs for itself. */
export const CACHE = fileURLToPath(new URL('../../.cache/vm', import.meta.url));

const OF_A_RUN = /^run-(\d+)-(\d+)$/;

/** The kept disk of a recipe. */
export function imageFolder(digest: string): string {
  return join(CACHE, `image-${digest}`);
}

/** A folder for this run alone; its name tells whose it is. */
export function makeRunFolder(): string {
  const { pid, startTicks } = recordProcess(process.pid);
  const folder = join(CACHE, `run-${String(pid)}-${startTicks}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Removes what killed runs left, and disks of other recipes than `digest`. */
export function removeStale(digest: string): void {
  for (const name of entries()) {
    const [, pid, startTicks = ''] = OF_A_RUN.exec(name) ?? [];
    const isOver = pid !== undefined && !isAlive({ pid: Number(pid), startTicks });
    const isOld = name.startsWith('image-') && name !== `image-${digest}`;
    if (isOver || isOld) {
      remove(name);
    }
  }
}

/** Removes everything but the folders of runs that are under way; answers how many those are. */
export function removeCache(): number {
  let kept = 0;
  for (const name of entries()) {
    const [, pid, startTicks = ''] = OF_A_RUN.exec(name) ?? [];
    if (pid !== undefined && isAlive({ pid: Number(pid), startTicks })) {
      kept += 1;
    } else {
      remove(name);
    }
  }
  if (kept === 0) {
    rmSync(CACHE, { recursive: true, force: true });
  }
  return kept;
}

function entries(): string[] {
  mkdirSync(CACHE, { recursive: true });
  return readdirSync(CACHE);
}

function remove(name: string): void {
  rmSync(join(CACHE, name), { recursive: true, force: true });
}
