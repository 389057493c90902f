import { createSocket } from 'node:dgram';
import { connect, isIP } from 'node:net';
import { randomInt } from 'node:crypto';

import { SwarmError, errorMessage } from '@skep/kernel';

/** Largest DNS message (RFC 1035 4.2.2: a 16-bit length). */
export const DNS_MESSAGE_BYTES_MAX = 65_535;

export interface ForwardRequest {
  /** The client's message as it came. */
  readonly message: Buffer;
  readonly servers: readonly string[];
  readonly transport: 'udp' | 'tcp';
  readonly timeoutMs: number;
}

/**
 * Passes a query to the resolvers, one after the other, until one answers; the answer is passed back byte for byte but
 * for its id. Each query goes out under a new random id and port, and only its own server may answer it (RFC 5452).
 * @throws SwarmError `unavailable` when no resolver answers.
 */
export async function forwardQuery(request: ForwardRequest): Promise<Buffer> {
  let lastError: unknown;
  for (const server of request.servers) {
    const id = randomInt(0x10000);
    const message = Buffer.from(request.message);
    message.writeUInt16BE(id, 0);
    try {
      const answer = await (request.transport === 'udp' ? askUdp : askTcp)(
        message,
        server,
        request.timeoutMs,
      );
      if (answer.length < 12 || answer.readUInt16BE(0) !== id) {
        throw new SwarmError('unavailable', `resolver ${server} answered another question`);
      }
      answer.writeUInt16BE(request.message.readUInt16BE(0), 0);
      return answer;
    } catch (error) {
      lastError = error;
    }
  }
  throw new SwarmError(
    'unavailable',
    request.servers.length === 0
      ? 'this host has no resolver to forward DNS queries to'
      : `no resolver answered (${errorMessage(lastError)})`,
    { cause: lastError },
  );
}

function askUdp(message: Buffer, server: string, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIP(server) === 6 ? 'udp6' : 'udp4');
    const timer = setTimeout(() => {
      finish(new SwarmError('deadline_exceeded', `resolver ${server} did not answer in time`));
    }, timeoutMs);
    const finish = (result: Buffer | Error): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.close();
      if (result instanceof Error) {
        reject(result);
      } else {
        resolve(result);
      }
    };
    socket.on('error', finish);
    socket.on('message', (answer) => {
      // A late or forged answer with another id is not ours; the right one may still come.
      if (answer.length >= 12 && answer.readUInt16BE(0) === message.readUInt16BE(0)) {
        finish(answer);
      }
    });
    // A connected socket takes datagrams from its peer only.
    // Without a route to the server the callback gets the error (its type does not say so).
    const onConnect = (failure?: Error): void => {
      if (failure instanceof Error) {
        finish(failure);
      } else {
        socket.send(message, (error) => {
          if (error !== null) {
            finish(error);
          }
        });
      }
    };
    socket.connect(53, server, onConnect);
  });
}

function askTcp(message: Buffer, server: string, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server, port: 53 });
    const timer = setTimeout(() => {
      finish(new SwarmError('deadline_exceeded', `resolver ${server} did not answer in time`));
    }, timeoutMs);
    const finish = (result: Buffer | Error): void => {
      clearTimeout(timer);
      socket.destroy();
      if (result instanceof Error) {
        reject(result);
      } else {
        resolve(result);
      }
    };
    const splitter = new MessageSplitter();
    socket.on('error', finish);
    socket.on('end', () => {
      finish(new SwarmError('unavailable', `resolver ${server} closed the connection`));
    });
    socket.on('data', (data) => {
      const [first] = splitter.push(data);
      if (first !== undefined) {
        finish(first);
      }
    });
    socket.on('connect', () => socket.write(withLength(message)));
  });
}

/** A message as it travels over TCP: its length in two bytes first (RFC 1035 4.2.2). */
export function withLength(message: Buffer): Buffer {
  const framed = Buffer.alloc(message.length + 2);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return framed;
}

/** Cuts a TCP stream into messages. It holds at most one incomplete message. */
export class MessageSplitter {
  #pending: Buffer = Buffer.alloc(0);

  push(data: Buffer): Buffer[] {
    this.#pending = Buffer.concat([this.#pending, data]);
    const messages: Buffer[] = [];
    while (this.#pending.length >= 2) {
      const length = this.#pending.readUInt16BE(0);
      if (this.#pending.length < length + 2) {
        break;
      }
      messages.push(this.#pending.subarray(2, length + 2));
      this.#pending = this.#pending.subarray(length + 2);
    }
    return messages;
  }
}
