import { request } from 'node:http';
import { connect } from 'node:net';

import { SwarmError } from '@skep/kernel';

export interface LocalAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface LocalRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** Sends one request to a host's native socket, as the administrator of that host. */
export function callSocket(
  socketPath: string,
  { method, path, body, timeoutMs = 60_000 }: LocalRequest,
): Promise<LocalAnswer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        socketPath,
        method,
        path,
        timeout: timeoutMs,
        headers:
          payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: incoming.statusCode ?? 0, body: parse(text) });
        });
        incoming.on('error', reject);
      },
    );
    outgoing.on('timeout', () =>
      outgoing.destroy(new SwarmError('deadline_exceeded', `${socketPath} did not answer in time`)),
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * Like {@link callSocket}, for requests that have to succeed.
 * @throws SwarmError `failed_precondition` with the host's own sentence.
 */
export async function mustCall(socketPath: string, request_: LocalRequest): Promise<unknown> {
  const answer = await callSocket(socketPath, request_);
  if (answer.status >= 400) {
    const detail = (answer.body as { detail?: string; message?: string } | null) ?? {};
    const sentence = detail.detail ?? detail.message ?? JSON.stringify(answer.body);
    throw new SwarmError(
      'failed_precondition',
      `${request_.method} ${request_.path}: ${String(answer.status)} ${sentence}`,
    );
  }
  return answer.body;
}

/** Whether something listens on a socket; a file that an ended process left behind does not count. */
export function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
