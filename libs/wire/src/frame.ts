import type { z } from 'zod';

import { SwarmError, decodeCbor, encodeCbor } from '@skep/kernel';

/** Largest frame that either side accepts; larger payloads are cut into stream parts. */
export const FRAME_BYTES_MAX = 32 * 1024 * 1024;

/** Encodes a message for one WebSocket frame (canonical CBOR). */
export function encodeFrame(message: unknown): Uint8Array {
  return encodeCbor(message);
}

/**
 * Decodes and validates one frame.
 * @throws SwarmError `invalid_argument` naming the first field that does not fit, `too_large` over the limit.
 */
export function decodeFrame<S extends z.ZodType>(schema: S, bytes: Uint8Array): z.infer<S> {
  if (bytes.byteLength > FRAME_BYTES_MAX) {
    throw new SwarmError('too_large', `frame of ${String(bytes.byteLength)} bytes is over the limit`);
  }
  const result = schema.safeParse(decodeCbor(bytes));
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new SwarmError(
      'invalid_argument',
      `frame refused: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown form'}`,
      { cause: result.error },
    );
  }
  return result.data;
}
