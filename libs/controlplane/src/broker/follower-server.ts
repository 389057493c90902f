import { SwarmError, errorMessage, toErrorRecord } from '@skep/kernel';
import { decodeFrame, encodeFrame } from '@skep/wire';
import type { Logger } from 'pino';

import type { ForwardedAnswer, ForwardedRequest, ForwardedRequestHandler } from '../control-plane-api.ts';
import type { StreamChannel, StreamRequest } from '../stream-api.ts';
import { electionSince } from '../election-since.ts';
import type { Channel } from '../transport/channel.ts';
import { FORWARD_BODY_BYTES_MAX, FollowerMessage, type LeaderMessage } from './channel-messages.ts';
import { serveStream } from './stream-relay.ts';

export interface FollowerServerPorts {
  readonly log: Logger;
  isLeader(): boolean;
  /** Raft's term here and now. */
  term(): number;
  /** Whether a node is to be a manager: a certificate outlives a demotion. */
  isManager(nodeId: string): boolean;
  handler(): ForwardedRequestHandler | undefined;
  openStream(request: StreamRequest): StreamChannel;
  announced(nodeId: string, apiUrl: string | undefined): void;
  digest(nodeId: string, logIndex: number, digest: string): void;
}

/** The leader's side of `/channel`: requests and streams that other managers forward. */
export class FollowerServer {
  readonly #ports: FollowerServerPorts;
  readonly #channels = new Map<string, Channel>();
  /** By id of a forwarded request that is being carried out. */
  readonly #terms = new Map<string, number>();

  constructor(ports: FollowerServerPorts) {
    this.#ports = ports;
  }

  accept(channel: Channel): void {
    const nodeId = channel.peer?.nodeId;
    // The transport lets only managers here; a broken rule there must not open the API.
    if (nodeId === undefined || channel.peer?.role !== 'manager' || !this.#ports.isManager(nodeId)) {
      channel.close(1008, 'only managers may come here');
      return;
    }
    if (channel.query['kind'] === 'stream') {
      serveStream(channel, (request) => {
        this.#assertLeader();
        return this.#ports.openStream(request);
      });
      return;
    }
    this.#channels.set(nodeId, channel);
    channel.onClose(() => {
      if (this.#channels.get(nodeId) === channel) {
        this.#channels.delete(nodeId);
      }
    });
    channel.onFrame((frame) => {
      this.#receive(channel, nodeId, frame);
    });
  }

  /** Tells a manager that its state is not that of the others. */
  sendDiverged(nodeId: string, logIndex: number, digest: string): void {
    this.#channels
      .get(nodeId)
      ?.send(encodeFrame({ t: 'diverged', logIndex, digest } satisfies LeaderMessage));
  }

  /**
   * The term in which a forwarded request may make changes, or not at all: the manager that sent it takes it for not
   * made once a later term has begun, and may send it again. Undefined for requests of this manager's own clients.
   */
  termOf(requestId: string): number | undefined {
    return this.#terms.get(requestId);
  }

  #assertLeader(): void {
    if (!this.#ports.isLeader()) {
      throw new SwarmError('not_leader', 'this manager is not the leader any more');
    }
  }

  #receive(channel: Channel, nodeId: string, frame: Uint8Array): void {
    let message: FollowerMessage;
    try {
      message = decodeFrame(FollowerMessage, frame);
    } catch (error) {
      this.#ports.log.error({ nodeId, err: errorMessage(error) }, 'frame of a manager was refused');
      channel.close(1008, 'frame refused');
      return;
    }
    switch (message.t) {
      case 'announce':
        this.#ports.announced(nodeId, message.apiUrl);
        return;
      case 'digest':
        this.#ports.digest(nodeId, message.logIndex, message.digest);
        return;
      case 'request':
        void this.#answer(message, nodeId).then((answer) => {
          channel.send(encodeFrame(answer));
        });
        return;
    }
  }

  async #answer(message: Extract<FollowerMessage, { t: 'request' }>, nodeId: string): Promise<LeaderMessage> {
    const { id, term } = message;
    const requestId = message.headers['x-request-id'];
    try {
      if (requestId !== undefined) {
        this.#terms.set(requestId, term);
      }
      this.#assertLeader();
      if (this.#ports.term() !== term) {
        throw electionSince();
      }
      const handler = this.#ports.handler();
      if (handler === undefined) {
        throw new SwarmError('unavailable', 'the API of the leader is just starting; try again');
      }
      const answer: ForwardedAnswer = await handler(toRequest(message), nodeId);
      if (answer.body.byteLength > FORWARD_BODY_BYTES_MAX) {
        throw new SwarmError('too_large', 'the answer is over 10 MiB; ask for less');
      }
      return { t: 'answer', id, status: answer.status, headers: { ...answer.headers }, body: answer.body };
    } catch (error) {
      const record = toErrorRecord(error);
      return {
        t: 'error',
        id,
        error: { ...record, fields: record.fields === undefined ? undefined : [...record.fields] },
      };
    } finally {
      this.#terms.delete(requestId ?? '');
    }
  }
}

function toRequest(message: Extract<FollowerMessage, { t: 'request' }>): ForwardedRequest {
  const { method, path, headers, body, principal } = message;
  return {
    method,
    path,
    headers,
    ...(body === undefined ? {} : { body }),
    ...(principal === undefined ? {} : { principal }),
  };
}
