import type { Clock } from '@skep/kernel';

import { catchUp } from '../catch-up.ts';
import type { Backup } from '../control-plane-api.ts';
import type { RaftHandle } from '../driver/raft-handle.ts';
import type { Replica } from '../replica.ts';
import { sealBackup } from './backup-file.ts';

/** Seals the state; with a quorum it first waits for everything that is acknowledged by now. */
export async function makeBackup(
  parts: {
    readonly raft: Pick<RaftHandle, 'status' | 'readIndex'>;
    readonly replica: Replica;
    readonly clusterId: string;
    readonly clock: Clock;
  },
  passphrase: string,
): Promise<Backup> {
  const { raft, replica, clusterId, clock } = parts;
  if (raft.status().hasQuorum) {
    await catchUp(raft, replica);
  }
  const rev = replica.appliedRev;
  const about = { clusterId, logIndex: rev, createdAtMs: clock.nowMs() };
  return { rev, file: await sealBackup(replica.store.snapshot(), about, passphrase) };
}
