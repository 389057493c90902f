import koffi from 'koffi';
import { SwarmError } from '@skep/kernel';

/**
 * The few system calls that Node does not offer. All of them are synchronous and act on the calling thread, which is
 * what confinement by chroot needs: see archive-worker.ts.
 */
const libc = koffi.load('libc.so.6');

const nativeMknod = libc.func('int mknod(const char *path, unsigned int mode, unsigned long dev)');
const nativeLsetxattr = libc.func(
  'int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
);
const nativeLgetxattr = libc.func(
  'long lgetxattr(const char *path, const char *name, _Out_ void *value, size_t size)',
);
const nativeLlistxattr = libc.func('long llistxattr(const char *path, _Out_ void *list, size_t size)');
const nativeUnshare = libc.func('int unshare(int flags)');
const nativeChroot = libc.func('int chroot(const char *path)');
const nativeFchdir = libc.func('int fchdir(int fd)');
const nativeChdir = libc.func('int chdir(const char *path)');
const nativeSyncfs = libc.func('int syncfs(int fd)');

const CLONE_FS = 0x200;
const XATTR_BYTES_MAX = 65536;

export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;

/** The last error of a native call on this thread, by name (`ENOENT`) or number. */
export function lastErrno(): string {
  const code = koffi.errno();
  const name = Object.entries(koffi.os.errno).find(([, value]) => value === code)?.[0];
  return name ?? `errno ${String(code)}`;
}

function check(result: number, call: string, path: string): void {
  if (result < 0) {
    const code = lastErrno();
    throw new SwarmError('internal', `${call} failed for ${path}: ${code}`, { details: { errno: code } });
  }
}

/** mknod(2): makes a device node or fifo. `mode` includes the file type. */
export function makeNode(path: string, mode: number, device: { major: number; minor: number }): void {
  check(nativeMknod(path, mode, encodeDevice(device)) as number, 'mknod', path);
}

/** The number Linux gives a device (glibc's makedev). */
export function encodeDevice({ major, minor }: { major: number; minor: number }): number {
  const low = (minor & 0xff) | ((major & 0xfff) << 8);
  return low + Math.floor(minor / 256) * 2 ** 20 + Math.floor(major / 4096) * 2 ** 44;
}

/** The reverse of {@link encodeDevice}. */
export function decodeDevice(device: number): { major: number; minor: number } {
  const wide = BigInt(device);
  return {
    major: Number(((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn)),
    minor: Number((wide & 0xffn) | ((wide >> 12n) & ~0xffn)),
  };
}

/** lsetxattr(2). */
export function setXattr(path: string, name: string, value: Uint8Array): void {
  check(nativeLsetxattr(path, name, value, value.length, 0) as number, `setting ${name}`, path);
}

/** lgetxattr(2): the value, or undefined when there is none. */
export function getXattr(path: string, name: string): Buffer | undefined {
  const value = Buffer.alloc(256);
  let length = Number(nativeLgetxattr(path, name, value, value.length));
  if (length >= 0) {
    return value.subarray(0, length);
  }
  if (koffi.errno() !== koffi.os.errno['ERANGE']) {
    return undefined;
  }
  const large = Buffer.alloc(XATTR_BYTES_MAX);
  length = Number(nativeLgetxattr(path, name, large, large.length));
  return length < 0 ? undefined : Buffer.from(large.subarray(0, length));
}

/** llistxattr(2): names, or an empty list where the file system has none. */
export function listXattrs(path: string): string[] {
  const list = Buffer.alloc(XATTR_BYTES_MAX);
  const length = Number(nativeLlistxattr(path, list, list.length));
  return length <= 0
    ? []
    : list
        .subarray(0, length - 1)
        .toString()
        .split('\0');
}

/** Gives the calling thread a root and working directory of its own, apart from the process's other threads. */
export function detachFilesystemRoot(): void {
  check(nativeUnshare(CLONE_FS) as number, 'unshare', 'the file system root');
}

/** Makes `directory` the root of the calling thread. {@link detachFilesystemRoot} must have come first. */
export function confineTo(directory: string): void {
  check(nativeChdir(directory) as number, 'chdir', directory);
  check(nativeChroot('.') as number, 'chroot', directory);
}

/** Returns the calling thread to the root that `rootFd` was opened on. */
export function returnToRoot(rootFd: number): void {
  check(nativeFchdir(rootFd) as number, 'fchdir', '/');
  check(nativeChroot('.') as number, 'chroot', '/');
}

/** Writes everything of the file system that `fd` is on to its disk. */
export function syncFilesystem(fd: number): void {
  check(nativeSyncfs(fd) as number, 'syncfs', `descriptor ${String(fd)}`);
}
