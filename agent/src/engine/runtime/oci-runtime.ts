import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs';
import { readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '@skep/kernel';
import { isErrno } from '@skep/oci';
import { cgroupDirectory, type CgroupHost } from './cgroup-host.ts';
import { cleanRuntimeMessage, type OciRuntime } from './conmon.ts';

const COMMAND_TIMEOUT_MS = 30_000;
const ERROR_BYTES_MAX = 16 * 1024;
const FREEZE_DEADLINE_MS = 10_000;
const FREEZE_POLL_MS = 5;
const REFREEZE_POLLS = 10;

/** Runs one command of the OCI runtime to its end; the runtime's message is the error's. */
export function runRuntime(runtime: OciRuntime, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(runtime.path, ['--root', runtime.stateRoot, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: COMMAND_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-ERROR_BYTES_MAX);
    });
    child.once('error', (cause) => {
      reject(
        new SwarmError('failed_precondition', `cannot run ${runtime.path}: is ${runtime.name} installed?`, {
          cause,
        }),
      );
    });
    child.once('close', (code) => {
      if (code === 0) {
        resolve();
      } else {
        const reason = cleanRuntimeMessage(complaint);
        reject(
          new SwarmError(
            'failed_precondition',
            reason === '' ? `${runtime.name} ${args[0] ?? ''} failed` : reason,
          ),
        );
      }
    });
  });
}

/**
 * Lets a created container's process go. `crun start` would only write one byte to the fifo at which that process
 * waits; doing it here saves a program start for each container. Other runtimes are asked.
 */
export async function startContainer(runtime: OciRuntime, containerId: string): Promise<void> {
  if (runtime.name !== 'crun' || !openGate(join(runtime.stateRoot, containerId, 'exec.fifo'))) {
    await runRuntime(runtime, ['start', containerId]);
  }
}

/** False when nobody waits at the fifo. Its removal is what tells crun that the container has been started. */
function openGate(fifo: string): boolean {
  let fd: number;
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error: unknown) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENXIO')) {
      return false;
    }
    throw error;
  }
  try {
    unlinkSync(fifo);
    return writeSync(fd, '\0') === 1;
  } finally {
    closeSync(fd);
  }
}

/**
 * Removes the cgroup and the runtime's state of a container whose processes have all ended, without a program start.
 * False when something is still there: then the runtime has to do it.
 */
export async function removeEndedContainer(
  runtime: OciRuntime,
  containerId: string,
  cgroups: readonly string[],
): Promise<boolean> {
  for (const directory of cgroups) {
    try {
      await rmdir(directory);
    } catch (error: unknown) {
      if (isErrno(error, 'EBUSY') || isErrno(error, 'ENOTEMPTY')) {
        return false;
      }
      if (!isErrno(error, 'ENOENT')) {
        throw error;
      }
    }
  }
  await rm(join(runtime.stateRoot, containerId), { recursive: true, force: true });
  return true;
}

/** Kills what is left of a container and removes the runtime's state and the cgroup. Nothing there is no error. */
export function deleteContainer(runtime: OciRuntime, containerId: string): Promise<void> {
  return runRuntime(runtime, ['delete', '--force', containerId]);
}

/** Applies new limits to a running container. `resources` is a section of the OCI runtime configuration. */
export async function updateContainer(
  runtime: OciRuntime,
  containerId: string,
  resources: { readonly path: string; readonly content: string },
): Promise<void> {
  await writeFile(resources.path, resources.content, { mode: 0o600 });
  await runRuntime(runtime, ['update', '--resources', resources.path, containerId]);
}

/**
 * Freezes or thaws a cgroup and waits until the kernel has done so. One that is gone is thawed: version 2 lets SIGKILL end
 * what is frozen, and whoever thaws it after that may find its cgroup removed already. What cannot be frozen in time goes on as it was: half
 * frozen it could not even be killed.
 */
export async function setFrozen(
  host: CgroupHost,
  cgroupsPath: string,
  isFrozen: boolean,
  deadlineMs: number = FREEZE_DEADLINE_MS,
): Promise<void> {
  const directory = cgroupDirectory(host, 'freezer', cgroupsPath);
  if (directory === undefined) {
    throw new SwarmError(
      'failed_precondition',
      'this host has no freezer cgroup: containers cannot be paused',
    );
  }
  const file = join(directory, host.version === 2 ? 'cgroup.freeze' : 'freezer.state');
  const [thawed, frozen] = host.version === 2 ? ['0', '1'] : ['THAWED', 'FROZEN'];
  const wanted = isFrozen ? frozen : thawed;
  const deadline = Date.now() + deadlineMs;
  for (let poll = 1; ; poll += 1) {
    if (await setAndRead(host, { directory, file, wanted, mayBeGone: !isFrozen })) {
      return;
    }
    if (Date.now() > deadline) {
      await writeFile(file, thawed);
      throw new SwarmError(
        'deadline_exceeded',
        `the kernel did not ${isFrozen ? 'freeze' : 'thaw'} the container`,
      );
    }
    if (host.version === 1 && isFrozen && poll % REFREEZE_POLLS === 0) {
      // A program of several threads that is just being replaced by another (execve) waits for its threads to end, and
      // those that are frozen already cannot: version 1 needs to let them.
      await writeFile(file, thawed);
    }
    await delay(FREEZE_POLL_MS);
  }
}

async function setAndRead(
  host: CgroupHost,
  group: {
    readonly directory: string;
    readonly file: string;
    readonly wanted: string;
    readonly mayBeGone: boolean;
  },
): Promise<boolean> {
  try {
    await writeFile(group.file, group.wanted);
    return await hasState(host, group.directory, group.wanted);
  } catch (error: unknown) {
    // ENODEV: it went while the file was open.
    if (group.mayBeGone && (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV'))) {
      return true;
    }
    throw error;
  }
}

async function hasState(host: CgroupHost, directory: string, wanted: string): Promise<boolean> {
  if (host.version === 1) {
    return (await readFile(join(directory, 'freezer.state'), 'utf8')).trim() === wanted;
  }
  const events = await readFile(join(directory, 'cgroup.events'), 'utf8');
  return new RegExp(`^frozen ${wanted}$`, 'm').test(events);
}

/** Start time of a process in clock ticks since boot (field 22 of /proc/<pid>/stat), or undefined when it is gone. */
export async function processStartTicks(pid: number): Promise<number | undefined> {
  try {
    const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended: nothing can be sent to it.
    return fields[0] === 'Z' ? undefined : Number(fields[19]);
  } catch (error: unknown) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) {
      return undefined;
    }
    throw error;
  }
}
