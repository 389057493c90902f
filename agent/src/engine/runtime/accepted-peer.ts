import { fstatSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { exchangeNetlink } from './system-calls.ts';

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const AF_UNIX = 1;
const ALL_STATES = 0xffffffff;
const UDIAG_SHOW_PEER = 4;
const UNIX_DIAG_PEER = 2;
const NO_COOKIE = 0xffffffff;
const HEADER_BYTES = 16;
const ATTRIBUTES_AT = HEADER_BYTES + 16;

const POLL_MS = 1;
/** Longer than a loaded machine keeps conmon waiting; shorter than a person waits for a container. */
const DEADLINE_MS = 2000;

/**
 * Resolves when the other side has accepted a connected unix socket, so that it will not miss what is told from here
 * on. Where the kernel cannot tell (no `unix_diag`), and after a while, it resolves all the same.
 */
export async function whenAccepted(fd: number): Promise<void> {
  const inode = fstatSync(fd).ino;
  const deadline = performance.now() + DEADLINE_MS;
  while (peerInode(exchangeNetlink(NETLINK_SOCK_DIAG, peerRequest(inode))) === 0) {
    if (performance.now() > deadline) {
      return;
    }
    await delay(POLL_MS);
  }
}

/** sock_diag(7): asks for the peer of the unix socket with this inode. */
export function peerRequest(inode: number): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + 24);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  message.writeUInt16LE(NLM_F_REQUEST, 6);
  message.writeUInt8(AF_UNIX, HEADER_BYTES);
  message.writeUInt32LE(ALL_STATES, HEADER_BYTES + 4);
  message.writeUInt32LE(inode, HEADER_BYTES + 8);
  message.writeUInt32LE(UDIAG_SHOW_PEER, HEADER_BYTES + 12);
  message.writeUInt32LE(NO_COOKIE, HEADER_BYTES + 16);
  message.writeUInt32LE(NO_COOKIE, HEADER_BYTES + 20);
  return message;
}

/**
 * The inode of the peer in an answer; 0 while the connection waits to be accepted, because it belongs to no file yet;
 * undefined when the answer does not say.
 */
export function peerInode(answer: Buffer): number | undefined {
  if (answer.length < ATTRIBUTES_AT || answer.readUInt16LE(4) !== SOCK_DIAG_BY_FAMILY) {
    return undefined;
  }
  const end = Math.min(answer.length, answer.readUInt32LE(0));
  for (let at = ATTRIBUTES_AT; at + 4 <= end;) {
    const length = answer.readUInt16LE(at);
    if (answer.readUInt16LE(at + 2) === UNIX_DIAG_PEER && length >= 8 && at + 8 <= end) {
      return answer.readUInt32LE(at + 4);
    }
    at += Math.max(4, (length + 3) & ~3);
  }
  return undefined;
}
