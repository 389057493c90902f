import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex, Readable } from 'node:stream';

import type { ApiVersion } from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import { readBodyOfUpgrade } from './upgrade-body.ts';

/** Largest JSON body that is read; a config of 1000 KiB in base 64 needs 1.4 MB. */
export const JSON_BODY_BYTES_MAX = 4 * 1024 * 1024;

export interface ExchangeInit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly version: ApiVersion;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Present when the client asked to upgrade: the socket, and what arrived after the headers. */
  readonly upgrade?: { readonly socket: Duplex; readonly head: Buffer };
}

/** One request and its answer, as route handlers see it. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly version: ApiVersion;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Fires when the client has gone, or the answer is complete. */
  readonly signal: AbortSignal;
  readonly #response: ServerResponse;
  readonly #upgrade: ExchangeInit['upgrade'];
  #isHijacked = false;

  constructor(init: ExchangeInit) {
    this.request = init.request;
    this.version = init.version;
    this.path = init.path;
    this.params = init.params;
    this.query = init.query;
    this.#response = init.response;
    this.#upgrade = init.upgrade;
    const controller = new AbortController();
    this.signal = controller.signal;
    const closing = init.upgrade === undefined ? init.response : init.upgrade.socket;
    closing.once('close', () => {
      controller.abort(new SwarmError('cancelled', 'the client closed the connection'));
    });
  }

  /** A path parameter; the router guarantees that it is there. */
  param(name: string): string {
    return this.params[name] ?? '';
  }

  /** A query parameter; undefined when absent or empty. */
  text(name: string): string | undefined {
    const value = this.query.get(name);
    return value === null || value === '' ? undefined : value;
  }

  /** A query parameter by Docker's rule: absent, empty, 0, no, false and none are false, all else is true. */
  flag(name: string, fallback = false): boolean {
    const value = this.query.get(name);
    return value === null ? fallback : !['', '0', 'no', 'false', 'none'].includes(value.trim().toLowerCase());
  }

  /** A whole number in the query. @throws SwarmError `invalid_argument` when it is something else. */
  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) {
      return undefined;
    }
    if (!/^[+-]?\d{1,15}$/.test(value)) {
      throw new SwarmError('invalid_argument', `invalid value for ${name}: "${value}" is not a whole number`);
    }
    return Number(value);
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  get isHijackable(): boolean {
    return this.#upgrade !== undefined;
  }

  /** Whether the status line has been sent: errors can then only be told inside the stream. */
  get isStarted(): boolean {
    return this.#isHijacked || this.#response.headersSent;
  }

  /** The body as it comes (archives). */
  get body(): Readable {
    return this.request;
  }

  /**
   * The JSON of the body; undefined when the body is empty.
   * @throws SwarmError `too_large`, or `invalid_argument` when it is not JSON.
   */
  async json(): Promise<unknown> {
    const bytes = await this.#bytes();
    if (bytes.length === 0) {
      return undefined;
    }
    const type = this.header('content-type');
    if (type !== undefined && !/^(application\/json|text\/plain|application\/tar)\b/i.test(type)) {
      throw new SwarmError(
        'invalid_argument',
        `unsupported Content-Type header (${type}): must be 'application/json'`,
      );
    }
    try {
      return JSON.parse(bytes.toString('utf8'));
    } catch (error) {
      throw new SwarmError('invalid_argument', `invalid JSON: ${jsonFault(error)}`, { cause: error });
    }
  }

  /** As {@link json}, and an empty body is an error. */
  async requiredJson(): Promise<unknown> {
    const json = await this.json();
    if (json === undefined) {
      throw new SwarmError('invalid_argument', 'invalid JSON: got EOF while reading request body');
    }
    return json;
  }

  async #bytes(): Promise<Buffer> {
    const declared = Number(this.header('content-length') ?? 0);
    if (declared > JSON_BODY_BYTES_MAX) {
      throw tooLarge();
    }
    if (this.#upgrade !== undefined) {
      return readBodyOfUpgrade({
        socket: this.#upgrade.socket,
        head: this.#upgrade.head,
        contentLength: declared,
        isChunked: /chunked/i.test(this.header('transfer-encoding') ?? ''),
        bytesMax: JSON_BODY_BYTES_MAX,
      });
    }
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > JSON_BODY_BYTES_MAX) {
        throw tooLarge();
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  setHeader(name: string, value: string): void {
    this.#response.setHeader(name, value);
  }

  sendJson(status: number, value: unknown): void {
    this.#send(status, 'application/json', `${JSON.stringify(value)}\n`);
  }

  sendText(status: number, text: string): void {
    this.#send(status, 'text/plain; charset=utf-8', text);
  }

  sendEmpty(status: number): void {
    this.#response.statusCode = status;
    if (status !== 204 && status !== 304) {
      this.#response.setHeader('Content-Length', '0');
    }
    this.#response.end();
  }

  #send(status: number, contentType: string, text: string): void {
    const bytes = Buffer.from(text);
    this.#response.statusCode = status;
    this.#response.setHeader('Content-Type', contentType);
    this.#response.setHeader('Content-Length', String(bytes.length));
    this.#response.end(bytes);
  }

  /** Sends status and headers at once and gives the stream that the rest is written to. */
  startStream(contentType: string): ServerResponse {
    this.#response.statusCode = 200;
    this.#response.setHeader('Content-Type', contentType);
    this.#response.flushHeaders();
    return this.#response;
  }

  /**
   * Takes the connection over from HTTP. `upgradedType` is the content type for clients that asked for an upgrade.
   * @throws SwarmError `invalid_argument` when the client did not ask for it.
   */
  hijack(upgradedType: string): Duplex {
    if (this.#upgrade === undefined) {
      throw new SwarmError(
        'invalid_argument',
        'this request needs the headers Connection: Upgrade, Upgrade: tcp',
      );
    }
    const { socket } = this.#upgrade;
    this.#isHijacked = true;
    this.#response.detachSocket(this.request.socket);
    const headers = Object.entries(this.#response.getHeaders())
      .map(([name, value]) => `${name}: ${String(value)}\r\n`)
      .join('');
    socket.write(
      `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${upgradedType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${headers}\r\n`,
    );
    return socket;
  }

  /** Ends the connection after an error that came too late for a status. */
  destroy(): void {
    (this.#upgrade?.socket ?? this.#response).destroy();
  }
}

function tooLarge(): SwarmError {
  return new SwarmError(
    'too_large',
    `the request body is larger than ${String(JSON_BODY_BYTES_MAX / 1024 / 1024)} MiB`,
  );
}

/** What the parser says, without repeating the body: it may hold secrets. */
function jsonFault(error: unknown): string {
  const text = error instanceof Error ? error.message : '';
  const position = /position \d+/.exec(text)?.[0];
  return /end of JSON/i.test(text)
    ? 'unexpected end of input'
    : `syntax error${position ? ` at ${position}` : ''}`;
}
