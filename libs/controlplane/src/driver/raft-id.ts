import { randomBytes } from 'node:crypto';

/** A raft id that was never given before: 48 random bits. */
export function newRaftId(): number {
  return randomBytes(6).readUIntBE(0, 6) + 1;
}
