import 'reflect-metadata';

import { X509Certificate, createHash, webcrypto } from 'node:crypto';
import { TLSSocket, type DetailedPeerCertificate } from 'node:tls';

import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { WebSocket } from 'ws';

import { SwarmError, errorMessage, fromErrorRecord, type ErrorRecord } from '@skep/kernel';
import { CertificateAnswer, decodeFrame, encodeFrame, type CertificateRequest } from '@skep/wire';

import type { NodeTls } from './identity-store.ts';
import { managerTlsOptions } from './manager-tls.ts';

const TIMEOUT_MS = 10_000;
const TOKEN_PATTERN = /^SWMTKN-1-([0-9a-z]{50})-([0-9a-z]{25})$/;
/** How often an answer may point at another manager. */
const REDIRECTS_MAX = 5;

export type IssuedIdentity = Extract<CertificateAnswer, { t: 'certificate' }>;

function toPem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** A new key (P-256) with a request for its certificate. */
export async function newKeyAndRequest(): Promise<{ readonly keyPem: string; readonly csrPem: string }> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=swarm-node',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  return {
    keyPem: toPem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
    csrPem: toPem('CERTIFICATE REQUEST', csr.rawData),
  };
}

/** The digest of the cluster's root certificate that a join token carries. @throws SwarmError `invalid_argument`. */
export function digestOfToken(token: string): string {
  const digest = TOKEN_PATTERN.exec(token.trim())?.[1];
  if (digest === undefined) {
    throw new SwarmError('invalid_argument', 'invalid join token');
  }
  return digest;
}

function base36ToHex(text: string): string {
  let value = 0n;
  for (const digit of text) {
    value = value * 36n + BigInt(Number.parseInt(digit, 36));
  }
  return value.toString(16).padStart(64, '0');
}

/** The last certificate of the chain a server sent. */
function rootOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate {
  let current = certificate;
  while (
    (current.issuerCertificate as DetailedPeerCertificate | undefined) !== undefined &&
    current.issuerCertificate !== current
  ) {
    current = current.issuerCertificate;
  }
  return current;
}

/**
 * Authenticates the manager at the other end of a joining connection: the root of its chain must have the digest in
 * the token, and must have signed a manager's certificate.
 */
function checkServer(socket: TLSSocket, tokenDigest: string): void {
  const leaf = socket.getPeerCertificate(true);
  const root = new X509Certificate(rootOf(leaf).raw);
  const expected = base36ToHex(tokenDigest);
  const pem = toPem('CERTIFICATE', new Uint8Array(root.raw).buffer);
  const actual = createHash('sha256').update(pem).digest('hex');
  if (actual !== expected) {
    throw new SwarmError(
      'unauthenticated',
      `remote CA does not match fingerprint. Expected: ${expected}, Actual: ${actual}`,
    );
  }
  const certificate = new X509Certificate(leaf.raw);
  if (!certificate.verify(root.publicKey) || leaf.subject.OU !== 'swarm-manager') {
    throw new SwarmError('unauthenticated', 'the other end is not a manager of this cluster');
  }
}

interface AskOptions {
  readonly addr: string;
  readonly path: '/ca/join' | '/ca/renew';
  readonly request: Omit<CertificateRequest, 't'>;
  readonly connect: object;
  readonly checkSocket: (socket: TLSSocket) => void;
}

function unreachable(addr: string, error: unknown): SwarmError {
  return new SwarmError(
    'unavailable',
    `no manager answers at ${addr} within ${String(TIMEOUT_MS / 1000)} s: ${errorMessage(error)}`,
    { cause: error },
  );
}

function ask(options: AskOptions): Promise<IssuedIdentity> {
  const { addr } = options;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${addr}${options.path}`, {
      handshakeTimeout: TIMEOUT_MS,
      perMessageDeflate: false,
      ...options.connect,
    });
    const timer = setTimeout(() => {
      reject(unreachable(addr, 'timed out'));
      socket.terminate();
    }, TIMEOUT_MS);
    const fail = (error: unknown): void => {
      reject(error instanceof SwarmError ? error : unreachable(addr, error));
      socket.terminate();
    };
    socket.on('upgrade', (response) => {
      try {
        if (response.socket instanceof TLSSocket) {
          options.checkSocket(response.socket);
        } else {
          fail(new SwarmError('unauthenticated', 'the connection to the manager is not encrypted'));
        }
      } catch (error) {
        fail(error);
      }
    });
    socket.on('error', fail);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(unreachable(addr, 'the connection was closed without an answer'));
    });
    socket.on('open', () => {
      socket.send(encodeFrame({ t: 'certificateRequest', ...options.request } satisfies CertificateRequest));
    });
    socket.on('message', (data: Buffer) => {
      try {
        const answer = decodeFrame(CertificateAnswer, data);
        if (answer.t === 'refused') {
          reject(fromErrorRecord(answer.error as ErrorRecord));
        } else {
          resolve(answer);
        }
      } catch (error) {
        reject(error instanceof Error ? error : new SwarmError('internal', String(error)));
      }
      socket.close();
    });
  });
}

async function askFollowing(options: AskOptions, redirects = 0): Promise<IssuedIdentity> {
  try {
    return await ask(options);
  } catch (error) {
    const leaderAddr = error instanceof SwarmError ? error.details['leaderAddr'] : undefined;
    if (typeof leaderAddr !== 'string' || leaderAddr === options.addr || redirects >= REDIRECTS_MAX) {
      throw error;
    }
    return askFollowing({ ...options, addr: leaderAddr }, redirects + 1);
  }
}

/** Tries the addresses in turn; the last error counts, one that names the token or the root ends the search. */
async function askAny(
  addrs: readonly string[],
  askOne: (addr: string) => Promise<IssuedIdentity>,
): Promise<IssuedIdentity> {
  let last: unknown = new SwarmError('invalid_argument', 'no address of a manager is given');
  for (const addr of addrs) {
    try {
      return await askOne(addr);
    } catch (error) {
      last = error;
      const isFinal =
        error instanceof SwarmError &&
        ['permission_denied', 'unauthenticated', 'invalid_argument'].includes(error.code);
      if (isFinal) {
        break;
      }
    }
  }
  throw last;
}

/**
 * Joins with a token: asks one of the managers for a certificate.
 * @throws SwarmError `invalid_argument` "invalid join token", `unauthenticated` when the root is another one,
 *   `permission_denied` for a token that is not (any more) valid, `unavailable` when nobody answers.
 */
export function joinWithToken(
  addrs: readonly string[],
  request: { readonly token: string; readonly csrPem: string } & Pick<
    CertificateRequest,
    'availability' | 'hostname'
  >,
): Promise<IssuedIdentity> {
  const digest = digestOfToken(request.token);
  return askAny(addrs, (addr) =>
    askFollowing({
      addr,
      path: '/ca/join',
      request: { ...request, token: request.token.trim() },
      connect: { rejectUnauthorized: false, minVersion: 'TLSv1.3' },
      checkSocket: (socket) => {
        checkServer(socket, digest);
      },
    }),
  );
}

/** Renews this node's certificate; the role in it is what the managers have decided. */
export function renewCertificate(
  addrs: readonly string[],
  tls: NodeTls,
  request: Pick<CertificateRequest, 'csrPem' | 'hostname'>,
): Promise<IssuedIdentity> {
  return askAny(addrs, (addr) =>
    askFollowing({
      addr,
      path: '/ca/renew',
      request,
      connect: managerTlsOptions(tls),
      checkSocket: () => undefined,
    }),
  );
}
