import { request } from 'node:http';

import type { Operation } from './checker.ts';
import type { RegisterInput, RegisterOutput } from './register.ts';

const TIMEOUT_MS = 8_000;

export interface RecordedOperation extends Operation<RegisterInput, RegisterOutput> {
  readonly key: string;
}

interface Answer {
  readonly status: number;
  readonly body: {
    readonly rev?: number;
    readonly version?: number;
    readonly code?: string;
    readonly spec?: { readonly labels?: Readonly<Record<string, string>> };
  };
}

/** A label of a config as a register: the config's version is the register's. */
export class RegisterClient {
  readonly #id: number;

  constructor(id: number) {
    this.#id = id;
  }

  /**
   * Carries an operation out through a host's socket and tells how it went; undefined for a read that told nothing,
   * and for what no manager was there to receive. What is not certainly done and not certainly refused is `unknown`.
   */
  async run(socketPath: string, key: string, input: RegisterInput): Promise<RecordedOperation | undefined> {
    const callMs = performance.now();
    const answer = await call(socketPath, key, input).catch((error: unknown) => {
      return isRefused(error) ? ('refused' as const) : undefined;
    });
    if (answer === 'refused') {
      return undefined;
    }
    const returnMs = performance.now();
    const output = answer === undefined ? ({ kind: 'unknown' } as const) : outputOf(input, answer);
    if (input.op === 'read' && output.kind !== 'value') {
      return undefined;
    }
    const end = output.kind === 'unknown' ? Infinity : returnMs;
    return { client: this.#id, key, input, output, callMs, returnMs: end };
  }
}

/** Nobody listens at the socket: the request was not even sent. */
function isRefused(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

function outputOf(input: RegisterInput, { status, body }: Answer): RegisterOutput {
  if (status === 200 && input.op === 'read') {
    return { kind: 'value', value: body.spec?.labels?.['v'] ?? '', version: body.version ?? 0 };
  }
  if (status === 200 && body.rev !== undefined) {
    return { kind: 'written', version: body.rev };
  }
  return body.code === 'version_conflict' && input.op === 'cas' ? { kind: 'conflict' } : { kind: 'unknown' };
}

function call(socketPath: string, key: string, input: RegisterInput): Promise<Answer> {
  const query = input.op === 'cas' ? `?version=${String(input.version)}` : '';
  const body = input.op === 'read' ? undefined : JSON.stringify({ labels: { v: input.value } });
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        socketPath,
        method: input.op === 'read' ? 'GET' : 'PATCH',
        path: `/api/v1/configs/${key}${query}`,
        headers: {
          'content-type': 'application/json',
          ...(input.op === 'read' ? { 'x-skep-consistency': 'linearizable' } : {}),
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          try {
            const text = Buffer.concat(chunks).toString();
            resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] });
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
