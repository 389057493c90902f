import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import koffi from 'koffi';
import { SwarmError, errorMessage } from '@skep/kernel';
import { errnoName } from '../../process/errno.ts';

/** System calls that Node does not offer. All are synchronous and short. */
const libc = koffi.load('libc.so.6');

const nativeMount = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const nativeUmount = libc.func('int umount2(const char *target, int flags)');
const nativeSocket = libc.func('int socket(int domain, int type, int protocol)');
const nativeConnect = libc.func('int connect(int fd, const void *address, int length)');
const nativeSend = libc.func('long send(int fd, const void *buffer, size_t length, int flags)');
const nativeRecv = libc.func('long recv(int fd, _Out_ void *buffer, size_t length, int flags)');
const nativeClose = libc.func('int close(int fd)');
const nativeFcntl = libc.func('int fcntl(int fd, int command, int argument)');
const nativeOpenat2 = libc.func(
  'long syscall(long number, int dirfd, const char *path, const void *how, size_t size)',
);

const nativeStatvfs = libc.func('int statvfs(const char *path, _Out_ void *buffer)');

export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_BIND = 4096;
export const MS_PRIVATE = 1 << 18;

const MNT_DETACH = 2;
const AF_UNIX = 1;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const MSG_DONTWAIT = 0x40;
const ANSWER_BYTES_MAX = 8192;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SUN_PATH_BYTES_MAX = 107;
const F_DUPFD_CLOEXEC = 1030;

const CHUNK_BYTES = 16 * 1024;
const SYS_OPENAT2 = 437;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;

/** Flags of statvfs(3) that belong to a mount and not to its file system, by their names for mount(8). */
const MOUNT_WORDS: readonly (readonly [number, string])[] = [
  [1, 'ro'],
  [2, 'nosuid'],
  [4, 'nodev'],
  [8, 'noexec'],
  [1024, 'noatime'],
  [2048, 'nodiratime'],
];
/** Of struct statvfs, with a machine word for each field before it (64-bit Linux). */
const STATVFS_FLAG_OFFSET = 72;
const STATVFS_BYTES = 256;

/** Why the last call of this thread failed. */
const lastErrno = (): string => errnoName(koffi.errno());

export interface MountRequest {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags?: number;
  /** Options of the file system, one page at most. */
  readonly data?: string;
}

/** mount(2). */
export function mount(request: MountRequest): void {
  const { source, target, type, flags = 0, data = null } = request;
  if ((nativeMount(source, target, type, flags, data) as number) !== 0) {
    const code = lastErrno();
    throw new SwarmError('internal', `mounting ${type} on ${target} failed: ${code}`, {
      details: { errno: code },
    });
  }
}

/** mount(2) on another thread, for file systems whose server may let it wait for minutes. */
export function mountInBackground(request: MountRequest): Promise<void> {
  const { source, target, type, flags = 0, data = null } = request;
  return new Promise((resolve, reject) => {
    nativeMount.async(source, target, type, flags, data, (error: unknown, result: number) => {
      // Only here the number is the one of that call.
      const code = result === 0 ? '' : lastErrno();
      if (error === null && code === '') {
        resolve();
      } else {
        const reason = error === null ? code : errorMessage(error);
        reject(
          new SwarmError('internal', `mounting ${type} on ${target} failed: ${reason}`, {
            details: { errno: code },
          }),
        );
      }
    });
  });
}

/**
 * umount2(2). A busy mount is detached: it vanishes from the tree at once and for good when its last user ends.
 * Not being mounted, or not being there, is no error.
 */
export function unmount(target: string): void {
  if ((nativeUmount(target, 0) as number) === 0) {
    return;
  }
  const code = lastErrno();
  if (code === 'EINVAL' || code === 'ENOENT') {
    return;
  }
  if ((nativeUmount(target, MNT_DETACH) as number) !== 0 && lastErrno() !== 'EINVAL') {
    throw new SwarmError('internal', `unmounting ${target} failed: ${lastErrno()}`);
  }
}

/** What the mount that `path` lies on forbids, as words for mount(8): `ro`, `nosuid`, `nodev`, `noexec`, `noatime`... */
export function mountWordsOf(path: string): readonly string[] {
  const buffer = Buffer.alloc(STATVFS_BYTES);
  if ((nativeStatvfs(path, buffer) as number) !== 0) {
    throw new SwarmError('internal', `looking at the mount of ${path} failed: ${lastErrno()}`);
  }
  const flags = Number(buffer.readBigUInt64LE(STATVFS_FLAG_OFFSET));
  return MOUNT_WORDS.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word);
}

/** Connects to a SOCK_SEQPACKET unix socket and answers its descriptor. The path may have any length. */
export function connectSeqPacket(directory: string, name: string): number {
  const directoryFd = openSync(directory, 'r');
  const fd = nativeSocket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) as number;
  try {
    // The kernel limits socket paths to 107 bytes; a path through the open directory is always short.
    const path = Buffer.from(`/proc/self/fd/${String(directoryFd)}/${name}`);
    const address = Buffer.alloc(2 + SUN_PATH_BYTES_MAX + 1);
    address.writeUInt16LE(AF_UNIX, 0);
    path.copy(address, 2);
    if (fd < 0 || (nativeConnect(fd, address, 2 + path.length + 1) as number) !== 0) {
      const code = lastErrno();
      nativeClose(fd);
      throw new SwarmError('unavailable', `cannot attach to the container: ${code}`, {
        details: { errno: code },
      });
    }
    return fd;
  } finally {
    closeSync(directoryFd);
  }
}

/** One request to the kernel by netlink(7), and its first answer; empty when there is none. */
export function exchangeNetlink(protocol: number, request: Buffer): Buffer {
  const fd = nativeSocket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol) as number;
  if (fd < 0) {
    return Buffer.alloc(0);
  }
  try {
    const answer = Buffer.alloc(ANSWER_BYTES_MAX);
    // The kernel has answered when it has taken the request.
    const sent = Number(nativeSend(fd, request, request.length, 0));
    const length = sent < 0 ? -1 : Number(nativeRecv(fd, answer, answer.length, MSG_DONTWAIT));
    return answer.subarray(0, Math.max(0, length));
  } finally {
    nativeClose(fd);
  }
}

/** A second descriptor of the same open file, closed in programs that are started. */
export function duplicate(fd: number): number {
  const copy = nativeFcntl(fd, F_DUPFD_CLOEXEC, 0) as number;
  if (copy < 0) {
    throw new SwarmError('resource_exhausted', `duplicating a descriptor failed: ${lastErrno()}`);
  }
  return copy;
}

/**
 * Opens `path` as it looks from inside `root`: absolute paths, `..` and symbolic links never leave it (openat2,
 * RESOLVE_IN_ROOT). Answers a descriptor, or undefined when there is nothing.
 */
function openInRoot(root: string, path: string, flags: number): number | undefined {
  const rootFd = openSync(root, 'r');
  try {
    const how = Buffer.alloc(24);
    how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
    how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
    const fd = Number(nativeOpenat2(SYS_OPENAT2, rootFd, path, how, how.length));
    return fd < 0 ? undefined : fd;
  } finally {
    closeSync(rootFd);
  }
}

/** Whether `path` is there when seen from inside `root`. */
export function existsInRoot(root: string, path: string): boolean {
  const fd = openInRoot(root, path, O_PATH);
  if (fd === undefined) {
    return false;
  }
  closeSync(fd);
  return true;
}

/** What `path` is when seen from inside `root`; undefined when it is not there. */
export function statInRoot(root: string, path: string): Stats | undefined {
  const fd = openInRoot(root, path, O_PATH);
  if (fd === undefined) {
    return undefined;
  }
  try {
    return fstatSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Reads a file as it looks from inside `root`; empty when there is none. What is longer than `bytesMax` is cut. */
export function readInRoot(root: string, path: string, bytesMax: number): string {
  const fd = openInRoot(root, path, 0o4000);
  if (fd === undefined) {
    return '';
  }
  try {
    // Most of these files have a few lines: room for the longest would cost more than the reading.
    const chunks: Buffer[] = [];
    for (let left = bytesMax; left > 0;) {
      const chunk = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES));
      const count = readSync(fd, chunk, 0, chunk.length, null);
      if (count === 0) {
        break;
      }
      chunks.push(chunk.subarray(0, count));
      left -= count;
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch (error: unknown) {
    // A directory in the file's place reads as an empty file.
    if (error instanceof Error && 'code' in error && error.code === 'EISDIR') {
      return '';
    }
    throw error;
  } finally {
    closeSync(fd);
  }
}
