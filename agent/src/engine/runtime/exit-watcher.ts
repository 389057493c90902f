import { watch, type FSWatcher } from 'node:fs';
import { readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '@skep/oci';

const SWEEP_INTERVAL_MS = 2000;

/** An exit as conmon wrote it down. */
export interface ExitFile {
  readonly exitCode: number;
  readonly finishedAtMs: number;
}

/**
 * Watches the directory in which conmon leaves one file per ended container. Notices may come more than once for one
 * file, and a slow sweep finds what the kernel's notice has missed.
 */
export class ExitWatcher {
  readonly #directory: string;
  readonly #listener: (containerId: string) => void;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: string, listener: (containerId: string) => void) {
    this.#directory = directory;
    this.#listener = listener;
  }

  start(): void {
    this.#watcher = watch(this.#directory, (_event, name) => {
      if (name !== null && /^[0-9a-f]{64}$/.test(name)) {
        this.#listener(name);
      }
    });
    this.#timer = setInterval(() => {
      void this.#sweep();
    }, SWEEP_INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#watcher?.close();
    clearInterval(this.#timer);
  }

  /** What conmon wrote, or undefined when the container has not ended. */
  async read(containerId: string): Promise<ExitFile | undefined> {
    const path = join(this.#directory, containerId);
    try {
      const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
      const exitCode = Number.parseInt(text.trim(), 10);
      return Number.isNaN(exitCode) ? undefined : { exitCode, finishedAtMs: Math.round(mtimeMs) };
    } catch (error: unknown) {
      if (isErrno(error, 'ENOENT')) {
        return undefined;
      }
      throw error;
    }
  }

  /** Forgets an exit, before the container starts anew or when it is removed. */
  async forget(containerId: string): Promise<void> {
    await rm(join(this.#directory, containerId), { force: true });
  }

  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      if (/^[0-9a-f]{64}$/.test(name)) {
        this.#listener(name);
      }
    }
  }
}
