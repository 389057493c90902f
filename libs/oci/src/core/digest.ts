import { fail, ok, type Result } from '@skep/kernel';

/** A content address such as `sha256:2c26b4...`. */
export type Digest = string;

/** Hash functions that a digest may name, with the number of hexadecimal digits of each (OCI image spec, descriptor). */
const HEX_DIGITS: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

const DIGEST_PATTERN = /^([a-z0-9]+):([0-9a-f]+)$/;

/** The two parts of a digest. */
export interface DigestParts {
  readonly algorithm: 'sha256' | 'sha512';
  readonly hex: string;
}

/** Checks a digest and takes it apart. Only sha256 and sha512 are known; the hexadecimal part is lower case. */
export function parseDigest(text: string): Result<DigestParts> {
  const match = DIGEST_PATTERN.exec(text);
  const algorithm = match?.[1];
  const hex = match?.[2];
  if (hex === undefined || (algorithm !== 'sha256' && algorithm !== 'sha512')) {
    return fail('invalid_argument', `"${text}" is not a digest; it must look like sha256:<64 hex digits>`);
  }
  if (hex.length !== HEX_DIGITS[algorithm]) {
    return fail('invalid_argument', `digest "${text}" has ${String(hex.length)} hex digits, which is wrong`);
  }
  return ok({ algorithm, hex });
}

/** Whether `text` is a digest that {@link parseDigest} accepts. */
export function isDigest(text: string): text is Digest {
  return parseDigest(text).ok;
}

/** The first 12 hexadecimal digits, as people see layers and images named. */
export function shortDigest(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12);
}
