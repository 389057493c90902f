import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';

import type { Logger } from 'pino';

import { SwarmError } from '@skep/kernel';

import type { NodeControl } from '../docker-api/node-control.ts';
import { sendError, sendProblem } from './problem.ts';
import { proxyRequest, proxyUpgrade, refuseUpgrade } from './proxy.ts';
import {
  InitRequest,
  JoinRequest,
  LeaveRequest,
  UnlockRequest,
  readBody,
  restoreRequest,
} from './requests.ts';

/** What the local API needs of swarmd. */
export interface LocalApiOptions {
  readonly node: NodeControl;
  readonly managerSocket: string;
  readonly version: string;
  readonly hostname: string;
  /** Removes every container, network and volume of this host; refused while it is part of a swarm. */
  readonly purge: () => Promise<void>;
  readonly log: Logger;
}

const NOT_MANAGER =
  'This node is not a swarm manager. Use "swarm init" or "swarm join" to connect this node to a swarm, or ask a manager.';

/**
 * The native socket of a host. `/local/v1/...` is answered by swarmd itself: it works on every host, part of a swarm or
 * not. Everything below `/api/v1` is passed to this host's manager. Who may open the socket is an administrator.
 */
export class LocalApiServer {
  readonly #options: LocalApiOptions;
  readonly #server: Server;

  constructor(options: LocalApiOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (response.headersSent) {
          response.destroy();
        } else {
          sendError(response, error);
        }
        if (!(error instanceof SwarmError)) {
          options.log.error({ err: error, path: request.url }, 'local request failed');
        }
      });
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head).catch(() => socket.destroy());
    });
    // Log streams and file transfers last as long as they last.
    this.#server.requestTimeout = 0;
  }

  /** Listens on a socket that only root and the group may use. A socket left by an earlier swarmd is replaced. */
  async listen(path: string, { gid, mode }: { readonly gid: number; readonly mode: number }): Promise<void> {
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    chownSync(path, 0, gid);
    chmodSync(path, mode);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (path.startsWith('/local/v1/')) {
      await this.#answerLocal(`${request.method ?? ''} ${path.slice('/local/v1'.length)}`, request, response);
      return;
    }
    const { isManager } = await this.#options.node.info();
    if (isManager) {
      proxyRequest(request, response, this.#options.managerSocket);
    } else {
      sendProblem(response, 'not_manager', NOT_MANAGER);
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { isManager } = await this.#options.node.info();
    if (isManager) {
      proxyUpgrade(request, socket, head, this.#options.managerSocket);
    } else {
      refuseUpgrade(socket, 503, NOT_MANAGER);
    }
  }

  async #answerLocal(route: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { node, log } = this.#options;
    switch (route) {
      case 'GET /info':
        sendJson(response, await this.#info());
        return;
      case 'POST /init': {
        const nodeId = await node.init(await readBody(request, InitRequest));
        log.info({ nodeId }, 'cluster was made');
        sendJson(response, { nodeId });
        return;
      }
      case 'POST /restore': {
        const { options, passphrase } = restoreRequest(request);
        const nodeId = await node.restore(options, { file: request, passphrase });
        log.info({ nodeId }, 'cluster was restored');
        sendJson(response, { nodeId });
        return;
      }
      case 'POST /join': {
        const { token, ...join } = await readBody(request, JoinRequest);
        await node.join({ ...join, joinToken: token });
        sendJson(response, await this.#info());
        return;
      }
      case 'POST /leave': {
        const { force = false } = await readBody(request, LeaveRequest);
        await node.leave({ force });
        sendJson(response, await this.#info());
        return;
      }
      case 'POST /unlock': {
        const { key = '' } = await readBody(request, UnlockRequest);
        await node.unlock(key);
        sendJson(response, await this.#info());
        return;
      }
      case 'POST /purge':
        await this.#purge();
        sendJson(response, {});
        return;
      default:
        throw new SwarmError('not_found', `swarmd has no ${route}`);
    }
  }

  async #purge(): Promise<void> {
    const { state } = await this.#options.node.info();
    if (state !== 'inactive') {
      throw new SwarmError(
        'failed_precondition',
        'this host is part of a swarm; leave it first: swarm leave --force',
      );
    }
    await this.#options.purge();
  }

  async #info(): Promise<unknown> {
    const { state, nodeId, nodeAddr, isManager, error, managers } = await this.#options.node.info();
    return {
      version: this.#options.version,
      hostname: this.#options.hostname,
      state,
      role: state === 'inactive' ? 'none' : isManager ? 'manager' : 'worker',
      nodeId,
      nodeAddr,
      error,
      managers,
    };
  }
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
