import { constants } from 'node:crypto';
import type { ConnectionOptions, SecureContextOptions } from 'node:tls';

import { SwarmError } from '@skep/kernel';

import type { TlsMaterial } from '../driver/raft-handle.ts';
import { identityOf } from './peer-identity.ts';

/** What both sides of the manager port agree on: TLS 1.3 and nothing older. */
export function contextOptions(tls: TlsMaterial): SecureContextOptions {
  return {
    ca: tls.caPem,
    cert: tls.certificatePem,
    key: tls.keyPem,
    minVersion: 'TLSv1.3',
    // A resumed session would skip the certificates, and with them a renewed or revoked identity.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/**
 * Options for a connection to a manager. The name in the address proves nothing: what counts is that the certificate
 * comes from the cluster's authority, names the cluster, is a manager's, and is the expected node's where one is.
 */
export function clientOptions(
  tls: TlsMaterial,
  expected: { readonly clusterId: string; readonly nodeId?: string },
): ConnectionOptions {
  return {
    ...contextOptions(tls),
    rejectUnauthorized: true,
    // Addresses are no names: no server name is sent.
    servername: '',
    checkServerIdentity: (_host, certificate) => {
      const peer = identityOf(certificate);
      if (peer.role !== 'manager' || peer.clusterId !== expected.clusterId) {
        return new SwarmError('unauthenticated', 'the other end is not a manager of this cluster');
      }
      if (expected.nodeId !== undefined && peer.nodeId !== expected.nodeId) {
        return new SwarmError(
          'unauthenticated',
          `node ${peer.nodeId} answers at the address of node ${expected.nodeId}`,
        );
      }
      return undefined;
    },
  };
}
