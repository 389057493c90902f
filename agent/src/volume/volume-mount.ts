import { lookup } from 'node:dns/promises';
import { readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';
import { SwarmError, errorMessage, isSwarmError } from '@skep/kernel';
import { limitConcurrency } from '../engine/limit-concurrency.ts';
import { mountInBackground, unmount } from '../engine/runtime/system-calls.ts';
import { mountErrorText, planMount, serverName, type VolumeOptions } from './mount-options.ts';

/** Mounts that wait for a dead server may not take all threads of this process. */
const inTurn = limitConcurrency(2);

/** Mounts what a volume's options say on its directory. @throws SwarmError `internal`, in Docker's words. */
export async function mountVolume(options: VolumeOptions, target: string): Promise<void> {
  const wrap = (text: string, cause: unknown): SwarmError =>
    new SwarmError('internal', `error while mounting volume '${target}': ${text}`, { cause });
  const name = serverName(options);
  let address: string | undefined;
  try {
    address = name === undefined ? undefined : (await lookup(name)).address;
  } catch (error: unknown) {
    throw wrap(
      `failed to mount local volume: error resolving passed in network volume address: ${errorMessage(error)}`,
      error,
    );
  }
  let isMounted = false;
  for (const step of planMount(options, address)) {
    try {
      await inTurn(() => mountInBackground({ ...step, target }));
      isMounted = true;
    } catch (error: unknown) {
      if (isMounted) {
        unmount(target);
      }
      throw wrap(mountErrorText(step, target, reasonOf(error)), error);
    }
  }
}

/** The kernel's reason as mount(8) would print it. */
function reasonOf(error: unknown): string {
  const code = isSwarmError(error) ? error.details['errno'] : undefined;
  const errno = Object.entries(constants.errno).find(([key]) => key === code)?.[1];
  return errno === undefined ? errorMessage(error) : getSystemErrorMessage(-errno);
}

/**
 * Whether something is mounted on a directory. A bind mount of the same file system has the same device number, so
 * only the list of mounts tells.
 */
export function isMountPoint(path: string): boolean {
  return mountPoints(readFileSync('/proc/self/mountinfo', 'utf8')).has(realpathSync(path));
}

/** Where something is mounted, from the text of /proc/<pid>/mountinfo (proc(5)). */
export function mountPoints(mountinfo: string): ReadonlySet<string> {
  return new Set(
    mountinfo
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((path) => path !== '')
      // Blanks and backslashes are written as octal numbers.
      .map((path) =>
        path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
          String.fromCharCode(Number.parseInt(octal, 8)),
        ),
      ),
  );
}
