import { sha256 } from '@noble/hashes/sha2.js';

/** Lower-case hexadecimal form of bytes. */
export function toHex(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) {
    out += byte.toString(16).padStart(2, '0');
  }
  return out;
}

/** SHA-256 (FIPS 180-4) of `bytes`, in hexadecimal. Synchronous and pure, for state digests and content names. */
export function sha256Hex(bytes: Uint8Array): string {
  return toHex(sha256(bytes));
}
