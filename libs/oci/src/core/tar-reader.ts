import { SwarmError } from '@skep/kernel';
import {
  TAR_BLOCK_BYTES,
  TYPE_LETTERS,
  XATTR_RECORD_PREFIX,
  type TarEntry,
  type TarEntryType,
} from './tar-entry.ts';

/** Extended headers larger than this are refused. */
const EXTENDED_HEADER_BYTES_MAX = 1024 * 1024;

const decoder = new TextDecoder();

/** Who takes what a {@link TarReader} finds. Called in the order of the archive. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** Content of the entry that was told of last. The array is only valid during the call. */
  data(chunk: Uint8Array): void;
  /** The entry that was told of last is complete. */
  entryEnd(): void;
}

type PaxRecords = Map<string, Uint8Array>;

const TYPES_BY_LETTER: ReadonlyMap<string, TarEntryType> = new Map([
  ...Object.entries(TYPE_LETTERS).map(([type, letter]) => [letter, type as TarEntryType] as const),
  ['\0', 'file'],
  ['7', 'file'],
]);

/**
 * A push parser of tar archives (ustar, GNU long names, pax), synchronous and without limit on the archive's size.
 * It keeps binary pax values as they are, which extended attributes such as `security.capability` need.
 */
export class TarReader {
  readonly #sink: TarSink;
  readonly #block = new Uint8Array(TAR_BLOCK_BYTES);
  #blockFill = 0;
  /** Bytes of the current entry's content still to come, and of its padding. */
  #contentLeft = 0;
  #paddingLeft = 0;
  #state: 'header' | 'content' | 'extended' | 'padding' | 'ended' = 'header';
  #afterPadding: 'header' | 'ended' = 'header';
  #extendedType = '';
  #extended = new Uint8Array(0);
  #extendedFill = 0;
  #pax: PaxRecords = new Map();
  readonly #globalPax: PaxRecords = new Map();
  #longPath: string | undefined;
  #longLink: string | undefined;
  #zeroBlocks = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Takes the next bytes. Throws `invalid_argument` when they are no tar archive. */
  push(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      switch (this.#state) {
        case 'header':
          offset = this.#takeHeader(chunk, offset);
          break;
        case 'content':
          offset = this.#takeContent(chunk, offset);
          break;
        case 'extended':
          offset = this.#takeExtended(chunk, offset);
          break;
        case 'padding': {
          const taken = Math.min(this.#paddingLeft, chunk.length - offset);
          this.#paddingLeft -= taken;
          offset += taken;
          if (this.#paddingLeft === 0) {
            this.#state = this.#afterPadding;
          }
          break;
        }
        case 'ended':
          return;
      }
    }
  }

  /** Says that there are no more bytes. Throws when the archive ends in the middle of an entry. */
  finish(): void {
    const isBetween = this.#state === 'ended' || (this.#state === 'header' && this.#blockFill === 0);
    if (!isBetween) {
      throw malformed('it ends in the middle of an entry');
    }
  }

  #takeHeader(chunk: Uint8Array, offset: number): number {
    const taken = Math.min(TAR_BLOCK_BYTES - this.#blockFill, chunk.length - offset);
    this.#block.set(chunk.subarray(offset, offset + taken), this.#blockFill);
    this.#blockFill += taken;
    if (this.#blockFill === TAR_BLOCK_BYTES) {
      this.#blockFill = 0;
      this.#readHeader();
    }
    return offset + taken;
  }

  #readHeader(): void {
    const block = this.#block;
    if (block.every((byte) => byte === 0)) {
      this.#zeroBlocks += 1;
      this.#state = this.#zeroBlocks === 2 ? 'ended' : 'header';
      return;
    }
    this.#zeroBlocks = 0;
    checkChecksum(block);
    const letter = String.fromCharCode(block[156] ?? 0);
    if (letter === 'x' || letter === 'g' || letter === 'L' || letter === 'K') {
      this.#startExtended(letter, checkSize(readNumber(block, 124, 12)));
      return;
    }
    const entry = this.#makeEntry(block, letter);
    this.#pax = new Map();
    this.#longPath = undefined;
    this.#longLink = undefined;
    this.#startEntry(entry);
  }

  #startExtended(letter: string, sizeBytes: number): void {
    if (sizeBytes > EXTENDED_HEADER_BYTES_MAX) {
      throw malformed('an extended header is larger than 1 MiB');
    }
    this.#extendedType = letter;
    this.#extended = new Uint8Array(sizeBytes);
    this.#extendedFill = 0;
    this.#state = 'extended';
    if (sizeBytes === 0) {
      this.#finishExtended();
    }
  }

  #takeExtended(chunk: Uint8Array, offset: number): number {
    const taken = Math.min(this.#extended.length - this.#extendedFill, chunk.length - offset);
    this.#extended.set(chunk.subarray(offset, offset + taken), this.#extendedFill);
    this.#extendedFill += taken;
    if (this.#extendedFill === this.#extended.length) {
      this.#finishExtended();
    }
    return offset + taken;
  }

  #finishExtended(): void {
    const bytes = this.#extended;
    if (this.#extendedType === 'L') {
      this.#longPath = readText(bytes, 0, bytes.length);
    } else if (this.#extendedType === 'K') {
      this.#longLink = readText(bytes, 0, bytes.length);
    } else {
      const target = this.#extendedType === 'g' ? this.#globalPax : this.#pax;
      for (const [key, value] of parsePaxRecords(bytes)) {
        target.set(key, value);
      }
    }
    this.#extended = new Uint8Array(0);
    this.#enterPadding(bytes.length);
  }

  #makeEntry(block: Uint8Array, letter: string): TarEntry {
    const pax = (key: string): Uint8Array | undefined => this.#pax.get(key) ?? this.#globalPax.get(key);
    const text = (key: string): string | undefined => {
      const value = pax(key);
      return value === undefined ? undefined : decoder.decode(value);
    };
    const number = (key: string, fallback: number): number => {
      const value = text(key);
      const parsed = value === undefined ? fallback : Number(value);
      if (!Number.isFinite(parsed)) {
        throw malformed(`the pax record ${key} is not a number`);
      }
      return parsed;
    };
    if (letter === 'S' || text('GNU.sparse.major') !== undefined || text('GNU.sparse.map') !== undefined) {
      throw new SwarmError(
        'unimplemented',
        'the tar archive holds a sparse file in GNU format; repack it without --sparse',
      );
    }
    const type = TYPES_BY_LETTER.get(letter);
    if (type === undefined) {
      throw malformed(`it has an entry of unknown type ${JSON.stringify(letter)}`);
    }
    const path = text('path') ?? this.#longPath ?? readPath(block);
    const hasContent = type === 'file';
    return {
      path,
      // Archives older than ustar mark directories only by a slash at the end of the name.
      type: type === 'file' && path.endsWith('/') ? 'directory' : type,
      mode: readNumber(block, 100, 8) & 0o7777,
      uid: number('uid', readNumber(block, 108, 8)),
      gid: number('gid', readNumber(block, 116, 8)),
      sizeBytes: hasContent ? checkSize(number('size', readNumber(block, 124, 12))) : 0,
      modifiedAtMs: number('mtime', readNumber(block, 136, 12)) * 1000,
      linkPath: text('linkpath') ?? this.#longLink ?? readText(block, 157, 100),
      deviceMajor: readNumber(block, 329, 8),
      deviceMinor: readNumber(block, 337, 8),
      xattrs: collectXattrs(this.#globalPax, this.#pax),
    };
  }

  #startEntry(entry: TarEntry): void {
    this.#sink.entry(entry);
    this.#contentLeft = entry.sizeBytes;
    this.#state = 'content';
    if (entry.sizeBytes === 0) {
      this.#sink.entryEnd();
      this.#state = 'header';
    } else {
      this.#paddingLeft = paddingOf(entry.sizeBytes);
    }
  }

  #takeContent(chunk: Uint8Array, offset: number): number {
    const taken = Math.min(this.#contentLeft, chunk.length - offset);
    this.#sink.data(chunk.subarray(offset, offset + taken));
    this.#contentLeft -= taken;
    if (this.#contentLeft === 0) {
      this.#sink.entryEnd();
      this.#state = this.#paddingLeft === 0 ? 'header' : 'padding';
      this.#afterPadding = 'header';
    }
    return offset + taken;
  }

  #enterPadding(sizeBytes: number): void {
    this.#paddingLeft = paddingOf(sizeBytes);
    this.#afterPadding = 'header';
    this.#state = this.#paddingLeft === 0 ? 'header' : 'padding';
  }
}

function malformed(what: string): SwarmError {
  return new SwarmError('invalid_argument', `the tar archive is malformed: ${what}`);
}

function paddingOf(sizeBytes: number): number {
  return (TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}

function checkSize(sizeBytes: number): number {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw malformed('an entry has an impossible size');
  }
  return sizeBytes;
}

/** The checksum is the sum of all header bytes with the checksum field itself taken as spaces. */
function checkChecksum(block: Uint8Array): void {
  let unsigned = 0;
  let signed = 0;
  for (let index = 0; index < TAR_BLOCK_BYTES; index += 1) {
    const byte = index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const stated = readNumber(block, 148, 8);
  if (stated !== unsigned && stated !== signed) {
    throw malformed('a header has a wrong checksum');
  }
}

function readText(block: Uint8Array, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return decoder.decode(end === -1 ? field : field.subarray(0, end));
}

function readPath(block: Uint8Array): string {
  const name = readText(block, 0, 100);
  const isUstar = readText(block, 257, 6) === 'ustar';
  const prefix = isUstar ? readText(block, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Octal digits, or base 256 when the first bit is set (GNU). */
function readNumber(block: Uint8Array, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = BigInt(first & 0x3f) - ((first & 0x40) === 0 ? 0n : 64n);
    for (const byte of field.subarray(1)) {
      value = value * 256n + BigInt(byte);
    }
    return Number(value);
  }
  const text = readText(block, start, length).trim();
  if (text === '') {
    return 0;
  }
  if (!/^[0-7]+$/.test(text)) {
    throw malformed('a header has a field that is not a number');
  }
  return Number.parseInt(text, 8);
}

/** Splits `<length> <key>=<value>\n` records; values stay bytes. */
function parsePaxRecords(bytes: Uint8Array): [string, Uint8Array][] {
  const records: [string, Uint8Array][] = [];
  let offset = 0;
  while (offset < bytes.length && bytes[offset] !== 0) {
    const space = bytes.indexOf(0x20, offset);
    const length = space === -1 ? Number.NaN : Number(decoder.decode(bytes.subarray(offset, space)));
    const end = offset + length;
    const equals = bytes.indexOf(0x3d, space);
    if (
      !Number.isSafeInteger(length) ||
      end > bytes.length ||
      equals === -1 ||
      equals >= end ||
      bytes[end - 1] !== 0x0a
    ) {
      throw malformed('a pax header is broken');
    }
    records.push([decoder.decode(bytes.subarray(space + 1, equals)), bytes.slice(equals + 1, end - 1)]);
    offset = end;
  }
  return records;
}

function collectXattrs(...sources: readonly PaxRecords[]): ReadonlyMap<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  for (const source of sources) {
    for (const [key, value] of source) {
      if (key.startsWith(XATTR_RECORD_PREFIX)) {
        xattrs.set(key.slice(XATTR_RECORD_PREFIX.length), value);
      }
    }
  }
  return xattrs;
}
