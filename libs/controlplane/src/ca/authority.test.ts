import 'reflect-metadata';

import { createHash, generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from 'node:crypto';

import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { describe, expect, test } from 'vitest';

import { createRootCa, issueNodeCertificate, readIdentity } from './authority.ts';
import { caFingerprint, matchesCaDigest, newJoinToken, parseJoinToken, roleOfToken } from './join-token.ts';

const NOW = Date.UTC(2030, 0, 1);
const DAY = 86_400_000;

async function newRequest(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=forged, OU=swarm-manager',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  return csr.toString('pem');
}

const request = {
  nodeId: 'a'.repeat(25),
  clusterId: 'c'.repeat(25),
  nowMs: NOW,
  validMs: 90 * DAY,
  hosts: ['10.0.0.1', 'host1'],
};

describe('issueNodeCertificate', () => {
  test('signs a certificate that the root verifies, with role, node and cluster in the subject', async () => {
    const root = await createRootCa(NOW);
    const issued = await issueNodeCertificate(root, {
      ...request,
      csrPem: await newRequest(),
      role: 'manager',
    });
    const certificate = new X509Certificate(issued.certificatePem);
    const ca = new X509Certificate(root.certificatePem);
    expect(certificate.checkIssued(ca)).toBe(true);
    expect(certificate.verify(ca.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(ca.ca).toBe(true);
    expect(readIdentity(issued.certificatePem)).toEqual({
      nodeId: request.nodeId,
      role: 'manager',
      clusterId: request.clusterId,
      expiresAtMs: issued.expiresAtMs,
    });
    expect(certificate.checkIP('10.0.0.1')).toBe('10.0.0.1');
    expect(certificate.checkHost('host1')).toBe('host1');
    expect(issued.expiresAtMs).toBeLessThanOrEqual(NOW + 90 * DAY);
    expect(issued.expiresAtMs).toBeGreaterThan(NOW + 85 * DAY);
    expect(issued.fingerprint).toBe(`sha256:${createHash('sha256').update(certificate.raw).digest('hex')}`);
  });

  test('takes nothing but the key from the request: a worker cannot ask for the manager unit or names', async () => {
    const root = await createRootCa(NOW);
    const issued = await issueNodeCertificate(root, {
      ...request,
      csrPem: await newRequest(),
      role: 'worker',
    });
    const certificate = new X509Certificate(issued.certificatePem);
    expect(readIdentity(issued.certificatePem).role).toBe('worker');
    expect(certificate.checkIP('10.0.0.1')).toBeUndefined();
    expect(certificate.checkHost('host1')).toBeUndefined();
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  });

  test('refuses a request that is not one', async () => {
    const root = await createRootCa(NOW);
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const csrPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    await expect(issueNodeCertificate(root, { ...request, csrPem, role: 'worker' })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });
});

describe('join tokens', () => {
  const bytes = (count: number): Uint8Array => randomBytes(count);

  test('carry the digest of the root certificate in Swarm form', async () => {
    const root = await createRootCa(NOW);
    const other = await createRootCa(NOW);
    const token = newJoinToken(root.certificatePem, bytes);
    expect(token).toMatch(/^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$/);
    expect(matchesCaDigest(parseJoinToken(token), root.certificatePem)).toBe(true);
    expect(matchesCaDigest(parseJoinToken(token), other.certificatePem)).toBe(false);
    expect(caFingerprint(root.certificatePem)).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test.each(['', 'SWMTKN-1-abc-def', 'SWMTKN-2-' + 'a'.repeat(50) + '-' + 'b'.repeat(25)])(
    'refuse %j',
    (text) => {
      expect(() => parseJoinToken(text)).toThrow('invalid join token');
    },
  );

  test('give the role of the token, and nothing to any other', async () => {
    const root = await createRootCa(NOW);
    const tokens = {
      worker: newJoinToken(root.certificatePem, bytes),
      manager: newJoinToken(root.certificatePem, bytes),
    };
    expect(roleOfToken(tokens.worker, tokens)).toBe('worker');
    expect(roleOfToken(` ${tokens.manager}\n`, tokens)).toBe('manager');
    expect(() => roleOfToken(newJoinToken(root.certificatePem, bytes), tokens)).toThrow('valid join token');
    expect(() => roleOfToken('', tokens)).toThrow('valid join token');
  });
});
