import type { Readable } from 'node:stream';
import { SwarmError, errorMessage } from '@skep/kernel';
import { Agent, request, type Dispatcher } from 'undici';
import { RegistryAuthenticator, type Credentials } from './registry-auth.ts';
import {
  isInsecureRegistry,
  registryHost,
  trustedAuthorities,
  type RegistryConfig,
} from './registry-config.ts';

const REDIRECTS_MAX = 5;
const CONNECT_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 60_000;
/** A transfer that brings no byte for this long is given up and resumed. */
const BODY_TIMEOUT_MS = 60_000;
const ERROR_BODY_BYTES_MAX = 16 * 1024;

export type RegistryMethod = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

export interface RegistryRequest {
  readonly method: RegistryMethod;
  /** Starts with `/v2/`, or a whole URL that the registry gave us. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes the body anew for each attempt. */
  readonly body?: () => Readable | Buffer | string;
  /** `repository:library/busybox:pull`. */
  readonly scope: string;
  readonly signal?: AbortSignal | undefined;
}

export interface RegistryResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Dispatcher.ResponseData['body'];
}

/** The conversation with one registry: scheme, certificates, redirects, authentication. */
export class RegistryConnection {
  readonly domain: string;
  readonly #agent: Agent;
  readonly #isInsecure: boolean;
  readonly #authenticator: RegistryAuthenticator;
  #baseUrl: Promise<string> | undefined;

  /** `base` is a mirror's URL; absent: the registry of `domain` itself. */
  constructor(domain: string, config: RegistryConfig, credentials: Credentials, base?: string) {
    this.domain = domain;
    // A mirror is believed by its own name, not by that of the registry it stands for.
    const host = base === undefined ? domain : new URL(base).host;
    this.#isInsecure = isInsecureRegistry(host, config.insecureRegistries ?? []);
    const ca = trustedAuthorities(host, config);
    this.#agent = new Agent({
      connections: 8,
      headersTimeout: HEADERS_TIMEOUT_MS,
      bodyTimeout: BODY_TIMEOUT_MS,
      connect: {
        timeout: CONNECT_TIMEOUT_MS,
        ...(this.#isInsecure ? { rejectUnauthorized: false } : {}),
        ...(ca === undefined ? {} : { ca: [...ca] }),
      },
    });
    this.#authenticator = new RegistryAuthenticator(credentials, (ask) => this.#fetchToken(ask));
    this.#baseUrl = base === undefined ? undefined : Promise.resolve(base.replace(/\/+$/, ''));
  }

  /** Sends a request, answering authentication challenges and following redirects. Any status may come back. */
  async send(ask: RegistryRequest): Promise<RegistryResponse> {
    const base = await this.#base(ask.signal);
    const url = new URL(ask.path, `${base}/`).toString();
    let authorization = this.#authenticator.known(ask.scope);
    const first = await this.#follow(url, ask, authorization);
    if (first.status !== 401) {
      return first;
    }
    const challenge = headerOf(first, 'www-authenticate') ?? '';
    await discard(first);
    authorization = await this.#authenticator.answer(challenge, ask.scope);
    if (authorization === undefined) {
      throw new SwarmError(
        'permission_denied',
        `pull access denied for ${this.domain}: the repository does not exist or needs a login (docker login ${this.domain})`,
      );
    }
    return this.#follow(url, ask, authorization);
  }

  /** Like {@link send}, and throws what the registry's error body says unless the status is one of `expected`. */
  async expect(ask: RegistryRequest, expected: readonly number[], what: string): Promise<RegistryResponse> {
    const response = await this.send(ask);
    if (expected.includes(response.status)) {
      return response;
    }
    throw await toError(response, what);
  }

  /** Closes idle connections; the object must not be used after. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #base(signal: AbortSignal | undefined): Promise<string> {
    this.#baseUrl ??= this.#probe(signal).catch((error: unknown) => {
      this.#baseUrl = undefined;
      throw error;
    });
    return this.#baseUrl;
  }

  /** HTTPS first; plain HTTP only where it is allowed. */
  async #probe(signal: AbortSignal | undefined): Promise<string> {
    const host = registryHost(this.domain);
    const candidates = this.#isInsecure ? [`https://${host}`, `http://${host}`] : [`https://${host}`];
    let lastError: unknown;
    for (const base of candidates) {
      try {
        await discard(
          await this.#once(`${base}/v2/`, { method: 'GET', path: '/v2/', scope: '', signal }, {}),
        );
        return base;
      } catch (error: unknown) {
        if (signal?.aborted === true) {
          throw error;
        }
        lastError = error;
      }
    }
    throw new SwarmError(
      'unavailable',
      `cannot reach the registry ${this.domain}: ${errorMessage(lastError)}`,
      {
        cause: lastError,
      },
    );
  }

  async #follow(
    url: string,
    ask: RegistryRequest,
    authorization: string | undefined,
  ): Promise<RegistryResponse> {
    let current = url;
    for (let hop = 0; hop <= REDIRECTS_MAX; hop += 1) {
      // Credentials are for the registry only: storage behind a redirect gets none.
      const isSameOrigin = new URL(current).origin === new URL(url).origin;
      const headers = {
        ...ask.headers,
        ...(authorization !== undefined && isSameOrigin ? { authorization } : {}),
      };
      const response = await this.#once(current, ask, headers);
      const location = headerOf(response, 'location');
      const isRedirect = [301, 302, 303, 307, 308].includes(response.status) && location !== undefined;
      if (!isRedirect) {
        return response;
      }
      await discard(response);
      current = new URL(location, current).toString();
    }
    throw new SwarmError('unavailable', `the registry ${this.domain} redirects in circles`);
  }

  async #once(url: string, ask: RegistryRequest, headers: Record<string, string>): Promise<RegistryResponse> {
    try {
      const response = await request(url, {
        method: ask.method,
        dispatcher: this.#agent,
        headers,
        ...(ask.body === undefined ? {} : { body: ask.body() }),
        ...(ask.signal === undefined ? {} : { signal: ask.signal }),
      });
      return { status: response.statusCode, headers: response.headers, body: response.body };
    } catch (cause) {
      if (ask.signal?.aborted === true) {
        throw new SwarmError('cancelled', 'the transfer was cancelled', { cause });
      }
      throw new SwarmError(
        'unavailable',
        `the registry ${this.domain} does not answer: ${errorMessage(cause)}`,
        {
          cause,
        },
      );
    }
  }

  async #fetchToken(ask: {
    url: string;
    method: 'GET' | 'POST';
    headers: Record<string, string>;
    body?: string;
  }): Promise<{ status: number; body: string }> {
    const response = await request(ask.url, {
      method: ask.method,
      dispatcher: this.#agent,
      headers: ask.headers,
      ...(ask.body === undefined ? {} : { body: ask.body }),
    });
    return { status: response.statusCode, body: await response.body.text() };
  }
}

/** One header's value; the first when there are several. */
export function headerOf(response: RegistryResponse, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Reads and drops a body, so that the connection can be used again. */
export async function discard(response: RegistryResponse): Promise<void> {
  await response.body.dump();
}

/** A body as a whole, refused beyond `bytesMax`. */
export async function readBody(response: RegistryResponse, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) {
      response.body.destroy();
      throw new SwarmError('too_large', `the registry answered with more than ${String(bytesMax)} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function toError(response: RegistryResponse, what: string): Promise<SwarmError> {
  const text = (await readBody(response, ERROR_BODY_BYTES_MAX).catch(() => Buffer.alloc(0))).toString();
  const reason = errorReason(text) ?? `status ${String(response.status)}`;
  const message = `${what}: ${reason}`;
  switch (response.status) {
    case 401:
      return new SwarmError('unauthenticated', message);
    case 403:
      return new SwarmError('permission_denied', message);
    case 404:
      return new SwarmError('not_found', message);
    case 413:
      return new SwarmError('too_large', message);
    case 429:
      return new SwarmError('resource_exhausted', message);
    default:
      return new SwarmError(response.status >= 500 ? 'unavailable' : 'failed_precondition', message);
  }
}

/** The first error of the distribution spec's error body, in its own words. */
function errorReason(text: string): string | undefined {
  try {
    const document = JSON.parse(text) as { errors?: { code?: unknown; message?: unknown }[] };
    const first = document.errors?.[0];
    const parts = [first?.code, first?.message].filter((part): part is string => typeof part === 'string');
    return parts.length === 0 ? undefined : parts.join(': ').slice(0, 500);
  } catch (error: unknown) {
    // Not every registry, and no proxy, answers in the spec's form.
    return error instanceof SyntaxError ? undefined : String(error);
  }
}
