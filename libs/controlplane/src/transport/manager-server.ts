import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';

import { SwarmError, errorMessage, isSwarmError } from '@skep/kernel';

import type { TlsMaterial } from '../driver/raft-handle.ts';
import type { ChannelPeer, PeerRole } from './channel.ts';
import { peerOf } from './peer-identity.ts';
import { contextOptions } from './tls-options.ts';

/** A connection that passed all checks of its path. */
export interface AcceptedSocket {
  readonly socket: WebSocket;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly peer: ChannelPeer | undefined;
  readonly remoteAddress: string;
}

/** What a path of the port allows. */
export interface ServerPath {
  readonly roles: readonly PeerRole[];
  /** Whether a connection without a client certificate may come. */
  readonly isOpenToAll: boolean;
  readonly frameBytesMax: number;
  readonly accept: (accepted: AcceptedSocket) => void;
}

export interface ManagerServerOptions {
  readonly clusterId: string;
  readonly tls: TlsMaterial;
  readonly logger: Logger;
  /** The rules of a path; undefined when nobody serves it (yet). */
  readonly pathOf: (path: string) => ServerPath | undefined;
}

const CONNECTIONS_MAX = 20_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** HTTP status lines of refusals. */
const STATUS_OF: Readonly<Record<string, string>> = {
  unauthenticated: '401 Unauthorized',
  permission_denied: '403 Forbidden',
  not_found: '404 Not Found',
  unavailable: '503 Service Unavailable',
};

/**
 * The manager port: one TLS 1.3 server that asks for a client certificate and speaks WebSocket only. Who may come
 * where is decided before the WebSocket handshake is answered.
 */
export class ManagerServer {
  readonly #options: ManagerServerOptions;
  readonly #server: Server & { setSecureContext(options: ReturnType<typeof contextOptions>): void };
  readonly #webSockets = new Map<number, WebSocketServer>();
  readonly #open = new Set<WebSocket>();

  constructor(options: ManagerServerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        ...contextOptions(options.tls),
        requestCert: true,
        // Checked by hand: `/ca/join` is open to those who have none yet.
        rejectUnauthorized: false,
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      },
      (_request, response) => {
        response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end();
      },
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('upgrade', (request, socket, head) => {
      this.#onUpgrade(request, socket, head);
    });
    this.#server.on('tlsClientError', (error) => {
      options.logger.debug({ err: error }, 'refused a connection in the TLS handshake');
    });
  }

  /** @throws SwarmError `failed_precondition` when the port cannot be bound. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        const message = `cannot listen on ${host}:${String(port)}: ${errorMessage(error)}`;
        reject(new SwarmError('failed_precondition', message, { cause: error }));
      });
      this.#server.listen({ host, port }, resolve);
    });
    this.#server.removeAllListeners('error');
    this.#server.on('error', (error) => {
      this.#options.logger.error({ err: error }, 'the manager port failed');
    });
    return this.#server.address() as AddressInfo;
  }

  setTls(tls: TlsMaterial): void {
    this.#server.setSecureContext(contextOptions(tls));
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (error) => {
      this.#options.logger.debug({ err: error }, 'a connection failed before it was accepted');
    });
    const url = new URL(request.url ?? '/', 'https://manager');
    try {
      const rules = this.#rulesOf(url.pathname);
      const peer = this.#authorize(socket, url.pathname, rules);
      const webSockets = this.#webSocketServer(rules.frameBytesMax);
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#open.add(webSocket);
        webSocket.once('close', () => this.#open.delete(webSocket));
        webSocket.on('error', (error) => {
          this.#options.logger.debug({ err: error, path: url.pathname }, 'a connection failed');
        });
        rules.accept({
          socket: webSocket,
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          peer,
          remoteAddress: request.socket.remoteAddress ?? '',
        });
      });
    } catch (error) {
      this.#refuse(socket, url.pathname, error);
    }
  }

  #rulesOf(path: string): ServerPath {
    const rules = this.#options.pathOf(path);
    if (rules === undefined) {
      throw new SwarmError('not_found', `nothing is served at ${path}`);
    }
    return rules;
  }

  #authorize(socket: Duplex, path: string, rules: ServerPath): ChannelPeer | undefined {
    if (!(socket instanceof TLSSocket)) {
      throw new SwarmError('unauthenticated', 'the connection is not encrypted');
    }
    const peer = peerOf(socket, this.#options.clusterId);
    if (peer === undefined && !rules.isOpenToAll) {
      throw new SwarmError('unauthenticated', `${path} needs a client certificate of this cluster`);
    }
    if (peer !== undefined && !rules.roles.includes(peer.role)) {
      throw new SwarmError('permission_denied', `a ${peer.role} may not use ${path}`);
    }
    return peer;
  }

  #refuse(socket: Duplex, path: string, error: unknown): void {
    const code = isSwarmError(error) ? error.code : 'internal';
    this.#options.logger.warn({ path, code, err: error }, 'refused a connection to the manager port');
    const status = STATUS_OF[code] ?? '500 Internal Server Error';
    const body = errorMessage(error);
    socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\nconnection: close\r\n` +
        `content-length: ${String(Buffer.byteLength(body))}\r\n\r\n${body}`,
    );
  }

  /** One WebSocket server for each limit of frame size: the limit is a property of the server there. */
  #webSocketServer(frameBytesMax: number): WebSocketServer {
    const found = this.#webSockets.get(frameBytesMax);
    if (found !== undefined) {
      return found;
    }
    const made = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      clientTracking: false,
      skipUTF8Validation: true,
      maxPayload: frameBytesMax,
    });
    this.#webSockets.set(frameBytesMax, made);
    return made;
  }

  /** Stops listening and ends all connections. */
  async close(): Promise<void> {
    for (const socket of this.#open) {
      socket.terminate();
    }
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }
}
