import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';

import type { INestApplication, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import express, { type NextFunction, type Request, type Response } from 'express';

import { SwarmError } from '@skep/kernel';

import { AppModule, type AppParts } from './app.module.ts';
import { answerForwarded } from './forwarded.ts';
import { jsonBody } from './common/body.ts';
import { NestLogger } from './common/logger.ts';
import { sendProblem } from './common/problem.filter.ts';
import { contextOf, openContext, type Door } from './common/request-context.ts';
import { BUILD, parseHostPort } from './config.ts';
import { ConsoleFiles } from './console-files.ts';
import { MetricsService } from './http/system/metrics.service.ts';
import { ExecGateway } from './ws/exec.gateway.ts';
import { LogsGateway } from './ws/logs.gateway.ts';
import { StateFeed } from './ws/state-feed.ts';
import { StreamGateway } from './ws/stream.gateway.ts';
import { WsRouter } from './ws/ws-router.ts';

type AnyServer = Server | HttpsServer;

/** A request's head must come within this time; its body may take longer. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 60_000;
const CLOSE_MS = 3000;

/** The manager's doors: Nest behind a local socket and a TCP port, with the sockets and the console's files. */
export class Edge {
  readonly #parts: Omit<AppParts, 'build'>;
  #app: INestApplication | undefined;
  readonly #servers: AnyServer[] = [];
  #router: WsRouter | undefined;
  #stopCertificates: (() => void) | undefined;

  constructor(parts: Omit<AppParts, 'build'>) {
    this.#parts = parts;
  }

  /** Listens on both doors. @throws SwarmError `failed_precondition` for an address that is taken. */
  async start(): Promise<void> {
    const { config, controlPlane, logger } = this.#parts;
    const handler = await this.#createApp();
    const local = this.#serve(createHttpServer(), { door: 'local', isSecure: false }, handler);
    // Only the client gives a connection up: a busy manager would close one whose next request has come already.
    local.keepAliveTimeout = 0;
    mkdirSync(dirname(config.socketPath), { recursive: true });
    rmSync(config.socketPath, { force: true });
    await listen(local, { path: config.socketPath }, `the socket ${config.socketPath}`);
    chmodSync(config.socketPath, 0o600);
    controlPlane.onForwardedRequest((request) => answerForwarded(config.socketPath, request));
    const network = this.#serve(
      config.isApiPlain ? createHttpServer() : this.#createHttps(),
      { door: 'network', isSecure: !config.isApiPlain },
      handler,
    );
    const { host, port } = parseHostPort('api-addr', config.apiAddr);
    await listen(network, { host, port }, `the console and API address ${config.apiAddr}`);
    logger.info({ api: config.apiAddr, socket: config.socketPath }, 'api listening');
  }

  /** The TCP port, when the configuration left the choice to the system. */
  get port(): number {
    const address = this.#servers.at(-1)?.address() as AddressInfo | null;
    return address?.port ?? 0;
  }

  /** Stops taking requests, lets those under way end, says good-bye to sockets. */
  async stop(): Promise<void> {
    this.#stopCertificates?.();
    await this.#app?.close();
    this.#router?.close();
    await Promise.all(this.#servers.map(closeServer));
    rmSync(this.#parts.config.socketPath, { force: true });
  }

  async #createApp(): Promise<express.Express> {
    const { config, logger } = this.#parts;
    const server = express();
    server.disable('x-powered-by');
    server.disable('etag');
    server.set('query parser', 'simple');
    server.use((request: Request, response: Response, next: NextFunction) => {
      this.#observe(request, response);
      next();
    });
    const files =
      config.consoleDir === undefined
        ? undefined
        : new ConsoleFiles(config.consoleDir, config.consolePrevDir);
    if (files !== undefined) {
      logger.info({ files: files.count, build: files.build }, 'console found');
      server.use(files.handle);
    }
    server.use(jsonBody);
    server.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
      sendProblem(request, response, { thrown: error, logger });
    });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class.
    const options: NestApplicationOptions = {
      bodyParser: false,
      logger: new NestLogger(logger),
      abortOnError: false,
    };
    const module = AppModule.with({ ...this.#parts, build: files?.build ?? BUILD });
    const app = await NestFactory.create(module, new ExpressAdapter(server), options);
    await app.init();
    this.#app = app;
    this.#router = app.get(WsRouter);
    app.get(StateFeed).start();
    app.get(StreamGateway).start();
    app.get(LogsGateway).start();
    app.get(ExecGateway).start();
    return server;
  }

  #serve(
    server: AnyServer,
    door: { readonly door: Door; readonly isSecure: boolean },
    handler: express.Express,
  ): AnyServer {
    const { hostname } = this.#parts.config;
    server.headersTimeout = HEADERS_MS;
    server.requestTimeout = REQUEST_MS;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const { requestId } = openContext(request, { ...door, hostname });
      response.setHeader('x-request-id', requestId);
      handler(request, response);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      openContext(request, { ...door, hostname });
      this.#router?.upgrade(request, socket, head);
    });
    this.#servers.push(server);
    return server;
  }

  #createHttps(): HttpsServer {
    const { controlPlane, logger } = this.#parts;
    const secrets = (): { cert: string; key: string } => {
      const { certificatePem, caPem, keyPem } = controlPlane.serverCertificate();
      return { cert: `${certificatePem.trimEnd()}\n${caPem}`, key: keyPem };
    };
    const server = createHttpsServer({ ...secrets(), minVersion: 'TLSv1.2' });
    this.#stopCertificates = controlPlane.onCertificate(() => {
      server.setSecureContext({ ...secrets(), minVersion: 'TLSv1.2' });
      logger.info('https certificate renewed');
    });
    server.on('tlsClientError', (error) => {
      logger.debug({ reason: error.message }, 'tls refused');
    });
    return server;
  }

  #observe(request: Request, response: Response): void {
    const { logger } = this.#parts;
    const startMs = performance.now();
    const { requestId, from } = contextOf(request);
    response.on('finish', () => {
      const seconds = (performance.now() - startMs) / 1000;
      const route = (request as { route?: { path?: unknown } }).route?.path;
      const operation = typeof route === 'string' ? `${request.method} ${route}` : 'file';
      this.#app?.get(MetricsService).observe(operation, response.statusCode, seconds);
      logger.debug(
        {
          requestId,
          from,
          method: request.method,
          path: request.path,
          status: response.statusCode,
          durMs: Math.round(seconds * 1000),
        },
        'request answered',
      );
    });
  }
}

async function listen(
  server: AnyServer,
  where: { readonly path: string } | { readonly host: string; readonly port: number },
  what: string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new SwarmError('failed_precondition', `cannot listen on ${what}: ${reasonOf(error)}`, {
          cause: error,
        }),
      );
    });
    server.listen(where, resolve);
  });
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'another process uses it';
    case 'EADDRNOTAVAIL':
      return 'this host has no such address';
    case 'EACCES':
      return 'permission denied';
    default:
      return error.message;
  }
}

async function closeServer(server: AnyServer): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      server.closeAllConnections();
    }, CLOSE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
