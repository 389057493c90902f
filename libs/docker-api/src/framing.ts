/**
 * Docker's framing of two output streams over one connection: each frame is a byte for the stream, three zero bytes,
 * the length as a 32-bit big-endian number, and that many bytes. Streams with a terminal are not framed.
 */
export const FRAME_HEADER_BYTES = 8;

export const STREAM_NUMBERS = { stdin: 0, stdout: 1, stderr: 2, systemerr: 3 } as const;

export type StreamName = keyof typeof STREAM_NUMBERS;

/** Header of a frame whose payload has `payloadBytes` bytes. */
export function frameHeader(stream: StreamName, payloadBytes: number): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  header[0] = STREAM_NUMBERS[stream];
  new DataView(header.buffer).setUint32(4, payloadBytes);
  return header;
}

/** Header and payload in one piece. */
export function encodeFrame(stream: StreamName, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  frame.set(frameHeader(stream, payload.length));
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** A frame taken apart. */
export interface Frame {
  readonly stream: StreamName;
  readonly payload: Uint8Array;
}

/** Takes framed bytes in pieces of any size and gives whole frames back. */
export class FrameDecoder {
  #pending: Uint8Array = new Uint8Array();

  /** Adds bytes; answers the frames that are complete by now. */
  push(bytes: Uint8Array): Frame[] {
    const joined = new Uint8Array(this.#pending.length + bytes.length);
    joined.set(this.#pending);
    joined.set(bytes, this.#pending.length);
    const frames: Frame[] = [];
    let offset = 0;
    while (joined.length - offset >= FRAME_HEADER_BYTES) {
      const view = new DataView(joined.buffer, joined.byteOffset + offset, FRAME_HEADER_BYTES);
      const end = offset + FRAME_HEADER_BYTES + view.getUint32(4);
      if (end > joined.length) {
        break;
      }
      frames.push({
        stream: streamOf(view.getUint8(0)),
        payload: joined.slice(offset + FRAME_HEADER_BYTES, end),
      });
      offset = end;
    }
    this.#pending = joined.slice(offset);
    return frames;
  }
}

function streamOf(number: number): StreamName {
  const names: readonly StreamName[] = ['stdin', 'stdout', 'stderr', 'systemerr'];
  return names[number] ?? 'systemerr';
}
