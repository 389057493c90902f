/** What a tar entry is. Other types are reported as `unknown` with their type letter in the error. */
export type TarEntryType =
  'file' | 'link' | 'symlink' | 'directory' | 'character-device' | 'block-device' | 'fifo';

/** One entry of a tar archive: everything its headers say. */
export interface TarEntry {
  /** As written in the archive; not cleaned. */
  readonly path: string;
  readonly type: TarEntryType;
  /** Permission bits with setuid, setgid and sticky; no file type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch, with fractions where the archive has them. */
  readonly modifiedAtMs: number;
  /** Target of a link or symlink, else empty. */
  readonly linkPath: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

export const TAR_BLOCK_BYTES = 512;

/** Type letters of the ustar format (POSIX.1-2017, pax) and of GNU tar. */
export const TYPE_LETTERS: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};

/** Prefix of the pax records that carry extended attributes. */
export const XATTR_RECORD_PREFIX = 'SCHILY.xattr.';
