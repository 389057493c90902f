import { SwarmError, errorMessage, toErrorRecord, type Clock } from '@skep/kernel';
import { DEFAULT_NODE_CERT_EXPIRY_NS, type Cluster, type NodeRole } from '@skep/model';
import type { ReadTx, WriteTx } from '@skep/store';
import {
  CertificateRequest,
  decodeFrame,
  encodeFrame,
  type CertificateAnswer,
  type ManagerAddress,
} from '@skep/wire';
import type { Logger } from 'pino';

import type { UpdateContext, UpdateResult } from '../control-plane-api.ts';
import { wantedRole } from '../dispatcher/registration.ts';
import type { Channel } from '../transport/channel.ts';
import { issueNodeCertificate, type IssuedCertificate } from './authority.ts';
import { parseJoinToken, roleOfToken } from './join-token.ts';

const NS_PER_MS = 1_000_000;
/** A connection that has not sent its request by then is closed. */
const REQUEST_TIMEOUT_MS = 10_000;

/** What the certificate service needs of the control plane. */
export interface CertificatePorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
  view<T>(fn: (tx: ReadTx) => T): T;
  update<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>>;
  managers(): readonly ManagerAddress[];
  leaderAddr(): string | undefined;
  isLeader(): boolean;
}

interface Grant {
  readonly nodeId: string;
  readonly role: NodeRole;
}

function notFitting(message: string): SwarmError {
  return new SwarmError('permission_denied', message);
}

/** Signs certificates on the leader: with a join token for new nodes, with the old certificate for renewals. */
export class CertificateService {
  readonly #ports: CertificatePorts;

  constructor(ports: CertificatePorts) {
    this.#ports = ports;
  }

  /** Takes a connection to `/ca/join`. */
  acceptJoin(channel: Channel): void {
    this.#answerOne(channel, (request) => this.#join(request, channel.remoteAddress));
  }

  /** Takes a connection to `/ca/renew`. */
  acceptRenewal(channel: Channel): void {
    const nodeId = channel.peer?.nodeId;
    this.#answerOne(channel, (request) => {
      if (nodeId === undefined) {
        throw new SwarmError('unauthenticated', 'a node certificate is needed to renew it');
      }
      return this.#renew(request, nodeId, channel.remoteAddress);
    });
  }

  #answerOne(channel: Channel, answer: (request: CertificateRequest) => Promise<CertificateAnswer>): void {
    const timer = setTimeout(() => {
      channel.close(1008, 'no request came');
    }, REQUEST_TIMEOUT_MS);
    let isAnswered = false;
    channel.onClose(() => {
      clearTimeout(timer);
    });
    channel.onFrame((frame) => {
      if (isAnswered) {
        channel.close(1008, 'one request at a time');
        return;
      }
      isAnswered = true;
      void this.#answerOrRefuse(channel, frame, answer).then((reply) => {
        channel.send(encodeFrame(reply));
        channel.close();
      });
    });
  }

  async #answerOrRefuse(
    channel: Channel,
    frame: Uint8Array,
    answer: (request: CertificateRequest) => Promise<CertificateAnswer>,
  ): Promise<CertificateAnswer> {
    try {
      return await answer(decodeFrame(CertificateRequest, frame));
    } catch (error) {
      this.#ports.log.warn(
        { from: channel.remoteAddress, nodeId: channel.peer?.nodeId, err: errorMessage(error) },
        'certificate was refused',
      );
      const record = toErrorRecord(error);
      return {
        t: 'refused',
        error: { ...record, fields: record.fields === undefined ? undefined : [...record.fields] },
      };
    }
  }

  #cluster(): Cluster {
    const cluster = this.#ports.view((tx) => tx.cluster());
    if (!this.#ports.isLeader() || cluster === undefined) {
      const leaderAddr = this.#ports.leaderAddr();
      throw new SwarmError('not_leader', 'this manager is not the leader', {
        details: leaderAddr === undefined ? {} : { leaderAddr },
      });
    }
    return cluster;
  }

  async #join(request: CertificateRequest, remoteAddress: string): Promise<CertificateAnswer> {
    const cluster = this.#cluster();
    const token = request.token ?? '';
    parseJoinToken(token);
    const role = roleOfToken(token, cluster.joinTokens);
    const nodeId = this.#ports.newId();
    const issued = await this.#issue(cluster, request, { nodeId, role }, remoteAddress);
    const availability = request.availability ?? 'active';
    await this.#ports.update(
      {
        actor: { name: `node:${nodeId}`, from: remoteAddress, via: 'node' },
        requestId: this.#ports.newId(),
        audit: {
          action: 'node.join',
          target: {
            kind: 'node',
            id: nodeId,
            ...(request.hostname === undefined ? {} : { name: request.hostname }),
          },
          detail: `joined as ${role}`,
        },
      },
      (tx) =>
        tx.create('node', {
          id: nodeId,
          spec: { role, availability },
          status: { state: 'unknown', addr: remoteAddress, sinceMs: tx.nowMs },
          certificate: certificateRecord(issued),
        }),
    );
    return this.#answer(cluster, issued, { nodeId, role });
  }

  async #renew(
    request: CertificateRequest,
    nodeId: string,
    remoteAddress: string,
  ): Promise<CertificateAnswer> {
    const cluster = this.#cluster();
    const node = this.#ports.view((tx) => tx.get('node', nodeId));
    if (node === undefined) {
      throw notFitting(`node ${nodeId} was removed from this cluster`);
    }
    // The role is what the store says, whatever the old certificate was.
    const role = wantedRole(node);
    const issued = await this.#issue(cluster, request, { nodeId, role }, remoteAddress);
    await this.#ports.update(
      { actor: { name: `node:${nodeId}`, from: remoteAddress, via: 'node' }, requestId: this.#ports.newId() },
      (tx) => tx.patch('node', nodeId, { certificate: certificateRecord(issued) }),
    );
    return this.#answer(cluster, issued, { nodeId, role });
  }

  #issue(
    cluster: Cluster,
    request: CertificateRequest,
    { nodeId, role }: Grant,
    remoteAddress: string,
  ): Promise<IssuedCertificate> {
    return issueNodeCertificate(cluster.ca, {
      csrPem: request.csrPem,
      nodeId,
      role,
      clusterId: cluster.id,
      nowMs: this.#ports.clock.nowMs(),
      validMs: (cluster.spec.ca.nodeCertExpiryNs || DEFAULT_NODE_CERT_EXPIRY_NS) / NS_PER_MS,
      hosts: managerHosts(remoteAddress, request.hostname),
    });
  }

  #answer(cluster: Cluster, issued: IssuedCertificate, { nodeId, role }: Grant): CertificateAnswer {
    this.#ports.log.info({ nodeId, role, expiresAtMs: issued.expiresAtMs }, 'certificate was issued');
    return {
      t: 'certificate',
      nodeId,
      role,
      clusterId: cluster.id,
      certificatePem: issued.certificatePem,
      caPem: cluster.ca.certificatePem,
      managers: [...this.#ports.managers()],
      expiresAtMs: issued.expiresAtMs,
    };
  }
}

/** Names and addresses by which browsers may reach a manager's HTTPS port. */
export function managerHosts(address: string, hostname: string | undefined): string[] {
  const hosts = [address.replace(/^::ffff:/, ''), 'localhost', '127.0.0.1', '::1'];
  if (hostname !== undefined && /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,250}[a-zA-Z0-9])?$/.test(hostname)) {
    hosts.push(hostname);
  }
  return hosts;
}

export function certificateRecord(issued: IssuedCertificate): {
  issuedAtMs: number;
  expiresAtMs: number;
  fingerprint: string;
} {
  return { issuedAtMs: issued.issuedAtMs, expiresAtMs: issued.expiresAtMs, fingerprint: issued.fingerprint };
}
