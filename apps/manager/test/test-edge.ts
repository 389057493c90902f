import 'reflect-metadata';

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { pino } from 'pino';
import WebSocket from 'ws';

import { createClient, type Client, type HttpResponse, type Problem } from '@skep/contract';
import { SwarmError } from '@skep/kernel';

import { readConfig, type ManagerConfig } from '../src/config.ts';
import { Edge } from '../src/edge.ts';
import { Database } from '../src/history/database.ts';
import { Projector } from '../src/history/projector.ts';
import type { FakeManager } from './fake-cluster.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

export interface Asked {
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestEdgeOptions {
  readonly database?: Database;
  readonly config?: Partial<ManagerConfig>;
}

/** A manager's edge on a port of its own, over a fake control plane. */
export class TestEdge {
  readonly dir = mkdtempSync(join(tmpdir(), 'skep-edge-'));
  readonly logLines: string[] = [];
  readonly edge: Edge;
  readonly manager: FakeManager;
  readonly projector: Projector;
  readonly config: ManagerConfig;
  readonly #options: TestEdgeOptions;

  constructor(manager: FakeManager, options: TestEdgeOptions = {}) {
    this.manager = manager;
    this.#options = options;
    this.config = {
      ...readConfig(
        [
          `--data-root=${this.dir}/data`,
          `--run-root=${this.dir}/run`,
          '--advertise-addr=127.0.0.1',
          '--api-addr=127.0.0.1:0',
          `--hostname=${manager.name}`,
        ],
        {},
      ),
      ...options.config,
    };
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.logLines.push(chunk.toString());
        done();
      },
    });
    const logger = pino({ level: 'debug' }, sink);
    const database =
      options.database ?? new Database({ mode: 'off', url: undefined, dataDir: '', runDir: '', logger });
    this.projector = new Projector({
      source: manager,
      database,
      clusterId: () => manager.cluster.clusterId,
      logger,
    });
    this.edge = new Edge({
      controlPlane: manager,
      config: this.config,
      database,
      projector: this.projector,
      clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
      logger,
      randomBytes: (count) => randomBytes(count),
    });
  }

  static async start(manager: FakeManager, options: TestEdgeOptions = {}): Promise<TestEdge> {
    const edge = new TestEdge(manager, options);
    await edge.edge.start();
    if (edge.#options.database !== undefined) {
      edge.projector.start();
    }
    return edge;
  }

  get origin(): string {
    return `http://127.0.0.1:${String(this.edge.port)}`;
  }

  async stop(): Promise<void> {
    await this.edge.stop();
    await this.projector.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async ask(method: string, path: string, asked: Asked = {}): Promise<Answer> {
    const body = asked.raw ?? (asked.body === undefined ? undefined : JSON.stringify(asked.body));
    const response = await fetch(this.origin + path, {
      method,
      headers: { ...asked.headers },
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  }

  problem(answer: Answer): Problem {
    return answer.json as Problem;
  }

  /** A token with a role, made through the store. */
  async token(role: 'viewer' | 'operator' | 'deployer' | 'admin' = 'admin'): Promise<string> {
    const created = await this.local().call('createToken', {
      body: { name: `${role}-${randomBytes(4).toString('hex')}`, role, days: 1 },
    });
    return created.token;
  }

  async bearer(
    role: 'viewer' | 'operator' | 'deployer' | 'admin' = 'admin',
  ): Promise<Record<string, string>> {
    return { authorization: `Bearer ${await this.token(role)}` };
  }

  /** The typed client on the local socket: root of this host. */
  local(): Client {
    return createClient((request) => overSocket(this.config.socketPath, request));
  }

  /** The typed client over TCP. */
  client(headers: Readonly<Record<string, string>>): Client {
    return createClient(async (request) => {
      const response = await fetch(this.origin + request.path, {
        method: request.method,
        headers: request.headers,
        ...(request.body === undefined ? {} : { body: request.body }),
      });
      return { status: response.status, body: await response.text() };
    }, headers);
  }

  socket(path: string, headers: Readonly<Record<string, string>>, protocol?: string): TestSocket {
    return new TestSocket(`ws://127.0.0.1:${String(this.edge.port)}/api/v1${path}`, headers, protocol);
  }
}

interface SocketRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function overSocket(socketPath: string, request: SocketRequest): Promise<HttpResponse> {
  const { request: httpRequest } = await import('node:http');
  return new Promise((resolve, reject) => {
    const { method, path, headers, body } = request;
    const sent = httpRequest({ socketPath, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', (error) => {
      reject(new SwarmError('unavailable', error.message));
    });
    sent.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type Frame = Record<string, unknown> & { readonly t: string };

/** A WebSocket client that keeps what it gets. */
export class TestSocket {
  readonly ws: WebSocket;
  readonly frames: Frame[] = [];
  readonly binary: Buffer[] = [];
  closeCode: number | undefined;
  refusal: { status: number; body: string } | undefined;

  constructor(url: string, headers: Readonly<Record<string, string>>, protocol?: string) {
    this.ws = new WebSocket(url, protocol === undefined ? [] : [protocol], { headers: { ...headers } });
    this.ws.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        this.binary.push(data);
      } else {
        this.frames.push(JSON.parse(data.toString()) as Frame);
      }
    });
    this.ws.on('close', (code) => {
      this.closeCode = code;
    });
    this.ws.on('error', () => undefined);
    this.ws.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        this.refusal = { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
      });
    });
  }

  async open(): Promise<this> {
    await until('the socket is open', () => this.ws.readyState === WebSocket.OPEN);
    return this;
  }

  send(frame: unknown): void {
    this.ws.send(frame instanceof Uint8Array ? frame : JSON.stringify(frame));
  }

  /** The first frame of a kind from position `from` on. */
  async frame(t: string, from = 0): Promise<Frame> {
    await until(`a frame ${t}`, () => this.frames.slice(from).some((frame) => frame.t === t));
    return this.frames.slice(from).find((frame) => frame.t === t)!;
  }
}

/** Waits for a condition. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) {
      throw new Error(`waited in vain for: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
