import { chmod, chown, unlink } from 'node:fs/promises';
import { ServerResponse, createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { API_VERSION_MAX, answerForError, formatApiVersion, parseVersionedPath } from '@skep/docker-api';
import { SwarmError, errorMessage } from '@skep/kernel';

import type { DockerApiContext } from './context.ts';
import { Exchange } from './exchange.ts';
import { Router } from './router.ts';
import { buildRoutes } from './routes/builds.ts';
import { containerStreamRoutes } from './routes/container-streams.ts';
import { containerRoutes } from './routes/containers.ts';
import { execRoutes } from './routes/execs.ts';
import { imageSearchRoutes } from './routes/image-search.ts';
import { imageTransferRoutes } from './routes/image-transfer.ts';
import { imageRoutes } from './routes/images.ts';
import { networkRoutes } from './routes/networks.ts';
import { nodeRoutes } from './routes/nodes.ts';
import { payloadRoutes } from './routes/payloads.ts';
import { serviceRoutes } from './routes/services.ts';
import { swarmRoutes } from './routes/swarm.ts';
import { systemRoutes } from './routes/system.ts';
import { taskRoutes } from './routes/tasks.ts';
import { unsupportedRoutes } from './routes/unsupported.ts';
import { volumeRoutes } from './routes/volumes.ts';

/** Group and permission bits of the socket. */
export interface SocketOptions {
  readonly gid?: number;
  readonly mode?: number;
}

const UNWANTED_BODY_BYTES_MAX = 256 * 1024;
const UNWANTED_BODY_MS_MAX = 2000;
const DEFAULT_SOCKET_MODE = 0o660;

/** The Docker Engine API on a unix socket: `docker -H unix://<path>` speaks to it. */
export class DockerApiServer {
  readonly #context: DockerApiContext;
  readonly #router: Router;
  readonly #server: Server;
  /** Open connections, hijacked ones among them, which the HTTP server no longer knows. */
  readonly #sockets = new Set<Socket>();

  constructor(context: DockerApiContext) {
    this.#context = context;
    this.#router = new Router([
      ...systemRoutes(context),
      ...unsupportedRoutes(),
      ...buildRoutes(context),
      ...containerRoutes(context),
      ...containerStreamRoutes(context),
      ...execRoutes(context),
      ...imageSearchRoutes(context),
      ...imageTransferRoutes(context),
      ...imageRoutes(context),
      ...volumeRoutes(context),
      ...networkRoutes(context),
      ...swarmRoutes(context),
      ...nodeRoutes(context),
      ...serviceRoutes(context),
      ...taskRoutes(context),
      ...payloadRoutes(context),
    ]);
    // Streams last as long as the client wants them; only headers must come in time.
    this.#server = createServer({ requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 60_000 });
    this.#server.on('request', (request, response) => {
      void this.#serve(request, response);
    });
    this.#server.on('upgrade', (request, _socket, head) => {
      this.#serveUpgrade(request, head);
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('clientError', (_, socket) => {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
  }

  /** Listens on `socketPath`; a socket that a dead process left behind is replaced. */
  async listen(socketPath: string, options: SocketOptions = {}): Promise<void> {
    await unlink(socketPath).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error;
      }
    });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(socketPath, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    if (options.gid !== undefined) {
      await chown(socketPath, 0, options.gid);
    }
    await chmod(socketPath, options.mode ?? DEFAULT_SOCKET_MODE);
    this.#context.log.info({ socketPath }, 'Docker API is listening');
  }

  /** Stops listening and ends every connection; containers go on. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await closed;
  }

  /** A request that asks for an upgrade may still end in an ordinary answer, so it gets a response object too. */
  #serveUpgrade(request: IncomingMessage, head: Buffer): void {
    const { socket } = request;
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => {
      socket.end();
      socket.resume();
    });
    socket.on('error', (error) => {
      this.#context.log.debug({ err: error }, 'Docker API client broke its connection');
    });
    void this.#serve(request, response, { socket, head });
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    upgrade?: { readonly socket: Duplex; readonly head: Buffer },
  ): Promise<void> {
    const startedMs = performance.now();
    let exchange: Exchange | undefined;
    response.on('error', () => undefined);
    setCommonHeaders(response, this.#context.versions.product);
    try {
      const url = parseUrl(request.url ?? '/');
      const versioned = parseVersionedPath(url.pathname);
      if (!versioned.ok) {
        throw versioned.error;
      }
      const { version, path } = versioned.value;
      const match = this.#router.find(request.method ?? 'GET', path);
      if (match === undefined) {
        throw new SwarmError('not_found', 'page not found');
      }
      exchange = new Exchange({
        request,
        response,
        version,
        path,
        params: match.params,
        query: url.searchParams,
        ...(upgrade === undefined ? {} : { upgrade }),
      });
      await match.handle(exchange);
    } catch (error) {
      await this.#answerError(error, request, { response, ...(exchange === undefined ? {} : { exchange }) });
    }
    this.#context.log.debug(
      { method: request.method, url: pathOnly(request.url), durMs: performance.now() - startedMs },
      'Docker API request was served',
    );
  }

  async #answerError(
    error: unknown,
    request: IncomingMessage,
    { response, exchange }: { readonly response: ServerResponse; readonly exchange?: Exchange },
  ): Promise<void> {
    const answer = answerForError(error);
    const facts = { method: request.method, url: pathOnly(request.url), status: answer.status, err: error };
    if (answer.status === 500) {
      this.#context.log.error(facts, 'Docker API request failed');
    } else {
      this.#context.log.debug(facts, 'Docker API request was refused');
    }
    if (exchange?.isStarted === true || response.headersSent) {
      exchange?.destroy();
      return;
    }
    if (!request.complete && exchange?.isHijackable !== true) {
      await swallow(request);
    }
    if (!request.complete) {
      // What is left of the body is not wanted: the connection ends with this answer.
      response.setHeader('Connection', 'close');
    }
    const text = `${JSON.stringify(answer.body)}\n`;
    response.statusCode = answer.status;
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Content-Length', String(Buffer.byteLength(text)));
    response.end(text);
    request.resume();
  }
}

/**
 * Reads a small rest of a body that nobody wants: clients that are cut off while they send complain of that instead of
 * showing the error they are told.
 */
function swallow(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let size = 0;
    const timer = setTimeout(done, UNWANTED_BODY_MS_MAX);
    function onData(chunk: Buffer): void {
      size += chunk.length;
      if (size > UNWANTED_BODY_BYTES_MAX) {
        done();
      }
    }
    function done(): void {
      clearTimeout(timer);
      request.off('data', onData).off('end', done).off('close', done);
      resolve();
    }
    request.on('data', onData).once('end', done).once('close', done);
    request.resume();
  });
}

function setCommonHeaders(response: ServerResponse, product: string): void {
  response.setHeader('Api-Version', formatApiVersion(API_VERSION_MAX));
  response.setHeader('Docker-Experimental', 'false');
  response.setHeader('Ostype', 'linux');
  response.setHeader('Server', `Skep/${product} (linux)`);
}

function parseUrl(text: string): URL {
  try {
    return new URL(text, 'http://docker');
  } catch (error) {
    throw new SwarmError('invalid_argument', `invalid request path: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/** Queries may hold what does not belong into a log. */
function pathOnly(url: string | undefined): string {
  return (url ?? '').split('?')[0] ?? '';
}
