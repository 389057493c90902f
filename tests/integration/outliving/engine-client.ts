import { request } from 'node:http';

/** An answer of the Engine API, its body read to the end. */
export interface EngineAnswer {
  readonly status: number;
  readonly text: string;
}

/** The daemon was killed before it had answered: whether the request was carried out is not known. */
export class CutOff extends Error {}

export interface EngineRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly raw?: { readonly type: string; readonly content: Buffer };
}

/** Requests to one Engine API socket, each on a connection of its own. */
export class EngineClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** @throws CutOff when the connection broke before the whole answer was there. */
  call({ method, path, body, raw }: EngineRequest): Promise<EngineAnswer> {
    const payload =
      raw?.content ?? (body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body)));
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void => {
        reject(new CutOff(`${method} ${path} was cut off`, { cause }));
      };
      const outgoing = request(
        {
          socketPath: this.#socketPath,
          agent: false,
          method,
          path,
          headers: {
            host: 'docker',
            'content-type': raw?.type ?? 'application/json',
            'content-length': payload.length,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', fail);
          incoming.on('end', () => {
            if (incoming.complete) {
              resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('latin1') });
            } else {
              fail(new Error('incomplete'));
            }
          });
        },
      );
      outgoing.on('error', fail);
      outgoing.end(payload);
    });
  }

  /** The JSON of an answer that must not be an error. */
  async json(wanted: EngineRequest): Promise<unknown> {
    const answer = await this.call(wanted);
    if (answer.status >= 400) {
      throw new Error(
        `${wanted.method} ${wanted.path}: ${String(answer.status)} ${answer.text.slice(0, 300)}`,
      );
    }
    return answer.text === '' ? null : JSON.parse(answer.text);
  }
}
