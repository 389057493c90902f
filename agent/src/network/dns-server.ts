import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

import type { Logger } from 'pino';

import type { DnsDecision, DnsQuestion } from './dns-answer.ts';
import { DNS_MESSAGE_BYTES_MAX, MessageSplitter, forwardQuery, withLength } from './dns-forward.ts';
import { RCODE, readQuery, writeAnswer, writeFailure } from './dns-message.ts';

/** Where the server gets its answers. */
export interface DnsBackend {
  decide(containerId: string, question: DnsQuestion): DnsDecision;
  /** Resolvers for what is not ours; empty for a container without a way out. */
  serversOf(containerId: string): readonly string[];
}

/** Descriptors of the sockets on 127.0.0.11:53 in a container's namespace; the server closes them. */
export interface DnsSockets {
  readonly udp: number;
  readonly tcp: number;
}

export interface DnsCounters {
  queries: number;
  forwarded: number;
  failures: number;
}

/** Bounds: a container that asks too much is refused, not buffered. */
const FORWARDS_MAX = 512;
const FORWARDS_PER_CONTAINER_MAX = 128;
const TCP_CONNECTIONS_PER_CONTAINER_MAX = 16;
const TCP_IDLE_MS = 5000;
const FORWARD_TIMEOUT_MS = 2000;

interface Served {
  readonly udp: UdpSocket;
  readonly tcp: Server;
  readonly connections: Set<Socket>;
  forwards: number;
}

/** Answers the queries of containers, each on sockets inside its own namespace. */
export class DnsServer {
  readonly counters: DnsCounters = { queries: 0, forwarded: 0, failures: 0 };
  readonly #backend: DnsBackend;
  readonly #logger: Logger;
  readonly #served = new Map<string, Served>();
  #forwards = 0;

  constructor(backend: DnsBackend, logger: Logger) {
    this.#backend = backend;
    this.#logger = logger;
  }

  /** Begins to serve a container. */
  attach(containerId: string, sockets: DnsSockets): void {
    this.detach(containerId);
    const udp = createSocket('udp4');
    const tcp = createServer();
    const served: Served = { udp, tcp, connections: new Set(), forwards: 0 };
    const onError = (err: Error): void => {
      this.#logger.warn({ err, containerId }, 'dns socket failed');
    };
    udp.on('error', onError);
    tcp.on('error', onError);
    udp.on('message', (message, sender) => {
      void this.#onDatagram(containerId, served, { message, sender });
    });
    tcp.on('connection', (socket) => {
      this.#onConnection(containerId, served, socket);
    });
    udp.bind({ fd: sockets.udp });
    tcp.listen({ fd: sockets.tcp });
    this.#served.set(containerId, served);
  }

  /** Ends serving a container; its namespace is free of us after this. Idempotent. */
  detach(containerId: string): void {
    const served = this.#served.get(containerId);
    if (served !== undefined) {
      this.#served.delete(containerId);
      served.udp.close();
      served.tcp.close();
      for (const connection of served.connections) {
        connection.destroy();
      }
    }
  }

  close(): void {
    for (const containerId of [...this.#served.keys()]) {
      this.detach(containerId);
    }
  }

  async #onDatagram(
    containerId: string,
    served: Served,
    datagram: { readonly message: Buffer; readonly sender: RemoteInfo },
  ): Promise<void> {
    const answer = await this.#answer(containerId, served, { message: datagram.message, transport: 'udp' });
    if (answer !== undefined && this.#served.get(containerId) === served) {
      served.udp.send(answer, datagram.sender.port, datagram.sender.address, () => undefined);
    }
  }

  #onConnection(containerId: string, served: Served, socket: Socket): void {
    if (served.connections.size >= TCP_CONNECTIONS_PER_CONTAINER_MAX) {
      socket.destroy();
      return;
    }
    served.connections.add(socket);
    const splitter = new MessageSplitter();
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => served.connections.delete(socket));
    socket.on('data', (data) => {
      for (const message of splitter.push(data)) {
        void this.#answer(containerId, served, { message, transport: 'tcp' }).then((answer) => {
          if (answer !== undefined && socket.writable) {
            socket.write(withLength(answer));
          }
        });
      }
    });
  }

  /** The answer to one message; undefined: silence, for what is no query. Never rejects. */
  async #answer(
    containerId: string,
    served: Served,
    request: { readonly message: Buffer; readonly transport: 'udp' | 'tcp' },
  ): Promise<Buffer | undefined> {
    const query = readQuery(request.message);
    if (query === undefined) {
      return undefined;
    }
    this.counters.queries += 1;
    const decision = this.#backend.decide(containerId, query.question);
    if (decision.type !== 'forward') {
      const bytesMax = request.transport === 'udp' ? query.udpBytesMax : DNS_MESSAGE_BYTES_MAX;
      return writeAnswer(query, decision, bytesMax);
    }
    const servers = this.#backend.serversOf(containerId);
    if (
      servers.length === 0 ||
      this.#forwards >= FORWARDS_MAX ||
      served.forwards >= FORWARDS_PER_CONTAINER_MAX
    ) {
      this.counters.failures += 1;
      return writeFailure(query, RCODE.serverFailure);
    }
    this.#forwards += 1;
    served.forwards += 1;
    this.counters.forwarded += 1;
    try {
      return await forwardQuery({ ...request, servers, timeoutMs: FORWARD_TIMEOUT_MS });
    } catch (err) {
      this.counters.failures += 1;
      this.#logger.debug({ err, containerId }, 'dns query could not be forwarded');
      return writeFailure(query, RCODE.serverFailure);
    } finally {
      this.#forwards -= 1;
      served.forwards -= 1;
    }
  }
}
