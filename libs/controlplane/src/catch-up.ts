import type { RaftHandle } from './driver/raft-handle.ts';
import type { Replica } from './replica.ts';

const READ_TIMEOUT_MS = 5_000;

/** Waits until this manager has applied everything that was committed when it was called (Raft's ReadIndex). */
export async function catchUp(
  raft: Pick<RaftHandle, 'readIndex'>,
  replica: Pick<Replica, 'waitApplied'>,
): Promise<void> {
  await replica.waitApplied(await raft.readIndex(), READ_TIMEOUT_MS);
}
