import { SwarmError } from '@skep/kernel';

import { crc32c } from './crc32c.ts';
import type { DataKeys } from './data-key.ts';

/**
 * A frame, as logs and snapshots are made of (little endian):
 *
 *   0  magic    4  bytes "SKF1"
 *   4  length   u32, of the sealed payload
 *   8  sequence u64, one more than the frame before
 *  16  keyId    u32, which data key sealed it
 *  20  crc      u32, CRC-32C of bytes 4 to 20 and the payload
 *  24  payload  sealed (AES-256-GCM) together with the kind of file and the sequence
 *
 * The checksum tells damage from a wrong key; the sequence shows a hole; the seal keeps frames from being moved.
 */
export const FRAME_HEADER_BYTES = 24;
const MAGIC = Buffer.from('SKF1');

/** Largest payload that is believed when a file is read. */
const PAYLOAD_BYTES_MAX = 512 * 1024 * 1024;

/** Seals and opens what frames carry: {@link DataKeys}, or a stand-in. */
export type Sealer = Pick<DataKeys, 'currentKeyId' | 'seal' | 'open'>;

export type FrameFile = 'wal' | 'snapshot';

function label(file: FrameFile, sequence: number): Buffer {
  return Buffer.from(`${file}:${String(sequence)}`);
}

/** Seals `plain` and puts the header before it. */
export function encodeFrame(keys: Sealer, file: FrameFile, sequence: number, plain: Uint8Array): Buffer {
  const payload = keys.seal(plain, label(file, sequence));
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  MAGIC.copy(frame, 0);
  frame.writeUInt32LE(payload.length, 4);
  frame.writeBigUInt64LE(BigInt(sequence), 8);
  frame.writeUInt32LE(keys.currentKeyId, 16);
  payload.copy(frame, FRAME_HEADER_BYTES);
  frame.writeUInt32LE(checksum(frame), 20);
  return frame;
}

function checksum(frame: Buffer): number {
  return crc32c(frame.subarray(FRAME_HEADER_BYTES), crc32c(frame.subarray(4, 20)));
}

/** A frame found in a file, its checksum verified. */
export interface FoundFrame {
  readonly sequence: number;
  readonly keyId: number;
  readonly payload: Buffer;
  readonly endOffset: number;
}

/** The frame at `offset`; undefined when there is none, or a damaged one. */
export function frameAt(file: Buffer, offset: number): FoundFrame | undefined {
  if (offset + FRAME_HEADER_BYTES > file.length || MAGIC.compare(file, offset, offset + 4) !== 0) {
    return undefined;
  }
  const length = file.readUInt32LE(offset + 4);
  const endOffset = offset + FRAME_HEADER_BYTES + length;
  if (length > PAYLOAD_BYTES_MAX || endOffset > file.length) {
    return undefined;
  }
  const frame = file.subarray(offset, endOffset);
  if (checksum(frame) !== frame.readUInt32LE(20)) {
    return undefined;
  }
  return {
    sequence: Number(frame.readBigUInt64LE(8)),
    keyId: frame.readUInt32LE(16),
    payload: frame.subarray(FRAME_HEADER_BYTES),
    endOffset,
  };
}

/**
 * The frames at the beginning of `file` sealed anew with the current key, each in its place (a seal's size does not depend
 * on the key); undefined when all of them are already.
 */
export function resealFrames(keys: DataKeys, kind: FrameFile, file: Buffer): Buffer | undefined {
  let resealed: Buffer | undefined;
  let offset = 0;
  for (let frame = frameAt(file, offset); frame !== undefined; frame = frameAt(file, offset)) {
    if (frame.keyId !== keys.currentKeyId) {
      resealed ??= Buffer.from(file);
      encodeFrame(keys, kind, frame.sequence, openFrame(keys, kind, frame)).copy(resealed, offset);
    }
    offset = frame.endOffset;
  }
  return resealed;
}

/** The first whole frame at or after `offset`, wherever it starts. */
export function findFrame(file: Buffer, offset: number): { offset: number; frame: FoundFrame } | undefined {
  for (let at = file.indexOf(MAGIC, offset); at >= 0; at = file.indexOf(MAGIC, at + 1)) {
    const frame = frameAt(file, at);
    if (frame !== undefined) {
      return { offset: at, frame };
    }
  }
  return undefined;
}

/** @throws SwarmError `data_loss` when the frame was sealed with another key or for another place. */
export function openFrame(keys: Sealer, file: FrameFile, frame: FoundFrame): Buffer {
  try {
    return keys.open(frame.keyId, frame.payload, label(file, frame.sequence));
  } catch (error) {
    throw new SwarmError(
      'data_loss',
      `record ${String(frame.sequence)} is whole but its seal does not open; is data-key.json of this manager?`,
      { cause: error },
    );
  }
}
