import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { INVARIANT_EXIT_CODE, SwarmError, errorMessage } from '@skep/kernel';

import { bindMount, bringUp, detachMount, joinNetwork, unshareNetwork } from './libc.ts';

/**
 * Network namespaces as files below the run root: each is a bind mount that keeps its namespace alive without a
 * process. Entering one moves only the calling thread, and every method here is synchronous: no other code of this
 * process ever runs while the thread is away. Making one takes about half a millisecond; the slow part of removal
 * (waiting for all readers of the kernel's device lists) happens in the kernel's own background.
 */
export class NetnsDirectory {
  readonly #directory: string;
  readonly #home: number;

  /** @param directory where the files go; made when it is missing. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    this.#home = openSync('/proc/thread-self/ns/net', 'r');
  }

  pathOf(name: string): string {
    return join(this.#directory, name);
  }

  /**
   * Makes a namespace with its loopback up, runs `inside` in it, and keeps it as the file `name`. With `existingPath`
   * it takes that one: a namespace belongs to the user namespace it was made in. On failure nothing stays.
   */
  create<T>(name: string, inside: () => T, existingPath?: string): T {
    const path = this.pathOf(name);
    writeFileSync(path, '', { flag: 'a', mode: 0o444 });
    const existing = existingPath === undefined ? undefined : openSync(existingPath, 'r');
    try {
      return this.#away(() => {
        if (existing === undefined) {
          unshareNetwork();
        } else {
          joinNetwork(existing);
        }
        bindMount('/proc/thread-self/ns/net', path);
        bringUp('lo');
        return inside();
      });
    } catch (error) {
      this.remove(name);
      throw error;
    } finally {
      if (existing !== undefined) {
        closeSync(existing);
      }
    }
  }

  /** Runs `inside` in the namespace `name`. @throws SwarmError `not_found` when it is not there. */
  enter<T>(name: string, inside: () => T): T {
    let fd: number;
    try {
      fd = openSync(this.pathOf(name), 'r');
    } catch (error) {
      throw new SwarmError('not_found', `network namespace ${name} is not there`, { cause: error });
    }
    try {
      return this.#away(() => {
        joinNetwork(fd);
        return inside();
      });
    } finally {
      closeSync(fd);
    }
  }

  /** Whether `name` is a live namespace, not a plain file that a reboot or a crash left. */
  isAlive(name: string): boolean {
    try {
      return statSync(this.pathOf(name)).dev !== statSync(this.#directory).dev;
    } catch {
      return false;
    }
  }

  /** Lets go of a namespace; the kernel ends it when no process uses it. Idempotent. */
  remove(name: string): void {
    const path = this.pathOf(name);
    // Several mounts may lie on one file after a crash between mount and record.
    for (let depth = 0; depth < 4 && this.isAlive(name); depth += 1) {
      detachMount(path);
    }
    try {
      unlinkSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw new SwarmError('unavailable', `${path} cannot be removed (${errorMessage(error)})`, {
          cause: error,
        });
      }
    }
  }

  /** Removes all namespaces and the directory. */
  removeAll(): void {
    for (const name of this.list()) {
      this.remove(name);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  list(): string[] {
    return existsSync(this.#directory) ? readdirSync(this.#directory).sort() : [];
  }

  close(): void {
    closeSync(this.#home);
  }

  #away<T>(work: () => T): T {
    try {
      return work();
    } finally {
      this.#returnHome();
    }
  }

  /** Without the way home this process would act on a container's network from here on: no caller may go on. */
  #returnHome(): void {
    try {
      joinNetwork(this.#home);
    } catch (error) {
      process.stderr.write(`network namespace of the host cannot be joined again: ${errorMessage(error)}\n`);
      process.exit(INVARIANT_EXIT_CODE);
    }
  }
}
