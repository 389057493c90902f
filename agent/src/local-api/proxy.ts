import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

import { errorMessage } from '@skep/kernel';

import { sendProblem } from './problem.ts';

/** Headers that belong to one connection and are not passed on (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Passes a request to the manager's socket and its answer back, both as streams. */
export function proxyRequest(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  managerSocket: string,
): void {
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).filter(([name]) => !HOP_BY_HOP.has(name)),
  );
  const upstream = request(
    { socketPath: managerSocket, method: incoming.method, path: incoming.url, headers },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    },
  );
  upstream.on('error', (error) => {
    if (outgoing.headersSent) {
      outgoing.destroy(error);
    } else {
      sendProblem(
        outgoing,
        'unavailable',
        `the manager of this host does not answer: ${errorMessage(error)}; it may be starting`,
      );
    }
  });
  outgoing.on('close', () => upstream.destroy());
  incoming.pipe(upstream);
}

/** Passes a WebSocket on byte by byte: the handshake is sent as it came, then both sides are joined. */
export function proxyUpgrade(
  incoming: IncomingMessage,
  client: Duplex,
  head: Buffer,
  managerSocket: string,
): void {
  const upstream = connect(managerSocket, () => {
    const lines = [`${incoming.method ?? 'GET'} ${incoming.url ?? '/'} HTTP/1.1`];
    for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
      lines.push(`${incoming.rawHeaders[i] ?? ''}: ${incoming.rawHeaders[i + 1] ?? ''}`);
    }
    upstream.write(`${lines.join('\r\n')}\r\n\r\n`);
    upstream.write(head);
    upstream.pipe(client);
    client.pipe(upstream);
  });
  const end = (): void => {
    upstream.destroy();
    client.destroy();
  };
  upstream.on('error', () => {
    refuseUpgrade(client, 503, 'the manager of this host does not answer');
    end();
  });
  upstream.on('close', end);
  client.on('error', end);
  client.on('close', end);
}

/** Answers an upgrade that cannot be done, while the socket still speaks HTTP. */
export function refuseUpgrade(client: Duplex, status: number, sentence: string): void {
  if (client.writable) {
    client.end(
      `HTTP/1.1 ${String(status)} Refused\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${String(Buffer.byteLength(sentence))}\r\n\r\n${sentence}`,
    );
  }
}
