import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';

import { API_PREFIX, PROBLEM_MEDIA_TYPE, STREAM_SUBPROTOCOL, toProblem, type Access } from '@skep/contract';
import { SwarmError } from '@skep/kernel';

import { Authenticator, assertSameOrigin } from '../auth/authenticator.ts';
import { assertAccess } from '../auth/auth.guard.ts';
import { SessionKeeper } from '../auth/session-keeper.ts';
import { toSwarmError } from '../common/problem.filter.ts';
import { contextOf, type RequestContext } from '../common/request-context.ts';
import { LOGGER } from '../tokens.ts';

/** Largest frame a client may send. */
const PAYLOAD_BYTES_MAX = 1024 * 1024;
/** Sockets that did not answer a ping in this time are cut. */
const PING_MS = 15_000;
const SOCKETS_MAX = 1000;

/** An accepted socket with what is known of who opened it. */
export interface Connection {
  readonly socket: WebSocket;
  readonly context: RequestContext;
  readonly principal: NonNullable<RequestContext['principal']>;
  /** Values of the `:name` parts of the path. */
  readonly params: Readonly<Record<string, string>>;
}

export interface SocketRoute {
  /** Under `/api/v1`, with `:name` parts. */
  readonly path: string;
  readonly access: Access;
  /** Compression is worth it for JSON state, not for terminals. */
  readonly isCompressed: boolean;
  readonly open: (connection: Connection) => void;
}

/** Takes WebSocket upgrades of all listeners: who asks, may they, and which gateway is meant. */
@Injectable()
export class WsRouter {
  readonly #routes: { readonly route: SocketRoute; readonly pattern: RegExp }[] = [];
  readonly #compressed = new WebSocketServer({
    noServer: true,
    maxPayload: PAYLOAD_BYTES_MAX,
    perMessageDeflate: { threshold: 1024, zlibDeflateOptions: { level: 3 }, concurrencyLimit: 4 },
    handleProtocols: (offered) => (offered.has(STREAM_SUBPROTOCOL) ? STREAM_SUBPROTOCOL : false),
  });
  readonly #plain = new WebSocketServer({
    noServer: true,
    maxPayload: PAYLOAD_BYTES_MAX,
    perMessageDeflate: false,
    handleProtocols: () => false,
  });
  readonly #alive = new Map<WebSocket, boolean>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(SessionKeeper) private readonly keeper: SessionKeeper,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  get count(): number {
    return this.#alive.size;
  }

  add(route: SocketRoute): void {
    const pattern = route.path.replace(/:(\w+)/g, '(?<$1>[^/]+)');
    this.#routes.push({ route, pattern: new RegExp(`^${API_PREFIX}${pattern}$`) });
    this.#timer ??= setInterval(() => {
      this.#pingAll();
    }, PING_MS);
  }

  /** Answers one upgrade request. Refusals are problem documents with the status they would have over HTTP. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {
      socket.destroy();
    });
    try {
      this.#accept(request, socket, head);
    } catch (error: unknown) {
      refuse(request, socket, toSwarmError(error));
    }
  }

  /** Closes every socket with "going away". */
  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#alive.keys()) {
      socket.close(1001, 'the manager stops');
      setTimeout(() => {
        socket.terminate();
      }, 500).unref();
    }
  }

  #accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { pathname } = new URL(request.url ?? '/', 'http://manager');
    const found = this.#routes
      .map(({ route, pattern }) => ({ route, match: pattern.exec(pathname) ?? undefined }))
      .find(({ match }) => match !== undefined);
    if (found === undefined) {
      throw new SwarmError('not_found', 'no socket at this address');
    }
    const context = contextOf(request);
    const principal = this.authenticator.authenticate(request);
    if (principal?.kind === 'user' && !context.isForwarded) {
      assertSameOrigin(request, { isChange: false });
    }
    assertAccess(principal, found.route.access);
    this.keeper.used(context);
    if (this.#alive.size >= SOCKETS_MAX) {
      throw new SwarmError(
        'resource_exhausted',
        `this manager serves ${String(SOCKETS_MAX)} sockets already`,
      );
    }
    const { route, match } = found;
    const params = Object.fromEntries(
      Object.entries(match?.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
    );
    const server = route.isCompressed ? this.#compressed : this.#plain;
    server.handleUpgrade(request, socket, head, (accepted) => {
      this.#track(accepted);
      route.open({ socket: accepted, context, principal, params });
    });
  }

  #track(socket: WebSocket): void {
    this.#alive.set(socket, true);
    socket.on('pong', () => this.#alive.set(socket, true));
    socket.on('error', (error) => {
      this.logger.debug({ reason: error.message }, 'socket failed');
    });
    socket.on('close', () => this.#alive.delete(socket));
  }

  #pingAll(): void {
    for (const [socket, isAlive] of this.#alive) {
      if (!isAlive) {
        socket.terminate();
        continue;
      }
      this.#alive.set(socket, false);
      socket.ping();
    }
  }
}

function refuse(request: IncomingMessage, socket: Duplex, error: SwarmError): void {
  const problem = toProblem(error, { requestId: contextOf(request).requestId, instance: request.url ?? '/' });
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${String(problem.status)} ${problem.title}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Parses one JSON text frame. @throws SwarmError `invalid_argument`. */
export function parseFrame(data: unknown): unknown {
  try {
    return JSON.parse(String(data));
  } catch {
    throw new SwarmError('invalid_argument', 'the frame is not valid JSON');
  }
}
