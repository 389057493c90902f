import koffi from 'koffi';

import { SwarmError } from '@skep/kernel';

import { errnoName } from '../process/errno.ts';
import type { IpAddress } from './ip-prefix.ts';

/** Numbers of the Linux ABI that are the same on every architecture Node runs on here. */
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_RAW_CLOEXEC = 0x80003;
const MSG_DONTWAIT = 0x40;
const SOCK_NONBLOCK_CLOEXEC = 0x80800;
const SOCKET_TYPE = { tcp: 1, udp: 2, sctp: 1 } as const;
const IP_PROTOCOL = { tcp: 6, udp: 17, sctp: 132 } as const;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFINDEX = 0x8933;
const IFF_UP = 1;
const IFF_RUNNING = 0x40;

const libc = koffi.load('libc.so.6');
const call = {
  unshare: libc.func('int unshare(int flags)'),
  setns: libc.func('int setns(int fd, int type)'),
  mount: libc.func(
    'int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)',
  ),
  umount2: libc.func('int umount2(const char *target, int flags)'),
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, const void *address, uint length)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, const void *value, uint length)'),
  ioctl: libc.func('int ioctl(int fd, ulong request, const void *argument)'),
  close: libc.func('int close(int fd)'),
  recv: libc.func('long recv(int fd, void *buffer, size_t length, int flags)'),
} as Readonly<Record<string, (...args: readonly unknown[]) => number>>;

const nativeSend = libc.func('long send(int fd, const void *buffer, size_t length, int flags)');

/** errno values callers tell apart. */
export const ERRNO = {
  EADDRINUSE: koffi.os.errno['EADDRINUSE'],
  EADDRNOTAVAIL: koffi.os.errno['EADDRNOTAVAIL'],
  EEXIST: koffi.os.errno['EEXIST'],
  EINVAL: koffi.os.errno['EINVAL'],
  ENODEV: koffi.os.errno['ENODEV'],
  ENOENT: koffi.os.errno['ENOENT'],
} as const;

/** A system call that failed; `details.errno` holds the number. */
function check(name: string, result: number): number {
  if (result < 0) {
    const errno = koffi.errno();
    const code = errnoName(errno);
    throw new SwarmError('internal', `${name} failed with ${code}`, { details: { errno, code } });
  }
  return result;
}

function invoke(name: string, ...args: readonly unknown[]): number {
  const fn = call[name];
  if (fn === undefined) {
    throw new SwarmError('internal', `${name} is not a bound system call`);
  }
  return check(name, fn(...args));
}

/** CLONE_NEWNET: the calling thread gets a new network namespace. */
export function unshareNetwork(): void {
  invoke('unshare', 0x40000000);
}

/** The calling thread joins the network namespace open as `fd`. */
export function joinNetwork(fd: number): void {
  invoke('setns', fd, 0x40000000);
}

export function bindMount(source: string, target: string): void {
  invoke('mount', source, target, 'none', 4096, null);
}

/** Takes the mount away at once; the kernel frees it when its last user is gone. */
export function detachMount(target: string): void {
  invoke('umount2', target, 2);
}

export function closeFd(fd: number): void {
  invoke('close', fd);
}

/** Brings a device of the calling thread's namespace up. */
export function bringUp(device: string): void {
  const fd = invoke('socket', AF_INET, SOCKET_TYPE.udp | SOCK_NONBLOCK_CLOEXEC, 0);
  try {
    const request = Buffer.alloc(40);
    request.write(device.slice(0, 15), 'latin1');
    request.writeInt16LE(IFF_UP | IFF_RUNNING, 16);
    invoke('ioctl', fd, SIOCSIFFLAGS, request);
  } finally {
    closeFd(fd);
  }
}

/** Index of a device in the calling thread's namespace; undefined when there is none of this name. */
export function deviceIndexOf(device: string): number | undefined {
  const fd = invoke('socket', AF_INET, SOCKET_TYPE.udp | SOCK_NONBLOCK_CLOEXEC, 0);
  try {
    const request = Buffer.alloc(40);
    request.write(device.slice(0, 15), 'latin1');
    return (call['ioctl']?.(fd, SIOCGIFINDEX, request) ?? -1) < 0 ? undefined : request.readInt32LE(16);
  } finally {
    closeFd(fd);
  }
}

/** A socket to the kernel's networks that speaks for the calling thread's namespace. */
export function openRouteSocket(): number {
  return invoke('socket', AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
}

/** Sends a message from another thread, however long the kernel takes to work on it. */
export function sendBlocking(fd: number, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: unknown, sent: number): void => {
      if (error === null && sent === message.length) {
        resolve();
      } else {
        reject(new SwarmError('unavailable', 'the kernel does not take requests for networks'));
      }
    };
    nativeSend.async(fd, message, message.length, 0, settle);
  });
}

/** Reads what waits in a socket; 0 when nothing does. */
export function receiveNow(fd: number, buffer: Buffer): number {
  return Math.max(0, call['recv']?.(fd, buffer, buffer.length, MSG_DONTWAIT) ?? 0);
}

export interface SocketRequest {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly address: IpAddress;
  readonly port: number;
  /** `hold-shared` takes the port although closing connections still use it; `serve` listens. */
  readonly mode: 'hold' | 'hold-shared' | 'serve';
}

/** A bound socket of the calling thread's namespace; non-blocking, closed in children. Answers its descriptor. */
export function openSocket(request: SocketRequest): number {
  const { protocol, address } = request;
  const family = address.family === 4 ? AF_INET : AF_INET6;
  const fd = invoke('socket', family, SOCKET_TYPE[protocol] | SOCK_NONBLOCK_CLOEXEC, IP_PROTOCOL[protocol]);
  try {
    const on = Buffer.alloc(4);
    on.writeInt32LE(1);
    if (request.mode !== 'hold') {
      invoke('setsockopt', fd, SOL_SOCKET, SO_REUSEADDR, on, 4);
    }
    if (address.family === 6) {
      invoke('setsockopt', fd, IPPROTO_IPV6, IPV6_V6ONLY, on, 4);
    }
    const name = socketName(address, request.port);
    invoke('bind', fd, name, name.length);
    if (request.mode === 'serve' && protocol === 'tcp') {
      invoke('listen', fd, 128);
    }
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** struct sockaddr_in or sockaddr_in6. */
function socketName({ family, value }: IpAddress, port: number): Buffer {
  const name = Buffer.alloc(family === 4 ? 16 : 28);
  name.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  name.writeUInt16BE(port, 2);
  if (family === 4) {
    name.writeUInt32BE(Number(value), 4);
  } else {
    name.write(value.toString(16).padStart(32, '0'), 8, 'hex');
  }
  return name;
}
