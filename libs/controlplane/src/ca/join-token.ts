import { timingSafeEqual } from 'node:crypto';

import { SwarmError, sha256Hex, type RandomBytes } from '@skep/kernel';

/** Swarm's token version; the format is `SWMTKN-<version>-<digest of the CA>-<secret>`. */
const TOKEN_PREFIX = 'SWMTKN-1';
/** SHA-256 in base 36, padded. */
const DIGEST_LENGTH = 50;
/** 128 random bits in base 36, padded. */
const SECRET_LENGTH = 25;
const SECRET_BYTES = 16;

const TOKEN_PATTERN = /^SWMTKN-1-([0-9a-z]{50})-([0-9a-z]{25})$/;

export interface JoinToken {
  /** Base-36 form of the SHA-256 of the root certificate's PEM bytes. */
  readonly caDigest: string;
  readonly secret: string;
}

/** The PEM form that digests are taken of: one certificate, 64 columns, a newline at the end. */
export function canonicalPem(certificateDer: Uint8Array): string {
  const base64 = Buffer.from(certificateDer).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** SHA-256 of a root certificate, `sha256:<hex>`, as Swarm prints it. */
export function caFingerprint(caPem: string): string {
  return `sha256:${sha256Hex(Buffer.from(caPem, 'utf8'))}`;
}

function base36(hex: string, length: number): string {
  return BigInt(`0x${hex}`).toString(36).padStart(length, '0');
}

/** Makes a join token for the cluster whose root certificate is `caPem`. */
export function newJoinToken(caPem: string, randomBytes: RandomBytes): string {
  const digest = base36(sha256Hex(Buffer.from(caPem, 'utf8')), DIGEST_LENGTH);
  const secret = base36(Buffer.from(randomBytes(SECRET_BYTES)).toString('hex'), SECRET_LENGTH);
  return `${TOKEN_PREFIX}-${digest}-${secret}`;
}

/**
 * Takes a token apart.
 * @throws SwarmError `invalid_argument` with Swarm's words when it has not the form of one.
 */
export function parseJoinToken(token: string): JoinToken {
  const match = TOKEN_PATTERN.exec(token.trim());
  const [, caDigest, secret] = match ?? [];
  if (caDigest === undefined || secret === undefined) {
    throw new SwarmError('invalid_argument', 'invalid join token');
  }
  return { caDigest, secret };
}

/** Whether `caPem` is the root certificate a token was made for. */
export function matchesCaDigest(token: JoinToken, caPem: string): boolean {
  return base36(sha256Hex(Buffer.from(caPem, 'utf8')), DIGEST_LENGTH) === token.caDigest;
}

function isSameToken(given: string, wanted: string): boolean {
  const a = Buffer.from(given, 'utf8');
  const b = Buffer.from(wanted, 'utf8');
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/**
 * The role that a presented token gives, compared in constant time.
 * @throws SwarmError `permission_denied` when it is neither.
 */
export function roleOfToken(
  given: string,
  tokens: { readonly worker: string; readonly manager: string },
): 'worker' | 'manager' {
  const isManager = isSameToken(given.trim(), tokens.manager);
  const isWorker = isSameToken(given.trim(), tokens.worker);
  if (isManager) {
    return 'manager';
  }
  if (isWorker) {
    return 'worker';
  }
  throw new SwarmError('permission_denied', 'A valid join token is necessary to join this cluster', {
    temporary: false,
  });
}
