import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { isErrno } from '@skep/oci';

const RESERVE_BYTES = 3 * 1024 * 1024;

/** Some space of a disk that is kept by a file, to be given up when there is no other space left. */
export class DiskReserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Keeps the space, if there is any. */
  take(): void {
    if (existsSync(this.#path)) {
      return;
    }
    try {
      // Content that no file system stores as a hole.
      writeFileSync(this.#path, Buffer.alloc(RESERVE_BYTES, 'reserve'), { mode: 0o600, flush: true });
    } catch (error: unknown) {
      rmSync(this.#path, { force: true });
      if (!isErrno(error, 'ENOSPC') && !isErrno(error, 'EDQUOT')) {
        throw error;
      }
    }
  }

  /** Gives the space up. */
  release(): void {
    rmSync(this.#path, { force: true });
  }
}
