import 'reflect-metadata';

import { createPrivateKey, randomBytes, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';

import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  type JsonGeneralName,
} from '@peculiar/x509';

import { SwarmError, errorMessage, sha256Hex } from '@skep/kernel';
import type { NodeRole } from '@skep/model';

import { canonicalPem } from './join-token.ts';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
/** Clocks of joining nodes may be behind by this much (Swarm backdates by as much). */
const BACKDATE_MS = 3_600_000;
const ROOT_VALID_MS = 20 * 365 * 86_400_000;
/** Part of the validity that is taken off at random, so that a cluster does not renew all at once. */
const EXPIRY_JITTER = 0.05;

/** Organisational unit of a certificate, by role (Swarm's names). */
export const ROLE_UNITS = { manager: 'swarm-manager', worker: 'swarm-worker' } as const;

/** A root certificate with its key, both PEM. */
export interface RootCa {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface NodeCertificateTerms {
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly clusterId: string;
  readonly nowMs: number;
  readonly validMs: number;
  /** Further names and addresses of a manager's HTTPS port. A worker gets none whatever it asks for. */
  readonly hosts: readonly string[];
}

export interface NodeCertificateRequest extends NodeCertificateTerms {
  readonly csrPem: string;
}

export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** `sha256:<hex>` of the DER form. */
  readonly fingerprint: string;
}

/** What a peer's certificate says. */
export interface CertificateIdentity {
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly clusterId: string;
  readonly expiresAtMs: number;
}

async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = pkcs8.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  const pkcs8 = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', pkcs8, KEY_ALGORITHM, false, ['sign']);
}

function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}

/** Makes the root certificate of a new cluster (P-256, 20 years). */
export async function createRootCa(nowMs: number): Promise<RootCa> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=swarm-ca',
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + ROOT_VALID_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new BasicConstraintsExtension(true, 1, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificatePem: canonicalPem(new Uint8Array(certificate.rawData)),
    keyPem: await exportPrivateKey(keys.privateKey),
  };
}

function subjectNames(request: NodeCertificateTerms): JsonGeneralName[] {
  const names: JsonGeneralName[] = [
    { type: 'dns', value: ROLE_UNITS[request.role] },
    { type: 'dns', value: request.nodeId },
  ];
  if (request.role === 'manager') {
    for (const host of new Set(request.hosts)) {
      const isAddress = /^[0-9.]+$/.test(host) || host.includes(':');
      names.push({ type: isAddress ? 'ip' : 'dns', value: host });
    }
  }
  return names;
}

async function checkedRequest(csrPem: string): Promise<Pkcs10CertificateRequest> {
  try {
    const csr = new Pkcs10CertificateRequest(csrPem);
    if (await csr.verify()) {
      return csr;
    }
  } catch (error) {
    throw new SwarmError('invalid_argument', `csrPem: not a certificate request: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  throw new SwarmError('invalid_argument', 'csrPem: the signature does not fit its key');
}

/**
 * Signs a node's request. Subject and extensions are the authority's choice; of the request only the key is taken.
 * A manager's certificate serves and connects, a worker's only connects.
 * @throws SwarmError `invalid_argument` when the request is malformed or signed by another key.
 */
export async function issueNodeCertificate(
  root: RootCa,
  request: NodeCertificateRequest,
): Promise<IssuedCertificate> {
  const csr = await checkedRequest(request.csrPem);
  return issue(root, csr.publicKey, request);
}

/** Signs a certificate for a public key (DER, SubjectPublicKeyInfo) that is known to be the node's own. */
export async function issueCertificateFor(
  root: RootCa,
  publicKeyDer: Uint8Array,
  terms: NodeCertificateTerms,
): Promise<IssuedCertificate> {
  return issue(root, new PublicKey(publicKeyDer), terms);
}

async function issue(
  root: RootCa,
  publicKey: PublicKey,
  request: NodeCertificateTerms,
): Promise<IssuedCertificate> {
  const issuer = new X509Certificate(root.certificatePem);
  const jitter = 1 - EXPIRY_JITTER * (randomBytes(4).readUInt32BE(0) / 2 ** 32);
  const expiresAtMs = request.nowMs + Math.floor(request.validMs * jitter);
  const usages = [ExtendedKeyUsage.clientAuth];
  if (request.role === 'manager') {
    usages.push(ExtendedKeyUsage.serverAuth);
  }
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${request.nodeId}, OU=${ROLE_UNITS[request.role]}, O=${request.clusterId}`,
    issuer: issuer.subject,
    notBefore: new Date(request.nowMs - BACKDATE_MS),
    notAfter: new Date(expiresAtMs),
    publicKey,
    signingKey: await importPrivateKey(root.keyPem),
    signingAlgorithm: SIGNING,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(usages, false),
      new SubjectAlternativeNameExtension(subjectNames(request)),
    ],
  });
  const der = new Uint8Array(certificate.rawData);
  return {
    certificatePem: canonicalPem(der),
    issuedAtMs: request.nowMs,
    expiresAtMs: Math.floor(expiresAtMs / 1000) * 1000,
    fingerprint: `sha256:${sha256Hex(der)}`,
  };
}

function subjectField(subject: string, field: string): string {
  const line = subject.split('\n').find((part) => part.startsWith(`${field}=`));
  return line === undefined ? '' : line.slice(field.length + 1);
}

/**
 * Reads the identity out of a node certificate. Does not verify it: TLS has done so, or the caller does.
 * @throws SwarmError `unauthenticated` when it is not a node certificate.
 */
export function readIdentity(certificatePem: string): CertificateIdentity {
  let certificate: NodeCertificate;
  try {
    certificate = new NodeCertificate(certificatePem);
  } catch (error) {
    throw new SwarmError('unauthenticated', `not a certificate: ${errorMessage(error)}`, { cause: error });
  }
  const nodeId = subjectField(certificate.subject, 'CN');
  const clusterId = subjectField(certificate.subject, 'O');
  const unit = subjectField(certificate.subject, 'OU');
  const role = unit === ROLE_UNITS.manager ? 'manager' : unit === ROLE_UNITS.worker ? 'worker' : undefined;
  if (nodeId === '' || clusterId === '' || role === undefined) {
    throw new SwarmError('unauthenticated', 'the certificate names no node, role or cluster');
  }
  return { nodeId, role, clusterId, expiresAtMs: certificate.validToDate.getTime() };
}
