import { X509Certificate } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';

import { SwarmError } from '@skep/kernel';

import type { NodeTls } from './identity-store.ts';

/**
 * TLS towards managers: version 1.3, our certificate, and at the other end a manager of the same cluster. The name in
 * the address proves nothing, so it is not compared.
 */
export function managerTlsOptions(tls: NodeTls): ConnectionOptions {
  const own = new X509Certificate(tls.certificatePem).toLegacyObject();
  return {
    ca: tls.caPem,
    cert: tls.certificatePem,
    key: tls.keyPem,
    minVersion: 'TLSv1.3',
    servername: '',
    checkServerIdentity: (_host, certificate) =>
      certificate.subject.OU === 'swarm-manager' && certificate.subject.O === own.subject.O
        ? undefined
        : new SwarmError('unauthenticated', 'the other end is not a manager of this cluster'),
  };
}
