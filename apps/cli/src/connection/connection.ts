import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { Agent, request } from 'undici';
import { WebSocket } from 'ws';

import { API_PREFIX, createClient, type Client, type Transport } from '@skep/contract';
import { SwarmError, errorMessage } from '@skep/kernel';

import { DEFAULT_CONTEXT, readContexts, type Context } from './contexts.ts';
import { DEFAULT_SOCKET, parseHost, type Target } from './target.ts';

export interface GlobalOptions {
  readonly host?: string;
  readonly token?: string;
  readonly caFile?: string;
  readonly context?: string;
}

/** What commands talk through. */
export interface Connection {
  readonly target: Target;
  readonly client: Client;
  /** Opens a socket below `/api/v1`. */
  openSocket(path: string): WebSocket;
  /** swarmd's own API of this host (`/local/v1`). */
  local(method: string, path: string, body?: unknown): Promise<unknown>;
  /** The same with a file as the body. */
  localFile(path: string, file: Readable, headers: Readonly<Record<string, string>>): Promise<unknown>;
  /** The Docker Engine API of this host. */
  engine(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Sends an archive to it, and answers its lines of JSON as they come. */
  engineStream(path: string, archive: Readable | undefined): Promise<AsyncIterable<unknown>>;
}

/** Finds the target: flags, then environment (SKEP_HOST, SKEP_TOKEN, SKEP_CA_FILE), then the context, then this host's socket. */
export function resolveTarget(options: GlobalOptions): Target {
  const explicit = options.host ?? process.env['SKEP_HOST'];
  const context = explicit === undefined ? chosenContext(options) : undefined;
  const target = parseHost(explicit ?? context?.host ?? `unix://${DEFAULT_SOCKET}`);
  if (target.kind === 'socket') {
    return target;
  }
  const caFile = options.caFile ?? process.env['SKEP_CA_FILE'];
  const token = options.token ?? process.env['SKEP_TOKEN'] ?? context?.token;
  const caPem = caFile === undefined ? context?.caPem : readFileSync(caFile, 'utf8');
  return { ...target, ...(token === undefined ? {} : { token }), ...(caPem === undefined ? {} : { caPem }) };
}

/** The context that is named or in use; undefined for the default one. */
function chosenContext(options: GlobalOptions): Context | undefined {
  const { current, contexts } = readContexts();
  const name = options.context ?? process.env['SKEP_CONTEXT'] ?? current;
  if (name === DEFAULT_CONTEXT) {
    return undefined;
  }
  const context = contexts[name];
  if (context === undefined) {
    throw new SwarmError(
      'not_found',
      `context "${name}" does not exist; swarm context ls shows what there is`,
    );
  }
  return context;
}

export function connect(target: Target): Connection {
  const headers: Record<string, string> = {
    'x-requested-with': 'swarm-cli',
    ...(target.kind === 'tls' && target.token !== undefined
      ? { authorization: `Bearer ${target.token}` }
      : {}),
  };
  const dispatcher = agentFor(target);
  const origin = target.kind === 'socket' ? 'http://localhost' : target.url;
  const transport: Transport = async ({ method, path, headers: own, body, signal }) => {
    const answer = await request(`${origin}${path}`, {
      method,
      headers: own,
      dispatcher,
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    }).catch((error: unknown) => {
      throw unreachable(target, error);
    });
    return { status: answer.statusCode, body: await answer.body.text() };
  };
  const plain =
    (agent: Agent | undefined, where: Target) => async (method: string, path: string, body?: unknown) => {
      const answer = await request(`http://localhost${path}`, {
        method: method as 'GET',
        ...(agent === undefined ? {} : { dispatcher: agent }),
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      }).catch((error: unknown) => {
        throw unreachable(where, error);
      });
      return readPlain(answer.statusCode, await answer.body.text());
    };
  const sendFile: Connection['localFile'] = async (path, file, own) => {
    const answer = await request(`http://localhost${path}`, {
      method: 'POST',
      body: file,
      headers: own,
      dispatcher,
    }).catch((error: unknown) => {
      throw unreachable(target, error);
    });
    return readPlain(answer.statusCode, await answer.body.text());
  };
  const onThisHost = (what: string): never => {
    throw new SwarmError(
      'failed_precondition',
      `${what} acts on this host; run it there, without --host https://...`,
    );
  };
  const dockerSocket = target.kind === 'socket' ? join(dirname(target.socketPath), 'docker.sock') : '';
  const dockerTarget: Target = { kind: 'socket', socketPath: dockerSocket };
  return {
    target,
    client: createClient(transport, headers),
    openSocket: (path) => openSocket(target, `${API_PREFIX}${path}`, headers),
    local: target.kind === 'socket' ? plain(dispatcher, target) : () => onThisHost('this command'),
    localFile: target.kind === 'socket' ? sendFile : () => onThisHost('this command'),
    engine:
      target.kind === 'socket'
        ? plain(agentFor(dockerTarget), dockerTarget)
        : () => onThisHost('this command'),
    engineStream:
      target.kind === 'socket'
        ? (path, archive) => openEngineStream(dockerTarget, path, archive)
        : () => onThisHost('this command'),
  };
}

async function openEngineStream(
  where: Target,
  path: string,
  archive: Readable | undefined,
): Promise<AsyncIterable<unknown>> {
  const answer = await request(`http://localhost${path}`, {
    method: 'POST',
    dispatcher: new Agent({
      connect: where.kind === 'socket' ? { socketPath: where.socketPath } : {},
      bodyTimeout: 0,
      headersTimeout: 0,
    }),
    ...(archive === undefined ? {} : { body: archive, headers: { 'content-type': 'application/x-tar' } }),
  }).catch((error: unknown) => {
    throw unreachable(where, error);
  });
  if (answer.statusCode >= 400) {
    readPlain(answer.statusCode, await answer.body.text());
  }
  return linesOf(answer.body);
}

async function* linesOf(body: Readable): AsyncGenerator {
  for await (const line of createInterface({ input: body, crlfDelay: Infinity })) {
    if (line.trim() !== '') {
      yield JSON.parse(line);
    }
  }
}

function agentFor(target: Target): Agent {
  return target.kind === 'socket'
    ? new Agent({ connect: { socketPath: target.socketPath }, bodyTimeout: 0, headersTimeout: 120_000 })
    : new Agent({
        connect: { ...(target.caPem === undefined ? {} : { ca: target.caPem }) },
        headersTimeout: 120_000,
      });
}

function openSocket(target: Target, path: string, headers: Readonly<Record<string, string>>): WebSocket {
  if (target.kind === 'socket') {
    return new WebSocket(`ws+unix://${target.socketPath}:${path}`, { headers });
  }
  return new WebSocket(`${target.url.replace(/^http/, 'ws')}${path}`, {
    headers,
    ...(target.caPem === undefined ? {} : { ca: target.caPem }),
  });
}

function readPlain(status: number, text: string): unknown {
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch {
    body = text;
  }
  if (status < 400) {
    return body;
  }
  const problem = (body ?? {}) as { code?: string; detail?: string; message?: string };
  const code =
    status === 400
      ? 'invalid_argument'
      : status === 404
        ? 'not_found'
        : status === 409
          ? 'already_exists'
          : status === 503
            ? 'unavailable'
            : 'failed_precondition';
  throw new SwarmError(code, problem.detail ?? problem.message ?? `the host answered ${String(status)}`);
}

function unreachable(target: Target, error: unknown): SwarmError {
  const where = target.kind === 'socket' ? target.socketPath : target.url;
  const remedy =
    target.kind === 'socket'
      ? 'is swarmd running on this host, and may you use the socket (group skep)?'
      : 'check the address, and the certificate with --ca-file or swarm login';
  return new SwarmError('unavailable', `cannot reach ${where}: ${errorMessage(error)}; ${remedy}`, {
    cause: error,
  });
}
