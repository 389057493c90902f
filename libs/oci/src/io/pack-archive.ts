import { closeSync, lstatSync, openSync, readSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { opaqueName, whiteoutName } from '../core/layer-entry.ts';
import { capabilityToContainer } from '../core/file-capability.ts';
import { toContainerOwner, toHostId, type IdMap } from '../core/id-map.ts';
import type { TarEntryType } from '../core/tar-entry.ts';
import { encodeTarHeader, tarEnd, tarPadding, type TarEntryInput } from '../core/tar-writer.ts';
import { decodeDevice, getXattr, listXattrs } from './native.ts';

const CAPABILITY_XATTR = 'security.capability';
const READ_BYTES = 256 * 1024;

export interface PackOptions {
  /** Directory that paths are relative to; empty in a thread that is confined to it. */
  readonly root: string;
  /** Relative to the root; empty: the root itself. */
  readonly path: string;
  /** Name of `path` inside the archive; empty: entries without a common first part. */
  readonly name: string;
  /** Turn overlayfs whiteouts into `.wh.` entries. */
  readonly asLayer: boolean;
  /** Absolute paths below the root that are left out when they are empty files or directories. */
  readonly skipEmpty?: readonly string[];
  /** Owners go into the archive as the container with this map sees them. */
  readonly idMap?: IdMap;
}

/**
 * The bytes of a tar archive of one file or directory tree, in name order, with owners, modes, times, devices, hard
 * links and extended attributes. Sockets are left out: an archive cannot hold them. Synchronous and lazy.
 */
export function* packArchive(options: PackOptions): Generator<Uint8Array> {
  const links = new Map<string, string>();
  yield* packEntry(options, links, options.path, options.name);
  yield tarEnd();
}

function* packEntry(
  options: PackOptions,
  links: Map<string, string>,
  path: string,
  name: string,
): Generator<Uint8Array> {
  const absolute = `${options.root}/${path}`;
  const stats = lstatSync(absolute);
  const type = typeOf(stats);
  if (type === undefined) {
    return;
  }
  if (options.asLayer && type === 'character-device' && stats.rdev === 0) {
    yield encodeTarHeader({ path: whiteoutName(name), type: 'file' });
    return;
  }
  const base = asInside(baseEntry(absolute, stats, type, name), options.idMap);
  const firstName = stats.nlink > 1 && type === 'file' ? rememberLink(links, stats, name) : undefined;
  if (firstName !== undefined) {
    yield encodeTarHeader({ ...base, type: 'link', linkPath: firstName, sizeBytes: 0 });
    return;
  }
  if (type === 'file') {
    yield* packFile(absolute, stats.size, base);
    return;
  }
  if (name !== '') {
    yield encodeTarHeader(base);
  }
  if (type === 'directory') {
    yield* packChildren(options, links, path, name);
  }
}

function* packChildren(
  options: PackOptions,
  links: Map<string, string>,
  path: string,
  name: string,
): Generator<Uint8Array> {
  const absolute = `${options.root}/${path}`;
  const isOpaque = options.asLayer && getXattr(absolute, 'trusted.overlay.opaque')?.toString() === 'y';
  if (isOpaque && name !== '') {
    yield encodeTarHeader({ path: opaqueName(name), type: 'file' });
  }
  for (const child of readdirSync(absolute).sort()) {
    const childPath = path === '' ? child : `${path}/${child}`;
    if (options.skipEmpty?.includes(`/${childPath}`) === true && isEmpty(`${options.root}/${childPath}`)) {
      continue;
    }
    yield* packEntry(options, links, childPath, name === '' ? child : `${name}/${child}`);
  }
}

function isEmpty(absolute: string): boolean {
  const stats = lstatSync(absolute);
  return stats.isDirectory() ? readdirSync(absolute).length === 0 : stats.isFile() && stats.size === 0;
}

function baseEntry(absolute: string, stats: Stats, type: TarEntryType, name: string): TarEntryInput {
  const isDevice = type === 'character-device' || type === 'block-device';
  const { major, minor } = isDevice ? decodeDevice(stats.rdev) : { major: 0, minor: 0 };
  const xattrs = new Map<string, Uint8Array>();
  for (const key of listXattrs(absolute)) {
    const value = key.startsWith('user.') || key === CAPABILITY_XATTR ? getXattr(absolute, key) : undefined;
    if (value !== undefined) {
      xattrs.set(key, value);
    }
  }
  return {
    path: name,
    type,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    sizeBytes: type === 'file' ? stats.size : 0,
    modifiedAtMs: Math.floor(stats.mtimeMs / 1000) * 1000,
    linkPath: type === 'symlink' ? readlinkSync(absolute) : '',
    deviceMajor: major,
    deviceMinor: minor,
    xattrs,
  };
}

function asInside(entry: TarEntryInput, map: IdMap | undefined): TarEntryInput {
  if (map === undefined) {
    return entry;
  }
  const { uid = 0, gid = 0 } = entry;
  const capability = entry.xattrs?.get(CAPABILITY_XATTR);
  const xattrs = new Map(entry.xattrs);
  if (capability !== undefined) {
    xattrs.set(CAPABILITY_XATTR, capabilityToContainer(capability, toHostId(map.uids, 0) ?? 0));
  }
  return { ...entry, ...toContainerOwner(map, { uid, gid }), xattrs };
}

/** The name under which this inode was packed before, or undefined when this is the first time. */
function rememberLink(links: Map<string, string>, stats: Stats, name: string): string | undefined {
  const key = `${String(stats.dev)}:${String(stats.ino)}`;
  const first = links.get(key);
  if (first === undefined) {
    links.set(key, name);
  }
  return first;
}

/** A file may grow or shrink while it is read: the archive gets exactly the size its header says. */
function* packFile(absolute: string, sizeBytes: number, entry: TarEntryInput): Generator<Uint8Array> {
  const fd = openSync(absolute, 'r');
  try {
    yield encodeTarHeader(entry);
    let left = sizeBytes;
    while (left > 0) {
      const buffer = Buffer.alloc(Math.min(READ_BYTES, left));
      const count = readSync(fd, buffer, 0, buffer.length, null);
      const chunk = count === 0 ? buffer : buffer.subarray(0, count);
      left -= chunk.length;
      yield chunk;
    }
  } finally {
    closeSync(fd);
  }
  yield tarPadding(sizeBytes);
}

function typeOf(stats: Stats): TarEntryType | undefined {
  if (stats.isFile()) {
    return 'file';
  }
  if (stats.isDirectory()) {
    return 'directory';
  }
  if (stats.isSymbolicLink()) {
    return 'symlink';
  }
  if (stats.isCharacterDevice()) {
    return 'character-device';
  }
  if (stats.isBlockDevice()) {
    return 'block-device';
  }
  return stats.isFIFO() ? 'fifo' : undefined;
}
