import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const CACHE = '/var/tmp/skep-tools';
const PROGRAM = join(CACHE, 'docker-20.10', 'usr', 'bin', 'docker');

/**
 * The path of Debian's docker CLI 20.10, or undefined where it cannot be had. The package is unpacked and not installed:
 * it would start a daemon of its own.
 */
export function findDocker2010(): string | undefined {
  if (!existsSync(PROGRAM)) {
    fetchPackage();
  }
  const version = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' });
  return version.status === 0 && version.stdout.includes(' 20.10.') ? PROGRAM : undefined;
}

/** Unpacks beside and renames, so that a broken transfer leaves no half of a package. */
function fetchPackage(): void {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'fetch-'));
  try {
    spawnSync('apt-get', ['download', '-qq', 'docker.io'], { cwd: folder });
    const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (archive !== undefined && spawnSync('dpkg', ['-x', archive, 'tree'], { cwd: folder }).status === 0) {
      renameSync(join(folder, 'tree'), join(CACHE, 'docker-20.10'));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
