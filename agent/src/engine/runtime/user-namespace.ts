import { closeSync, openSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { SwarmError, errorMessage } from '@skep/kernel';
import type { IdMap, IdRange } from '@skep/oci';
import { openPipe, reapLater, startProgram } from '../../process/posix-spawn.ts';

/** A user namespace, and the network namespace that it owns where one was asked for, kept by a program that waits. */
export interface HeldNamespaces {
  /** Can be given to setns(2) until the release. */
  readonly userPath: string;
  readonly networkPath: string;
  /** Ends the program: what nobody else uses is gone then. */
  readonly release: () => void;
}

/** A line for each range, as /proc/<pid>/uid_map wants them. */
export function renderIdMap(ranges: readonly IdRange[]): string {
  return ranges
    .map(({ containerId, hostId, size }) => `${String(containerId)} ${String(hostId)} ${String(size)}\n`)
    .join('');
}

/**
 * Makes a user namespace with a map. A process with several threads, as this one is, cannot move into a new one itself:
 * unshare(1) does, and waits until it is released or this process ends.
 * @throws SwarmError `failed_precondition` when the kernel makes none.
 */
export async function holdNamespaces(
  map: IdMap,
  options: { readonly withNetwork: boolean },
): Promise<HeldNamespaces> {
  const [input, output] = [openPipe(), openPipe()];
  const told = firstBytes(output.readEnd);
  let pid: number;
  try {
    pid = startProgram({
      command: 'unshare',
      args: ['--user', ...(options.withNetwork ? ['--net'] : []), '--', 'sh', '-c', 'echo made; exec cat'],
      environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      descriptors: new Map([
        [0, input.readEnd],
        [1, output.writeEnd],
        [2, output.writeEnd],
      ]),
    });
  } catch (error) {
    closeSync(input.writeEnd);
    throw error;
  } finally {
    closeSync(input.readEnd);
    closeSync(output.writeEnd);
  }
  const release = (): void => {
    closeSync(input.writeEnd);
    reapLater(pid);
  };
  try {
    const text = await told;
    if (text !== 'made') {
      throw new Error(text);
    }
    writeFileSync(`/proc/${String(pid)}/uid_map`, renderIdMap(map.uids));
    writeFileSync(`/proc/${String(pid)}/gid_map`, renderIdMap(map.gids));
  } catch (cause) {
    release();
    throw new SwarmError(
      'failed_precondition',
      `the kernel makes no user namespace (${errorMessage(cause)}): is the sysctl user.max_user_namespaces 0?`,
      { cause },
    );
  }
  const path = `/proc/${String(pid)}/ns`;
  return { userPath: `${path}/user`, networkPath: `${path}/net`, release };
}

/** Opens a user namespace that has a map and no process, for mounts that are to be mapped by it. */
export async function openMapNamespace(map: IdMap): Promise<number> {
  const held = await holdNamespaces(map, { withNetwork: false });
  try {
    return openSync(held.userPath, 'r');
  } finally {
    held.release();
  }
}

/** The first line that a program says, or all of it when it ends. */
function firstBytes(fd: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const pipe = new Socket({ fd, readable: true, writable: false });
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) {
        pipe.destroy();
      }
    });
    pipe.on('error', () => undefined);
    pipe.on('close', () => {
      resolve(text.trim());
    });
  });
}
