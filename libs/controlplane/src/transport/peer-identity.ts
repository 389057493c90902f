import { X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';

import { SwarmError } from '@skep/kernel';

import type { ChannelPeer, PeerRole } from './channel.ts';

const ROLE_OF_UNIT: Readonly<Record<string, PeerRole>> = {
  'swarm-manager': 'manager',
  'swarm-worker': 'worker',
};

/**
 * Reads who a certificate speaks for: node id (CN), role (OU), cluster (O). The chain is not checked here.
 * @throws SwarmError `unauthenticated` when the certificate is not one of a node.
 */
export function identityOf(certificate: PeerCertificate): ChannelPeer {
  const { CN: nodeId, OU: unit, O: clusterId } = certificate.subject;
  const role = typeof unit === 'string' ? ROLE_OF_UNIT[unit] : undefined;
  if (typeof nodeId !== 'string' || typeof clusterId !== 'string' || role === undefined) {
    throw new SwarmError(
      'unauthenticated',
      'the certificate is not one of a node: it needs CN, O and an OU of swarm-manager or swarm-worker',
    );
  }
  const certificatePem = new X509Certificate(certificate.raw).toString();
  return { nodeId, role, clusterId, certificatePem };
}

/**
 * The verified peer of an accepted connection; undefined when it sent no certificate.
 * @throws SwarmError `unauthenticated` for a certificate of another authority or cluster.
 */
export function peerOf(socket: TLSSocket, clusterId: string): ChannelPeer | undefined {
  const certificate = socket.getPeerCertificate();
  // An absent certificate is an empty object.
  if (Object.keys(certificate).length === 0) {
    return undefined;
  }
  if (!socket.authorized) {
    throw new SwarmError(
      'unauthenticated',
      `the certificate is not signed by this cluster's authority (${String(socket.authorizationError)})`,
    );
  }
  const peer = identityOf(certificate);
  if (peer.clusterId !== clusterId) {
    throw new SwarmError('unauthenticated', `the certificate is one of cluster ${peer.clusterId}`);
  }
  return peer;
}
