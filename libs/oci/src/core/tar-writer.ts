import { TAR_BLOCK_BYTES, TYPE_LETTERS, XATTR_RECORD_PREFIX, type TarEntry } from './tar-entry.ts';

const encoder = new TextEncoder();

const OCTAL_7_MAX = 0o7777777;
const OCTAL_11_MAX = 0o77777777777;

/** What {@link encodeTarHeader} needs to know; everything but path and type has a default. */
export type TarEntryInput = Pick<TarEntry, 'path' | 'type'> & Partial<TarEntry>;

/**
 * The header blocks of one entry: a pax header first when something does not fit into ustar fields
 * (long names, great numbers, fractions of a second, extended attributes), then the ustar header.
 */
export function encodeTarHeader(input: TarEntryInput): Uint8Array {
  const entry = withDefaults(input);
  const path = encoder.encode(entry.path);
  const link = encoder.encode(entry.linkPath);
  const records = paxRecords(entry, path, link);
  const header = encodeUstar({
    path: path.subarray(0, 100),
    letter: TYPE_LETTERS[entry.type],
    entry,
    link: link.subarray(0, 100),
  });
  if (records.length === 0) {
    return header;
  }
  const size = records.reduce((sum, record) => sum + record.length, 0);
  const paxHeader = encodeUstar({
    path: encoder.encode('././@PaxHeader'),
    letter: 'x',
    entry: { ...withDefaults({ path: '', type: 'file' }), sizeBytes: size, mode: 0o644 },
    link: new Uint8Array(0),
  });
  return concatenate([paxHeader, ...records, tarPadding(size), header]);
}

/** Zeros that fill the last block of an entry with `sizeBytes` of content. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
}

/** The two empty blocks at the end of an archive. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * TAR_BLOCK_BYTES);
}

function withDefaults(input: TarEntryInput): TarEntry {
  const isDirectory = input.type === 'directory';
  return {
    mode: isDirectory ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    modifiedAtMs: 0,
    linkPath: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
    ...input,
    path: isDirectory && !input.path.endsWith('/') ? `${input.path}/` : input.path,
  };
}

function paxRecords(entry: TarEntry, path: Uint8Array, link: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  const add = (key: string, value: Uint8Array | string): void => {
    records.push(encodePaxRecord(key, typeof value === 'string' ? encoder.encode(value) : value));
  };
  if (path.length > 100 || path.some((byte) => byte > 127)) {
    add('path', path);
  }
  if (link.length > 100 || link.some((byte) => byte > 127)) {
    add('linkpath', link);
  }
  if (entry.sizeBytes > OCTAL_11_MAX) {
    add('size', String(entry.sizeBytes));
  }
  if (entry.uid > OCTAL_7_MAX) {
    add('uid', String(entry.uid));
  }
  if (entry.gid > OCTAL_7_MAX) {
    add('gid', String(entry.gid));
  }
  if (entry.modifiedAtMs < 0 || entry.modifiedAtMs % 1000 !== 0) {
    add('mtime', (entry.modifiedAtMs / 1000).toFixed(9));
  }
  for (const [key, value] of [...entry.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    add(XATTR_RECORD_PREFIX + key, value);
  }
  return records;
}

/** The length in front counts its own digits. */
function encodePaxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = encoder.encode(` ${key}=`);
  const bare = rest.length + value.length + 1;
  let length = bare + String(bare).length;
  if (bare + String(length).length !== length) {
    length = bare + String(length).length;
  }
  return concatenate([encoder.encode(String(length)), rest, value, encoder.encode('\n')]);
}

interface UstarFields {
  readonly path: Uint8Array;
  readonly letter: string;
  readonly entry: TarEntry;
  readonly link: Uint8Array;
}

function encodeUstar({ path, letter, entry, link }: UstarFields): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK_BYTES);
  const octal = (value: number, start: number, digits: number): void => {
    const fits = value >= 0 && value < 8 ** digits;
    block.set(encoder.encode((fits ? Math.floor(value) : 0).toString(8).padStart(digits, '0')), start);
  };
  block.set(path, 0);
  octal(entry.mode, 100, 7);
  octal(entry.uid, 108, 7);
  octal(entry.gid, 116, 7);
  octal(entry.sizeBytes, 124, 11);
  octal(entry.modifiedAtMs / 1000, 136, 11);
  block.set(encoder.encode('        '), 148);
  block.set(encoder.encode(letter), 156);
  block.set(link, 157);
  block.set(encoder.encode('ustar\u000000'), 257);
  octal(entry.deviceMajor, 329, 7);
  octal(entry.deviceMinor, 337, 7);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.set(encoder.encode(`${checksum.toString(8).padStart(6, '0')}\u0000 `), 148);
  return block;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
