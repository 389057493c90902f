import type { Logger } from 'pino';
import { WebSocket } from 'ws';

import { errorMessage } from '@skep/kernel';

import type { TlsMaterial } from '../driver/raft-handle.ts';
import { watchLiveness } from './liveness.ts';
import { RAFT_WIRE_VERSION, type LinkClass } from './raft-wire.ts';
import { reconnectDelayMs } from './reconnect-delay.ts';
import { clientOptions } from './tls-options.ts';

export interface PeerLinkOptions {
  readonly clusterId: string;
  /** This member, by the address it has now. */
  readonly from: () => { readonly raftId: number; readonly addr: string };
  readonly to: { readonly raftId: number; readonly nodeId: string; readonly addr: string };
  readonly linkClass: LinkClass;
  readonly tls: () => TlsMaterial;
  readonly logger: Logger;
  /** The peer says that this member is no longer part of the group. */
  readonly onRemoved: () => void;
}

/** Close code by which a manager tells another that it was removed. */
export const CLOSE_REMOVED = 4003;

const CONNECT_TIMEOUT_MS = 3_000;
/** A peer that takes this much time to show a sign of life is tried anew: elections should not wait for it. */
const DEAD_MS = 4_000;
/** What may wait for the network; Raft repeats what is dropped. */
const QUEUED_BYTES_MAX: Readonly<Record<LinkClass, number>> = {
  control: 1024 * 1024,
  bulk: 64 * 1024 * 1024,
};

/** One outgoing connection to one peer for one class of messages; reconnects by itself, never queues while down. */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  #socket: WebSocket | undefined;
  /** Attempts in a row that came to nothing. */
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastError: string | undefined;
  #localAddress: string | undefined;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** The address of this host that the peer sees; undefined while the link is down. */
  get localAddress(): string | undefined {
    return this.isOpen ? this.#localAddress : undefined;
  }

  /** Why the last attempt failed; undefined while connected. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Sends a frame, or drops it: false when the link is down or too much waits. */
  send(frame: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) {
      return false;
    }
    if (socket.bufferedAmount > QUEUED_BYTES_MAX[this.#options.linkClass]) {
      return false;
    }
    socket.send(frame);
    return true;
  }

  /** Sends a frame and waits until the network has taken it. Rejects when the link breaks. */
  async sendAndFlush(frame: Uint8Array): Promise<void> {
    const socket = this.#socket;
    await new Promise<void>((resolve, reject) => {
      if (socket?.readyState !== WebSocket.OPEN) {
        reject(new Error('the link is down'));
        return;
      }
      const onClose = (): void => {
        reject(new Error('the link broke'));
      };
      socket.once('close', onClose);
      socket.send(frame, (error) => {
        socket.off('close', onClose);
        if (error instanceof Error) {
          reject(error);
        } else {
          resolve();
        }
      });
    });
  }

  #connect(): void {
    const { to, linkClass, clusterId, tls } = this.#options;
    const from = this.#options.from();
    const query = new URLSearchParams({
      v: String(RAFT_WIRE_VERSION),
      from: String(from.raftId),
      to: String(to.raftId),
      class: linkClass,
      addr: from.addr,
    });
    const socket = new WebSocket(`wss://${to.addr}/raft?${query.toString()}`, {
      ...clientOptions(tls(), { clusterId, nodeId: to.nodeId }),
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on('upgrade', (response) => {
      this.#localAddress = response.socket.localAddress;
    });
    socket.on('open', () => {
      this.#failures = 0;
      this.#lastError = undefined;
      watchLiveness(socket, { pingMs: 1_000, deadMs: DEAD_MS });
    });
    socket.on('error', (error) => {
      this.#noteError(errorMessage(error));
    });
    socket.on('close', (code) => {
      this.#onClose(socket, code);
    });
  }

  #noteError(message: string): void {
    if (message !== this.#lastError) {
      const { to, linkClass, logger } = this.#options;
      logger.warn(
        { peer: to.nodeId, addr: to.addr, linkClass, reason: message },
        'lost the link to a manager',
      );
    }
    this.#lastError = message;
  }

  #onClose(socket: WebSocket, code: number): void {
    if (this.#socket === socket) {
      this.#socket = undefined;
    }
    if (code === CLOSE_REMOVED) {
      this.#options.onRemoved();
    }
    if (this.#isClosed) {
      return;
    }
    this.#retry = setTimeout(
      () => {
        this.#connect();
      },
      reconnectDelayMs(this.#failures, Math.random()),
    );
    this.#failures += 1;
  }

  /** Breaks the connection, so that the next one uses new certificates. */
  reconnect(): void {
    this.#socket?.close();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#socket?.terminate();
  }
}
