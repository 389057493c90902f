import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runLong } from './command.ts';
import { guestScript } from './guest-script.ts';
import { RUN_SCRIPT } from './image-recipe.ts';
import { foldersNeededBy, type LockedPackage } from './project-files.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The agent with all it stands on, what runs its tests, and the pinned Node itself. */
const PACKAGES: readonly string[] = ['agent', 'node_modules/vitest', 'node_modules/vite'];
const SINGLE_FILES: readonly string[] = [
  'package.json',
  'tsconfig.base.json',
  'vitest.itest.config.ts',
  'node_modules/node/bin/node',
];
const TIMEOUT_MS = 5 * 60_000;
/** Raw disks have whole sectors. */
const SECTOR_BYTES = 512;

/**
 * Writes the project, as the tests need it, and the script that runs them to a disk: a tar archive that the machine
 * unpacks. Answers its path.
 */
export async function makeProjectDisk(work: {
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly tests: readonly string[];
}): Promise<string> {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const folders = foldersNeededBy(lock.packages, PACKAGES).filter((path) => existsSync(join(ROOT, path)));
  const added = join(work.scratch, 'added');
  mkdirSync(dirname(join(added, RUN_SCRIPT)), { recursive: true });
  writeFileSync(join(added, RUN_SCRIPT), guestScript(work.tests));
  const disk = join(work.scratch, 'project.img');
  const names = [...folders, ...SINGLE_FILES].join('\n');
  // Each file once: a package in another's node_modules is there by its own name too.
  await runLong({
    argv: ['tar', '-c', '-f', disk, '-C', ROOT, '--files-from=-', '-C', added, dirname(RUN_SCRIPT)],
    signal: work.signal,
    timeoutMs: TIMEOUT_MS,
    input: names,
  });
  truncateSync(disk, Math.ceil(statSync(disk).size / SECTOR_BYTES) * SECTOR_BYTES);
  return disk;
}
