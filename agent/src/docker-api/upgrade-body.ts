import type { Duplex } from 'node:stream';

import { SwarmError, isSwarmError } from '@skep/kernel';

/** How long a client may take to send the body of an upgrade request. */
const BODY_TIMEOUT_MS = 30_000;

export interface UpgradeBodyOptions {
  readonly socket: Duplex;
  /** What arrived after the headers. */
  readonly head: Buffer;
  readonly contentLength: number;
  readonly isChunked: boolean;
  readonly bytesMax: number;
}

/**
 * Reads the body of a request that asks for an upgrade: Node hands such a request over as a bare socket, and docker's
 * `exec` sends its options in a body before the streams begin. What follows the body goes back into the socket.
 * @throws SwarmError `too_large`, `invalid_argument` for bad chunks, `cancelled` when the client goes away.
 */
export function readBodyOfUpgrade(options: UpgradeBodyOptions): Promise<Buffer> {
  const { socket, head } = options;
  return new Promise((resolve, reject) => {
    let received: Buffer = head;
    const finish = (settle: () => void): void => {
      socket.pause();
      socket.off('data', onData);
      socket.off('close', onClose);
      clearTimeout(timer);
      settle();
    };
    const onClose = (): void => {
      finish(() => {
        reject(
          new SwarmError('cancelled', 'the client closed the connection before its request was complete'),
        );
      });
    };
    const timer = setTimeout(() => {
      finish(() => {
        reject(new SwarmError('deadline_exceeded', 'the request body did not arrive in time'));
      });
    }, BODY_TIMEOUT_MS);
    const check = (): void => {
      try {
        const body = takeBody(received, options);
        if (body !== undefined) {
          finish(() => {
            if (body.rest.length > 0) {
              socket.unshift(body.rest);
            }
            resolve(body.bytes);
          });
        }
      } catch (error) {
        finish(() => {
          reject(
            isSwarmError(error)
              ? error
              : new SwarmError('internal', 'reading the body failed', { cause: error }),
          );
        });
      }
    };
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      check();
    };
    socket.on('data', onData);
    socket.once('close', onClose);
    check();
  });
}

interface TakenBody {
  readonly bytes: Buffer;
  readonly rest: Buffer;
}

/** The body once it is whole; undefined while bytes are missing. */
function takeBody(received: Buffer, options: UpgradeBodyOptions): TakenBody | undefined {
  if (options.isChunked) {
    return takeChunks(received, options.bytesMax);
  }
  if (received.length < options.contentLength) {
    return undefined;
  }
  return {
    bytes: received.subarray(0, options.contentLength),
    rest: received.subarray(options.contentLength),
  };
}

/** Chunked transfer coding, RFC 9112 section 7.1; trailers are read and dropped. */
function takeChunks(received: Buffer, bytesMax: number): TakenBody | undefined {
  const parts: Buffer[] = [];
  let size = 0;
  let offset = 0;
  for (;;) {
    const lineEnd = received.indexOf('\r\n', offset);
    if (lineEnd < 0) {
      return undefined;
    }
    const line = received.toString('latin1', offset, lineEnd);
    const chunkSize = /^[0-9a-f]{1,8}(;.*)?$/i.test(line) ? Number.parseInt(line, 16) : Number.NaN;
    if (Number.isNaN(chunkSize)) {
      throw new SwarmError('invalid_argument', 'the request body is not valid chunked encoding');
    }
    const end = lineEnd + 2 + chunkSize;
    size += chunkSize;
    if (size > bytesMax) {
      throw new SwarmError('too_large', `the request body is larger than ${String(bytesMax)} bytes`);
    }
    if (received.length < end + 2) {
      return undefined;
    }
    if (chunkSize === 0) {
      return { bytes: Buffer.concat(parts), rest: received.subarray(end + 2) };
    }
    parts.push(received.subarray(lineEnd + 2, end));
    offset = end + 2;
  }
}
