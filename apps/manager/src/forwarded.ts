import { request as httpRequest } from 'node:http';

import type { ForwardedAnswer, ForwardedRequest } from '@skep/controlplane';
import { SwarmError } from '@skep/kernel';

import { NO_PRINCIPAL, PRINCIPAL_HEADER, Principal, formatPrincipal } from './auth/principal.ts';
import { FROM_HEADER } from './common/request-context.ts';

const ANSWER_MS = 30_000;

/**
 * Answers a request that a follower forwarded, by way of this manager's own local socket: it takes the same path as
 * any other request, with the principal that the follower established.
 */
export function answerForwarded(socketPath: string, forwarded: ForwardedRequest): Promise<ForwardedAnswer> {
  const { method, path, headers, body, principal } = forwarded;
  const isAllowed = path.startsWith('/api/v1/') || path.startsWith('/internal/v1/');
  if (!isAllowed) {
    return Promise.reject(new SwarmError('invalid_argument', `the path ${path} cannot be forwarded`));
  }
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        socketPath,
        // A kept connection that is closed at the other end while this thread is busy would fail the next request.
        agent: false,
        method,
        path,
        timeout: ANSWER_MS,
        headers: {
          [FROM_HEADER]: 'unknown',
          ...headers,
          [PRINCIPAL_HEADER]:
            principal === undefined ? NO_PRINCIPAL : formatPrincipal(Principal.parse(principal)),
          ...(body === undefined ? {} : { 'content-length': String(body.byteLength) }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 500,
            headers: flatten(response.headers),
            body: new Uint8Array(Buffer.concat(chunks)),
          });
        });
      },
    );
    request.on('timeout', () => {
      request.destroy(new SwarmError('deadline_exceeded', 'the leader did not answer in time'));
    });
    request.on('error', reject);
    request.end(body);
  });
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const one = Array.isArray(value) ? value[0] : value;
    if (one !== undefined) {
      flat[name] = one;
    }
  }
  return flat;
}
