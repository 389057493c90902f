import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { isSwarmError } from '@skep/kernel';

import { DataKeys } from '../wal/data-key.ts';
import { parseUnlockKey } from './unlock-key.ts';

/** Whether the manager state in `raftDir` can only be read with an unlock key. */
export function isLocked(raftDir: string): boolean {
  if (!existsSync(join(raftDir, 'data-key.json'))) {
    return false;
  }
  try {
    DataKeys.openOrCreate(raftDir, undefined);
    return false;
  } catch (error) {
    if (isSwarmError(error) && error.details['isLocked'] === true) {
      return true;
    }
    throw error;
  }
}

/**
 * The key-encryption key in an unlock key, once it is shown to open the state in `raftDir`.
 * @throws SwarmError `invalid_argument` when it is none, `failed_precondition` when it is not the right one.
 */
export function unlockFolder(raftDir: string, unlockKey: string): Uint8Array {
  const key = parseUnlockKey(unlockKey);
  DataKeys.openOrCreate(raftDir, key);
  return key;
}
