import { randomUUID } from 'node:crypto';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';

import type { Logger } from 'pino';

import { PROBLEM_MEDIA_TYPE, toProblem } from '@skep/contract';
import { isLocked, openBackup, unlockFolder } from '@skep/controlplane';
import { SwarmError, isSwarmError } from '@skep/kernel';

type OpenedBackup = Awaited<ReturnType<typeof openBackup>>;

const KEY_BYTES_MAX = 4096;
const BACKUP_BYTES_MAX = 2 * 1024 ** 3;

/** Docker's own sentence, which clients look for. */
const LOCKED =
  'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.';
const RESTORING = 'this manager waits for the backup it is to begin with: swarm restore <file>';

export interface WaitingRoomOptions {
  readonly socketPath: string;
  readonly raftDir: string;
  readonly logger: Logger;
}

/**
 * Stands at the local socket while the manager cannot start yet, because it is locked or waits for a backup. Keys and
 * passphrases come over the socket, so that they are never in a file, an argument or the environment. Everything else
 * is answered by what is missing.
 */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  /** The key-encryption key of this manager's state, once somebody has given it; undefined when it is not locked. */
  async unlocked(): Promise<Uint8Array | undefined> {
    const { raftDir, logger } = this.#options;
    if (!isLocked(raftDir)) {
      rmSync(this.#marker, { force: true });
      return undefined;
    }
    writeFileSync(this.#marker, '');
    logger.warn('manager is locked and waits for the unlock key');
    const key = await this.#wait('/unlock', LOCKED, async (request) => {
      const { key: given } = JSON.parse((await readBody(request, KEY_BYTES_MAX)).toString()) as {
        key?: unknown;
      };
      return unlockFolder(raftDir, typeof given === 'string' ? given : '');
    });
    rmSync(this.#marker, { force: true });
    logger.info('manager was unlocked');
    return key;
  }

  /** The backup that this manager is to begin with: the file as body, its passphrase as a header. */
  backup(): Promise<OpenedBackup> {
    return this.#wait('/restore', RESTORING, async (request) => {
      const passphrase = request.headers['x-skep-passphrase'];
      const file = await readBody(request, BACKUP_BYTES_MAX);
      return openBackup(file, Buffer.from(String(passphrase ?? ''), 'base64').toString());
    });
  }

  /** Tells swarmd, which may be started anew meanwhile, that the manager is locked. */
  get #marker(): string {
    return join(dirname(this.#options.socketPath), 'locked');
  }

  /** Serves one path until it has given a result. */
  #wait<T>(path: string, sentence: string, take: (request: IncomingMessage) => Promise<T>): Promise<T> {
    const { socketPath } = this.#options;
    return new Promise((resolve, reject) => {
      const server = createServer((request, response) => {
        if (request.method !== 'POST' || request.url !== path) {
          sendProblem(response, new SwarmError('unavailable', sentence, { details: { isLocked: true } }));
          return;
        }
        take(request).then(
          (value) => {
            response.writeHead(204, { connection: 'close' }).end(() => {
              server.close(() => {
                resolve(value);
              });
              server.closeAllConnections();
            });
          },
          (error: unknown) => {
            this.#options.logger.warn({ err: error }, 'what was given to the waiting manager was refused');
            sendProblem(response, error);
          },
        );
      });
      server.requestTimeout = 0;
      server.once('error', reject);
      rmSync(socketPath, { force: true });
      server.listen(socketPath, () => {
        chmodSync(socketPath, 0o600);
      });
    });
  }
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) {
      throw new SwarmError('too_large', `the body is longer than ${String(bytesMax)} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function sendProblem(response: ServerResponse, thrown: unknown): void {
  const error = isSwarmError(thrown)
    ? thrown
    : new SwarmError('invalid_argument', 'what was given is not understood', { cause: thrown });
  const problem = toProblem(error, { requestId: randomUUID(), instance: response.req.url ?? '' });
  response.writeHead(problem.status, { 'content-type': PROBLEM_MEDIA_TYPE });
  response.end(JSON.stringify(problem));
}
