import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { SwarmError, errorMessage } from '@skep/kernel';
import { capabilityToHost } from '../core/file-capability.ts';
import { toHostId, toHostOwner, type IdMap } from '../core/id-map.ts';
import { cleanEntryPath, entryMeaning } from '../core/layer-entry.ts';
import type { TarEntry } from '../core/tar-entry.ts';
import type { TarSink } from '../core/tar-reader.ts';
import { S_IFBLK, S_IFCHR, S_IFIFO, makeNode, setXattr } from './native.ts';

const OPAQUE_XATTR = 'trusted.overlay.opaque';
const WHITEOUT_DEVICE = { major: 0, minor: 0 };

export interface ExtractOptions {
  /** Directory that entries are relative to; empty in a thread that is confined to it. */
  readonly root: string;
  /** Turn `.wh.` entries into overlayfs whiteouts. */
  readonly asLayer: boolean;
  /** Refuse to replace a directory by something else, and the other way round (`docker cp`). */
  readonly noOverwriteDirNonDir: boolean;
  /** Give everything to this owner instead of the archive's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** The archive's owners, or the one owner, are those of a container with this map. */
  readonly idMap?: IdMap;
  readonly bytesMax: number;
  readonly entriesMax: number;
}

/**
 * Writes what a tar reader finds into a directory: owners, modes, times, extended attributes, devices, hard links.
 * Names are cleaned, and `..` out of the root is refused; symbolic links are followed by the kernel, so the calling
 * thread must be confined (chroot) to the root for input that is not trusted. Synchronous.
 */
export class ArchiveExtractor implements TarSink {
  readonly #options: ExtractOptions;
  readonly #knownDirectories = new Set<string>(['']);
  readonly #implied = new Set<string>();
  readonly #whiteouts = new Set<string>();
  readonly #directoryTimes = new Map<string, number>();
  #current: { entry: TarEntry; path: string; fd: number } | undefined;
  #bytes = 0;
  #entries = 0;

  constructor(options: ExtractOptions) {
    this.#options = options;
  }

  /** Bytes of file content written so far. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  get entryCount(): number {
    return this.#entries;
  }

  /** Directories that the archive did not mention but its entries needed, parents first. */
  get impliedDirectories(): readonly string[] {
    return [...this.#implied];
  }

  entry(entry: TarEntry): void {
    this.#entries += 1;
    if (this.#entries > this.#options.entriesMax) {
      throw new SwarmError(
        'too_large',
        `the archive has more than ${String(this.#options.entriesMax)} entries`,
      );
    }
    const cleaned = cleanEntryPath(entry.path);
    if (!cleaned.ok) {
      throw cleaned.error;
    }
    try {
      this.#dispatch(entry, cleaned.value);
    } catch (error: unknown) {
      throw describe(error, entry);
    }
  }

  data(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.bytesMax) {
      throw new SwarmError(
        'too_large',
        `the archive unpacks to more than ${String(this.#options.bytesMax)} bytes`,
      );
    }
    if (this.#current === undefined) {
      return;
    }
    const { fd, entry } = this.#current;
    try {
      let offset = 0;
      while (offset < chunk.length) {
        offset += writeSync(fd, chunk, offset, chunk.length - offset);
      }
    } catch (error: unknown) {
      throw describe(error, entry);
    }
  }

  entryEnd(): void {
    const current = this.#current;
    if (current === undefined) {
      return;
    }
    this.#current = undefined;
    const { fd, entry, path } = current;
    try {
      const { uid, gid } = this.#owner(entry);
      fchownSync(fd, uid, gid);
      fchmodSync(fd, entry.mode);
      this.#setXattrs(path, entry);
      futimesSync(fd, entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
    } catch (error: unknown) {
      throw describe(error, entry);
    } finally {
      closeSync(fd);
    }
  }

  /** Sets the times of directories, which writing into them has changed. Call after the last entry. */
  finish(): void {
    for (const [path, modifiedAtMs] of [...this.#directoryTimes].reverse()) {
      lutimesSync(this.#absolute(path), modifiedAtMs / 1000, modifiedAtMs / 1000);
    }
  }

  /** Closes what is open after a failure. */
  abandon(): void {
    if (this.#current !== undefined) {
      closeSync(this.#current.fd);
      this.#current = undefined;
    }
  }

  #absolute(path: string): string {
    return `${this.#options.root}/${path}`;
  }

  #owner(entry: TarEntry): { uid: number; gid: number } {
    const { idMap, owner = { uid: entry.uid, gid: entry.gid } } = this.#options;
    if (idMap === undefined) {
      return owner;
    }
    const mapped = toHostOwner(idMap, owner);
    if (!mapped.ok) {
      throw mapped.error;
    }
    return mapped.value;
  }

  #dispatch(entry: TarEntry, path: string): void {
    const meaning = this.#options.asLayer ? entryMeaning(path) : ({ kind: 'plain', path } as const);
    switch (meaning.kind) {
      case 'ignored':
        return;
      case 'whiteout':
        this.#writeWhiteout(meaning.path);
        return;
      case 'opaque':
        this.#ensureDirectory(meaning.path);
        setXattr(this.#absolute(meaning.path), OPAQUE_XATTR, Buffer.from('y'));
        return;
      case 'plain':
        this.#writeEntry(entry, path);
    }
  }

  /** Hides what the lower layers have at `path`; what this layer itself has there stays. */
  #writeWhiteout(path: string): void {
    this.#ensureParent(path);
    if (this.#find(path) !== undefined) {
      return;
    }
    makeNode(this.#absolute(path), S_IFCHR, WHITEOUT_DEVICE);
    this.#whiteouts.add(path);
  }

  #writeEntry(entry: TarEntry, path: string): void {
    if (path === '') {
      if (entry.type === 'directory') {
        this.#finishDirectory(entry, path);
      }
      return;
    }
    this.#ensureParent(path);
    const isOverWhiteout = this.#whiteouts.delete(path);
    const isKept = this.#makeRoom(entry, path);
    const absolute = this.#absolute(path);
    switch (entry.type) {
      case 'directory':
        if (!isKept) {
          mkdirSync(absolute, 0o700);
        }
        this.#finishDirectory(entry, path);
        if (isOverWhiteout) {
          setXattr(absolute, OPAQUE_XATTR, Buffer.from('y'));
        }
        return;
      case 'file':
        this.#current = { entry, path, fd: openSync(absolute, 'wx', 0o600) };
        return;
      case 'link':
        this.#makeHardLink(entry, path);
        return;
      case 'symlink':
        symlinkSync(entry.linkPath, absolute);
        this.#finishSpecial(entry, path);
        return;
      case 'character-device':
        this.#makeSpecial(entry, path, S_IFCHR);
        return;
      case 'block-device':
        this.#makeSpecial(entry, path, S_IFBLK);
        return;
      case 'fifo':
        this.#makeSpecial(entry, path, S_IFIFO);
    }
  }

  /** Removes what stands in the way; true when an existing directory is to be kept. */
  #makeRoom(entry: TarEntry, path: string): boolean {
    const existing = this.#find(path);
    if (existing === undefined) {
      return false;
    }
    const willBeDirectory = entry.type === 'directory';
    if (this.#options.noOverwriteDirNonDir && existing.isDirectory() !== willBeDirectory) {
      throw new SwarmError(
        'invalid_argument',
        existing.isDirectory()
          ? `cannot overwrite directory "/${path}" with non-directory`
          : `cannot overwrite non-directory "/${path}" with directory`,
      );
    }
    if (existing.isDirectory() && willBeDirectory) {
      return true;
    }
    rmSync(this.#absolute(path), { recursive: true, force: true });
    this.#knownDirectories.clear();
    this.#knownDirectories.add('');
    for (const known of this.#directoryTimes.keys()) {
      if (known === path || known.startsWith(`${path}/`)) {
        this.#directoryTimes.delete(known);
      }
    }
    return false;
  }

  #makeHardLink(entry: TarEntry, path: string): void {
    const target = cleanEntryPath(entry.linkPath);
    if (!target.ok) {
      throw target.error;
    }
    linkSync(this.#absolute(target.value), this.#absolute(path));
  }

  #makeSpecial(entry: TarEntry, path: string, fileType: number): void {
    const absolute = this.#absolute(path);
    makeNode(absolute, fileType | 0o600, { major: entry.deviceMajor, minor: entry.deviceMinor });
    const { uid, gid } = this.#owner(entry);
    lchownSync(absolute, uid, gid);
    chmodSync(absolute, entry.mode);
    this.#setXattrs(path, entry);
    lutimesSync(absolute, entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
  }

  #finishSpecial(entry: TarEntry, path: string): void {
    const absolute = this.#absolute(path);
    const { uid, gid } = this.#owner(entry);
    lchownSync(absolute, uid, gid);
    this.#setXattrs(path, entry);
    lutimesSync(absolute, entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
  }

  #finishDirectory(entry: TarEntry, path: string): void {
    const absolute = this.#absolute(path);
    const { uid, gid } = this.#owner(entry);
    lchownSync(absolute, uid, gid);
    chmodSync(absolute, entry.mode);
    this.#setXattrs(path, entry);
    this.#implied.delete(path);
    this.#knownDirectories.add(path);
    this.#directoryTimes.set(path, entry.modifiedAtMs);
  }

  #setXattrs(path: string, entry: TarEntry): void {
    for (const [name, value] of entry.xattrs) {
      // A layer must not forge what overlayfs keeps for itself.
      if (!name.startsWith('trusted.')) {
        setXattr(this.#absolute(path), name, this.#xattrValue(name, value));
      }
    }
  }

  #xattrValue(name: string, value: Uint8Array): Uint8Array {
    const { idMap } = this.#options;
    return idMap === undefined || name !== 'security.capability'
      ? value
      : capabilityToHost(value, toHostId(idMap.uids, 0) ?? 0);
  }

  /** A directory that the archive only implies belongs to the container's root. */
  #giveToRoot(path: string): void {
    const { idMap } = this.#options;
    if (idMap !== undefined) {
      lchownSync(this.#absolute(path), toHostId(idMap.uids, 0) ?? 0, toHostId(idMap.gids, 0) ?? 0);
    }
  }

  #find(path: string): Stats | undefined {
    return lstatSync(this.#absolute(path), { throwIfNoEntry: false });
  }

  #ensureParent(path: string): void {
    const slash = path.lastIndexOf('/');
    if (slash !== -1) {
      this.#ensureDirectory(path.slice(0, slash));
    }
  }

  #ensureDirectory(path: string): void {
    if (this.#knownDirectories.has(path)) {
      return;
    }
    this.#ensureParent(path);
    const existing = this.#find(path);
    const isWhiteout = this.#whiteouts.delete(path);
    if (existing === undefined || isWhiteout) {
      if (isWhiteout) {
        rmSync(this.#absolute(path));
      }
      mkdirSync(this.#absolute(path), 0o755);
      chmodSync(this.#absolute(path), 0o755);
      this.#giveToRoot(path);
      this.#implied.add(path);
      if (isWhiteout) {
        setXattr(this.#absolute(path), OPAQUE_XATTR, Buffer.from('y'));
      }
    }
    this.#knownDirectories.add(path);
  }
}

function describe(error: unknown, entry: TarEntry): SwarmError {
  if (error instanceof SwarmError && error.code !== 'internal') {
    return error;
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const name = JSON.stringify(entry.path.slice(0, 300));
  const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'resource_exhausted' : 'invalid_argument';
  return new SwarmError(kind, `cannot unpack ${name}: ${errorMessage(error)}`, {
    cause: error,
    temporary: false,
  });
}
