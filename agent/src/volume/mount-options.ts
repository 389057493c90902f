import { isIP } from 'node:net';

/** Options of a `local` volume as the user gave them: `type`, `device`, `o`, `size`. */
export type VolumeOptions = Readonly<Record<string, string>>;

/** Flags of mount(2), from linux/mount.h. */
export const MOUNT_FLAG = {
  rdonly: 1,
  nosuid: 1 << 1,
  nodev: 1 << 2,
  noexec: 1 << 3,
  synchronous: 1 << 4,
  remount: 1 << 5,
  mandlock: 1 << 6,
  dirsync: 1 << 7,
  noatime: 1 << 10,
  nodiratime: 1 << 11,
  bind: 1 << 12,
  rec: 1 << 14,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  relatime: 1 << 21,
  strictatime: 1 << 24,
} as const;

const { rec } = MOUNT_FLAG;

/** Words that set bits, and words that clear them. Others are the file system's own affair. */
const SETTING: Readonly<Record<string, number>> = {
  ro: MOUNT_FLAG.rdonly,
  nosuid: MOUNT_FLAG.nosuid,
  nodev: MOUNT_FLAG.nodev,
  noexec: MOUNT_FLAG.noexec,
  sync: MOUNT_FLAG.synchronous,
  remount: MOUNT_FLAG.remount,
  mand: MOUNT_FLAG.mandlock,
  dirsync: MOUNT_FLAG.dirsync,
  noatime: MOUNT_FLAG.noatime,
  nodiratime: MOUNT_FLAG.nodiratime,
  bind: MOUNT_FLAG.bind,
  rbind: MOUNT_FLAG.bind | rec,
  unbindable: MOUNT_FLAG.unbindable,
  runbindable: MOUNT_FLAG.unbindable | rec,
  private: MOUNT_FLAG.private,
  rprivate: MOUNT_FLAG.private | rec,
  slave: MOUNT_FLAG.slave,
  rslave: MOUNT_FLAG.slave | rec,
  shared: MOUNT_FLAG.shared,
  rshared: MOUNT_FLAG.shared | rec,
  relatime: MOUNT_FLAG.relatime,
  strictatime: MOUNT_FLAG.strictatime,
};
const CLEARING: Readonly<Record<string, number>> = {
  rw: MOUNT_FLAG.rdonly,
  suid: MOUNT_FLAG.nosuid,
  dev: MOUNT_FLAG.nodev,
  exec: MOUNT_FLAG.noexec,
  async: MOUNT_FLAG.synchronous,
  nomand: MOUNT_FLAG.mandlock,
  atime: MOUNT_FLAG.noatime,
  diratime: MOUNT_FLAG.nodiratime,
  norelatime: MOUNT_FLAG.relatime,
  nostrictatime: MOUNT_FLAG.strictatime,
  defaults: 0,
};

const PROPAGATION = MOUNT_FLAG.shared | MOUNT_FLAG.private | MOUNT_FLAG.slave | MOUNT_FLAG.unbindable;
/** What the kernel ignores in the call that makes a bind mount, and takes in a remount of it. */
const PER_MOUNT =
  MOUNT_FLAG.rdonly |
  MOUNT_FLAG.nosuid |
  MOUNT_FLAG.nodev |
  MOUNT_FLAG.noexec |
  MOUNT_FLAG.noatime |
  MOUNT_FLAG.nodiratime |
  MOUNT_FLAG.relatime |
  MOUNT_FLAG.strictatime;

/** One call of mount(2); the calls of a volume are made in their order. */
export interface MountStep {
  /** What failed, in the words of Docker's errors. */
  readonly operation: 'mount' | 'remount' | 'remount-ro';
  readonly source: string;
  readonly type: string;
  readonly flags: number;
  readonly data: string;
}

/** File systems whose server is named by host, while the kernel takes addresses only. */
const REMOTE_TYPES: readonly string[] = ['nfs', 'nfs4', 'cifs'];

/** Whether a volume is more than a directory. */
export function isMountNeeded(options: VolumeOptions): boolean {
  return (options['device'] ?? '') !== '' || (options['type'] ?? '') !== '';
}

/**
 * The host name that has to be looked up before the mount, or undefined: `addr=` of an NFS or CIFS volume, else the
 * server in its device (`server:/path`, `//server/share`).
 */
export function serverName(options: VolumeOptions): string | undefined {
  if (!REMOTE_TYPES.includes(options['type'] ?? '')) {
    return undefined;
  }
  const server = givenAddress(options) ?? serverOfDevice(options);
  return server === undefined || server === '' || isIP(server) !== 0 ? undefined : server;
}

/**
 * The calls that mount a volume.
 * @param address what {@link serverName} was found to be; it takes the name's place.
 */
export function planMount(options: VolumeOptions, address?: string): readonly MountStep[] {
  const { flags, data } = parseOptions(withAddress(options, address));
  const type = options['type'] ?? '';
  const source = deviceOf(options, address);
  const first = flags & ~PROPAGATION;
  const steps: MountStep[] = [{ operation: 'mount', source, type, flags: first, data }];
  const bind = MOUNT_FLAG.bind;
  if ((first & bind) !== 0 && (first & PER_MOUNT) !== 0) {
    // A bind mount is made with the flags of what it shows; its own come by a second call.
    const operation = (first & MOUNT_FLAG.rdonly) === 0 ? 'remount' : 'remount-ro';
    const again = (first & ~rec) | MOUNT_FLAG.remount;
    steps.push({ operation, source: '', type: '', flags: again, data: '' });
  }
  if ((flags & PROPAGATION) !== 0) {
    const propagation = flags & (PROPAGATION | rec);
    steps.push({ operation: 'remount', source: '', type: '', flags: propagation, data: '' });
  }
  return steps;
}

/** The text of a failed call in Docker's words; passwords do not leave the host. */
export function mountErrorText(step: MountStep, target: string, reason: string): string {
  const where = step.source === '' ? target : `${step.source}:${target}`;
  const flags = step.flags === 0 ? '' : `, flags: 0x${step.flags.toString(16)}`;
  const data =
    step.data === '' ? '' : `, data: ${step.data.replaceAll(/(^|,)password=[^,]*/g, '$1password=********')}`;
  return `failed to mount local volume: ${step.operation} ${where}${flags}${data}: ${reason}`;
}

function words(options: VolumeOptions): string[] {
  return (options['o'] ?? '').split(',').filter((word) => word !== '');
}

function parseOptions(given: readonly string[]): { readonly flags: number; readonly data: string } {
  let flags = 0;
  const data: string[] = [];
  for (const word of given) {
    if (Object.hasOwn(SETTING, word)) {
      flags |= SETTING[word] ?? 0;
    } else if (Object.hasOwn(CLEARING, word)) {
      flags &= ~(CLEARING[word] ?? 0);
    } else {
      data.push(word);
    }
  }
  return { flags, data: data.join(',') };
}

function givenAddress(options: VolumeOptions): string | undefined {
  return words(options)
    .find((word) => word.startsWith('addr='))
    ?.slice('addr='.length);
}

function serverOfDevice({ type = '', device = '' }: VolumeOptions): string | undefined {
  const pattern = type === 'cifs' ? /^(?:cifs:|smb:)?\/\/(?:[^@/]*@)?([^/]+)/ : /^(\[[^\]]+\]|[^:/[]+):/;
  return pattern.exec(device)?.[1]?.replace(/^\[(.*)\]$/, '$1');
}

/** The kernel's NFS client needs `addr=`, which mount.nfs makes of the device; nobody runs that here. */
function withAddress(options: VolumeOptions, address: string | undefined): readonly string[] {
  const given = words(options);
  if (!REMOTE_TYPES.includes(options['type'] ?? '')) {
    return given;
  }
  if (givenAddress(options) !== undefined) {
    return address === undefined
      ? given
      : given.map((word) => (word.startsWith('addr=') ? `addr=${address}` : word));
  }
  const server = address ?? serverOfDevice(options);
  return server === undefined || options['type'] === 'cifs' ? given : [...given, `addr=${server}`];
}

/** CIFS takes the server's address from its device, NFS from its options. */
function deviceOf(options: VolumeOptions, address: string | undefined): string {
  const device = options['device'] ?? '';
  const isNamed = options['type'] === 'cifs' && givenAddress(options) === undefined;
  const server = isNamed && address !== undefined ? serverOfDevice(options) : undefined;
  return server === undefined ? device : device.replace(server, address ?? server);
}
