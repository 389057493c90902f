import { SwarmError, type RandomBytes } from '@skep/kernel';
import type { Cluster } from '@skep/model';
import type { WriteTx } from '@skep/store';

/** Swarm's form: `SWMKEY-1-` and 32 bytes in base64 without padding. */
const PREFIX = 'SWMKEY-1-';
const KEY_BYTES = 32;
const PATTERN = /^SWMKEY-1-[A-Za-z0-9+/]{43}$/;

/** Makes the key that wraps the managers' data keys, in the form people write down. */
export function newUnlockKey(randomBytes: RandomBytes): string {
  return PREFIX + Buffer.from(randomBytes(KEY_BYTES)).toString('base64').replace(/=+$/, '');
}

/** @throws SwarmError `invalid_argument` when the text is no unlock key. */
export function parseUnlockKey(text: string): Uint8Array {
  const trimmed = text.trim();
  if (!PATTERN.test(trimmed)) {
    throw new SwarmError(
      'invalid_argument',
      `unlock key: this is not one; it begins with ${PREFIX} and has 43 characters after that`,
    );
  }
  return new Uint8Array(Buffer.from(trimmed.slice(PREFIX.length), 'base64'));
}

/** Gives the cluster an unlock key when its managers are to be locked and takes it away when not. */
export function settleUnlockKey(tx: WriteTx, cluster: Cluster, randomBytes: RandomBytes): Cluster {
  const { autoLockManagers } = cluster.spec;
  if (autoLockManagers === (cluster.unlockKey !== undefined)) {
    return cluster;
  }
  return tx.patch('cluster', cluster.id, {
    unlockKey: autoLockManagers ? newUnlockKey(randomBytes) : undefined,
  });
}

/** Replaces the unlock key. @throws SwarmError `failed_precondition` when the managers are not locked. */
export function replaceUnlockKey(tx: WriteTx, cluster: Cluster, randomBytes: RandomBytes): string {
  if (cluster.unlockKey === undefined) {
    throw new SwarmError(
      'failed_precondition',
      'managers are not locked: there is no unlock key to replace; turn the lock on with: swarm update --autolock=true',
    );
  }
  const unlockKey = newUnlockKey(randomBytes);
  tx.patch('cluster', cluster.id, { unlockKey });
  return unlockKey;
}
