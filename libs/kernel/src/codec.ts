import { decode, encode } from 'cborg';

import { SwarmError, errorMessage } from './errors.ts';

/** Deepest nesting that {@link decodeCbor} accepts, as a guard against hostile frames. */
const DEPTH_MAX = 64;

/**
 * Encodes a JSON-like value (plus `Uint8Array`) as canonical CBOR (RFC 8949 section 4.2): equal values always give
 * equal bytes, so bytes can be compared and digested across nodes. `undefined` properties are left out.
 */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value, { ignoreUndefinedProperties: true });
}

/**
 * Decodes CBOR made by {@link encodeCbor}. The result is `unknown`: validate it before use.
 * @throws SwarmError `data_loss` when the bytes are not valid CBOR or nest deeper than 64 levels.
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = decode(bytes, { rejectDuplicateMapKeys: true, allowUndefined: false });
  } catch (error) {
    throw new SwarmError('data_loss', `not valid CBOR: ${errorMessage(error)}`, { cause: error });
  }
  if (depthExceeds(value, DEPTH_MAX)) {
    throw new SwarmError('data_loss', `CBOR nests deeper than ${String(DEPTH_MAX)} levels`);
  }
  return value;
}

function depthExceeds(value: unknown, depthLeft: number): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) {
    return false;
  }
  if (depthLeft === 0) {
    return true;
  }
  const children: unknown[] = Array.isArray(value) ? value : Object.values(value);
  return children.some((child) => depthExceeds(child, depthLeft - 1));
}
