import { createHash, timingSafeEqual } from 'node:crypto';

import type { RandomBytes } from '@skep/kernel';

/** A secret made for a client. Only its digest is stored. */
export interface Credential {
  readonly text: string;
  readonly sha256: string;
}

/** `<prefix>` and 32 random bytes in base64url: 256 bits, so that a plain SHA-256 of it is safe to keep. */
export function newCredential(prefix: string, randomBytes: RandomBytes): Credential {
  const text = prefix + Buffer.from(randomBytes(32)).toString('base64url');
  return { text, sha256: sha256Of(text) };
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** Compares two digests in constant time. */
export function isSameDigest(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8')];
  return left.length === right.length && timingSafeEqual(left, right);
}
