import type { Logger } from 'pino';

import { errorMessage } from '@skep/kernel';

import { catchUp } from '../catch-up.ts';
import type { RaftHandle } from '../driver/raft-handle.ts';
import type { Replica } from '../replica.ts';
import { parseUnlockKey } from './unlock-key.ts';

export interface KeyLockPorts {
  readonly log: Logger;
  readonly raft: Pick<RaftHandle, 'status' | 'readIndex' | 'setKeyEncryptionKey'>;
  readonly replica: Pick<Replica, 'store' | 'waitApplied'>;
}

/** Keeps the data key on this manager's disk wrapped as the cluster wants it: auto-lock on, off, or with a new key. */
export class KeyLock {
  readonly #ports: KeyLockPorts;
  #current: Uint8Array | undefined;
  #isBusy = false;

  /** @param current the key that this manager was unlocked with */
  constructor(ports: KeyLockPorts, current: Uint8Array | undefined) {
    this.#ports = ports;
    this.#current = current;
  }

  /** The key that wraps the data key now. */
  get key(): Uint8Array | undefined {
    return this.#current;
  }

  /** Brings the disk in line, if this is the time for it. Called when the cluster changed, and now and then. */
  check(): void {
    const { raft, log } = this.#ports;
    if (this.#isBusy || raft.status().leader === undefined || isSame(this.#wanted(), this.#current)) {
      return;
    }
    this.#isBusy = true;
    this.#follow()
      .catch((error: unknown) => {
        log.warn(
          { err: errorMessage(error) },
          'data key is not wrapped as the cluster wants it yet; trying again',
        );
      })
      .finally(() => {
        this.#isBusy = false;
      });
  }

  async #follow(): Promise<void> {
    const { raft, replica, log } = this.#ports;
    // A manager that just started passes through times when the cluster was not locked, or by another key: only what
    // holds now may decide what is on the disk.
    await catchUp(raft, replica);
    const key = this.#wanted();
    if (isSame(key, this.#current)) {
      return;
    }
    await raft.setKeyEncryptionKey(key);
    this.#current = key;
    log.info(
      {},
      key === undefined ? 'data key is on disk as it is' : 'data key on disk is wrapped by the unlock key',
    );
  }

  /** The key that the cluster has; before there is a cluster, the one in use. */
  #wanted(): Uint8Array | undefined {
    const cluster = this.#ports.replica.store.view().cluster();
    if (cluster === undefined) {
      return this.#current;
    }
    return cluster.unlockKey === undefined ? undefined : parseUnlockKey(cluster.unlockKey);
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}
