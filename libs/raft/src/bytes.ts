import { SwarmError, assert } from '@skep/kernel';

const TEXT_ENCODER = new TextEncoder();
const TEXT_DECODER = new TextDecoder('utf-8', { fatal: true });

/** Writes numbers, bytes and text one after the other into a buffer that grows. */
export class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;

  constructor(capacityBytes = 256) {
    this.#buffer = new Uint8Array(capacityBytes);
  }

  /** What was written so far, as a view that the next write may leave behind. */
  get written(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#length + sizeBytes;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.written);
      this.#buffer = grown;
    }
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  /** A non-negative safe integer, in 1 to 8 bytes of 7 bits each, least significant first (LEB128). */
  uint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, `${String(value)} is not an unsigned integer`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length] = (rest % 0x80) | 0x80;
      this.#length += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length] = rest;
    this.#length += 1;
  }

  flag(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  /** Bytes led by their length. */
  bytes(value: Uint8Array): void {
    this.uint(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  text(value: string): void {
    this.bytes(TEXT_ENCODER.encode(value));
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.uint(items.length);
    for (const item of items) {
      write(item);
    }
  }
}

/** Reads what a {@link ByteWriter} wrote. Every method throws `data_loss` on bytes that it did not write. */
export class ByteReader {
  readonly #buffer: Uint8Array;
  #position = 0;

  constructor(buffer: Uint8Array) {
    this.#buffer = buffer;
  }

  get remainingBytes(): number {
    return this.#buffer.length - this.#position;
  }

  byte(): number {
    const value = this.#buffer[this.#position];
    if (value === undefined) {
      throw damaged('it ends too early');
    }
    this.#position += 1;
    return value;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) {
          break;
        }
        return value;
      }
      scale *= 0x80;
    }
    throw damaged('a number is too large');
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) {
      throw damaged('a flag is neither 0 nor 1');
    }
    return value === 1;
  }

  /** A view into the buffer, without a copy. */
  bytes(): Uint8Array {
    const length = this.uint();
    if (length > this.remainingBytes) {
      throw damaged('it ends too early');
    }
    const value = this.#buffer.subarray(this.#position, this.#position + length);
    this.#position += length;
    return value;
  }

  text(): string {
    try {
      return TEXT_DECODER.decode(this.bytes());
    } catch (error) {
      throw error instanceof SwarmError ? error : damaged('a text is not UTF-8');
    }
  }

  list<T>(read: () => T): T[] {
    const count = this.uint();
    // Each item takes at least one byte, so a hostile count cannot make this allocate more than came in.
    if (count > this.remainingBytes) {
      throw damaged('it ends too early');
    }
    const items: T[] = [];
    for (let i = 0; i < count; i += 1) {
      items.push(read());
    }
    return items;
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.remainingBytes > 0) {
      throw damaged('bytes are left over');
    }
  }
}

function damaged(reason: string): SwarmError {
  return new SwarmError('data_loss', `raft record cannot be decoded: ${reason}`);
}
