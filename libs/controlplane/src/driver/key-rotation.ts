import type { Logger } from 'pino';

import { errorMessage } from '@skep/kernel';

import type { DataKeys } from '../wal/data-key.ts';
import type { SnapshotFolder } from '../wal/snapshot-file.ts';
import type { Wal } from '../wal/wal.ts';

export interface KeyRotationOptions {
  readonly dataDir: string;
  readonly keys: DataKeys;
  readonly wal: Wal;
  readonly snapshots: SnapshotFolder;
  readonly logger: Logger;
}

/**
 * Changes the data key of a member and seals log and snapshots with the new one in the background. The old key is
 * forgotten last, so a crash at any point leaves everything readable, and the next start goes on.
 */
export class KeyRotation {
  readonly #options: KeyRotationOptions;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: KeyRotationOptions) {
    this.#options = options;
  }

  /** Makes a new key, durably, and goes on in the background. */
  start(): void {
    const { keys, dataDir } = this.#options;
    keys.rotate(dataDir);
    this.resume();
  }

  /** Goes on with what the last start left undone, if anything. */
  resume(): void {
    if (this.#options.keys.hasOldKeys) {
      this.#running = this.#running.then(() => this.#resealAll());
    }
  }

  async #resealAll(): Promise<void> {
    const { keys, wal, snapshots, dataDir, logger } = this.#options;
    const keyId = keys.currentKeyId;
    try {
      await wal.reseal();
      await snapshots.reseal();
      // A later rotation has begun meanwhile: its own turn forgets the keys.
      if (keys.currentKeyId === keyId && keys.hasOldKeys && !this.#isStopped) {
        keys.forgetOldKeys(dataDir);
        logger.info(
          { keyId },
          'log and snapshots are sealed with the new data key; the old one is forgotten',
        );
      }
    } catch (error) {
      logger.warn(
        { keyId, err: errorMessage(error) },
        'could not seal everything with the new data key; the old one is kept, and the next start tries again',
      );
    }
  }

  /** Waits for the work under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }
}
