import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

import { WebSocketServer } from 'ws';

import type { ManagerView } from '@skep/contract';

import { answer } from './api.ts';
import type { ApiState } from './handlers.ts';
import { serveExec } from './exec.ts';
import { serveLogs } from './logs.ts';
import { SCENARIOS } from './scenarios.ts';
import { StreamSession } from './stream.ts';
import type { Condition } from './stream.ts';
import type { World } from './world.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.ico': 'image/x-icon',
};

export interface FakeManagerOptions {
  readonly scenario: string;
  readonly root: string;
  readonly port?: number;
  /** Starts signed in, with an administrator. */
  readonly isSetUp?: boolean;
  readonly stepMs?: number;
}

export interface FakeManager {
  readonly url: string;
  readonly world: World;
  readonly condition: Condition;
  readonly state: ApiState;
  linesPerSecond: number;
  /** Closes every socket, as a manager that is killed would. */
  dropSockets: () => void;
  /** Tells all sockets the present condition. */
  tellHealth: () => void;
  stop: () => Promise<void>;
}

/** The policy a manager would send with this page: the hashes of its inline scripts come from csp.json. */
function policyFor(root: string, file: string): string {
  const path = join(root, 'csp.json');
  const hashes = existsSync(path)
    ? ((JSON.parse(readFileSync(path, 'utf8')) as { pages: Record<string, string[]> }).pages[file] ?? [])
    : [];
  return [
    "default-src 'none'",
    `script-src 'self' ${hashes.map((hash) => `'${hash}'`).join(' ')}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function serveFile(root: string, pathname: string, response: ServerResponse): void {
  const clean = normalize(pathname).replace(/^(\.\.[/\\])+/, '');
  const candidates = [clean, `${clean}.html`, join(clean, 'index.html')];
  const found = candidates.find((each) => {
    const path = join(root, each);
    return existsSync(path) && statSync(path).isFile();
  });
  const file = found ?? '404.html';
  const isStatic = file.startsWith('/_next/static/');
  response.writeHead(found === undefined ? 404 : 200, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'cache-control': isStatic ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': policyFor(root, file.replace(/^\//, '')),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  createReadStream(join(root, file)).pipe(response);
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Starts a manager that exists only in memory, on loopback. */
export async function startFakeManager(options: FakeManagerOptions): Promise<FakeManager> {
  const make = SCENARIOS[options.scenario];
  if (make === undefined) {
    throw new Error(`no scenario ${options.scenario}; there are ${Object.keys(SCENARIOS).join(', ')}`);
  }
  const world = make();
  const condition: Condition = { quorum: true, db: 'ok', lagMs: 0 };
  const state: ApiState = { world, condition, isSetUp: options.isSetUp ?? true, tokens: [] };
  const sessions = new Set<StreamSession>();
  let url = '';
  const managers = (): ManagerView[] =>
    world.rows('nodes').flatMap((node) =>
      node.manager === undefined
        ? []
        : [
            {
              id: node.id,
              name: node.description?.hostname ?? node.id,
              url: node.manager.isLeader ? url : (node.manager.apiUrl ?? ''),
              reachable: node.manager.reachability !== 'unreachable',
              leader: node.manager.isLeader,
            },
          ],
    );

  const server = createServer((request, response) => {
    const address = new URL(request.url ?? '/', 'http://fake');
    if (!address.pathname.startsWith('/api/v1')) {
      serveFile(options.root, address.pathname, response);
      return;
    }
    void readBody(request).then((body) => {
      const result = answer(
        {
          method: request.method ?? 'GET',
          path: address.pathname.slice('/api/v1'.length),
          query: address.searchParams,
          body,
          isSignedIn: (request.headers.cookie ?? '').includes('sid=fake'),
        },
        state,
      );
      response.writeHead(result.status, {
        'content-type': result.status >= 400 ? 'application/problem+json' : 'application/json',
        ...(result.cookie === undefined ? {} : { 'set-cookie': result.cookie }),
      });
      response.end(result.body === undefined ? undefined : JSON.stringify(result.body));
    });
  });

  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  const manager: FakeManager = {
    url: '',
    world,
    condition,
    state,
    linesPerSecond: 4,
    dropSockets: () => {
      sessions.forEach((session) => {
        session.drop();
      });
    },
    tellHealth: () => {
      sessions.forEach((session) => {
        session.health();
      });
    },
    stop: async () => {
      clearInterval(timer);
      sockets.clients.forEach((client) => {
        client.terminate();
      });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('upgrade', (request, socket, head) => {
    const { pathname } = new URL(request.url ?? '/', 'http://fake');
    if (!(request.headers.cookie ?? '').includes('sid=fake')) {
      socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      if (pathname === '/api/v1/stream') {
        const session = new StreamSession(client, { world, condition, managers });
        sessions.add(session);
        client.on('close', () => sessions.delete(session));
        return;
      }
      const exec = /^\/api\/v1\/tasks\/([^/]+)\/exec$/.exec(pathname);
      if (exec !== null) {
        serveExec(client, world, exec[1] ?? '');
      } else {
        serveLogs(client, world, () => manager.linesPerSecond);
      }
    });
  });
  const stepMs = options.stepMs ?? 400;
  const timer = setInterval(() => {
    world.step(0);
    world.nowMs = Date.now();
  }, stepMs);
  const port = await listen(server, options.port ?? 0);
  url = `http://127.0.0.1:${String(port)}`;
  return Object.assign(manager, { url });
}
