import type { TLSSocket } from 'node:tls';

import { WebSocket } from 'ws';

import { SwarmError, errorMessage } from '@skep/kernel';

import type { TlsMaterial } from '../driver/raft-handle.ts';
import {
  CLOSE_NORMAL,
  CLOSE_OVERLOADED,
  FRAME_BYTES_MAX,
  HIGH_WATER_BYTES,
  QUEUE_BYTES_MAX,
  type Channel,
  type ChannelPeer,
} from './channel.ts';
import { CloseSignal } from './close-signal.ts';
import { FrameInbox } from './frame-inbox.ts';
import { watchLiveness } from './liveness.ts';
import { identityOf } from './peer-identity.ts';
import { clientOptions } from './tls-options.ts';

export interface DialOptions {
  /** `host:port` of a manager port. */
  readonly addr: string;
  readonly path: '/channel' | '/session' | '/ca/renew';
  readonly query?: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  readonly clusterId: string;
  /** Refuse any other node at this address. */
  readonly nodeId?: string;
  /** Default 5,000. */
  readonly timeoutMs?: number;
}

let lastId = 0;

/** A connection that this thread dialled itself. */
class SocketChannel implements Channel {
  readonly id: number;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly peer: ChannelPeer | undefined;
  readonly remoteAddress: string;
  readonly #socket: WebSocket;
  readonly #inbox: FrameInbox;
  readonly #closed = new CloseSignal();
  #waitingBytes = 0;
  #wantsDrain = false;
  #onDrain: (() => void)[] = [];

  constructor(socket: WebSocket, options: DialOptions, peer: ChannelPeer, remoteAddress: string) {
    lastId += 1;
    this.id = lastId;
    this.path = options.path;
    this.query = options.query ?? {};
    this.peer = peer;
    this.remoteAddress = remoteAddress;
    this.#socket = socket;
    this.#inbox = new FrameInbox((bytes) => {
      this.#waitingBytes -= bytes;
      if (socket.isPaused && this.#waitingBytes <= HIGH_WATER_BYTES / 2) {
        socket.resume();
      }
    });
    socket.on('message', (data: Buffer) => {
      this.#waitingBytes += data.length;
      if (this.#waitingBytes > HIGH_WATER_BYTES) {
        socket.pause();
      }
      this.#inbox.add(data);
    });
    socket.on('close', (code, reason) => {
      this.#closed.fire(code, reason.toString());
    });
    watchLiveness(socket, { isHeldBack: () => socket.isPaused });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(frame: Uint8Array): boolean {
    if (!this.isOpen) {
      return false;
    }
    this.#socket.send(frame, () => {
      this.#afterSend();
    });
    if (this.#socket.bufferedAmount > QUEUE_BYTES_MAX) {
      this.close(CLOSE_OVERLOADED, 'too much is queued');
      return false;
    }
    this.#wantsDrain ||= this.#socket.bufferedAmount > HIGH_WATER_BYTES;
    return !this.#wantsDrain;
  }

  #afterSend(): void {
    if (this.#wantsDrain && this.isOpen && this.#socket.bufferedAmount <= HIGH_WATER_BYTES / 2) {
      this.#wantsDrain = false;
      for (const callback of this.#onDrain) {
        callback();
      }
    }
  }

  onDrain(callback: () => void): void {
    this.#onDrain.push(callback);
  }

  onFrame(callback: (frame: Uint8Array) => void): void {
    this.#inbox.setHandler(callback);
  }

  pause(): void {
    this.#inbox.pause();
  }

  resume(): void {
    this.#inbox.resume();
  }

  close(code = CLOSE_NORMAL, reason = ''): void {
    this.#socket.resume();
    this.#socket.close(code, reason);
  }

  onClose(callback: (code: number, reason: string) => void): void {
    this.#closed.add(callback);
  }
}

/**
 * Opens a channel to another manager from the main thread.
 * @throws SwarmError `unavailable` when it cannot be reached, `unauthenticated` when it is not who it should be.
 */
export async function dialChannel(options: DialOptions): Promise<Channel> {
  const query = new URLSearchParams(options.query ?? {}).toString();
  const socket = new WebSocket(`wss://${options.addr}${options.path}${query === '' ? '' : `?${query}`}`, {
    ...clientOptions(options.tls, {
      clusterId: options.clusterId,
      ...(options.nodeId === undefined ? {} : { nodeId: options.nodeId }),
    }),
    handshakeTimeout: options.timeoutMs ?? 5_000,
    maxPayload: FRAME_BYTES_MAX,
    perMessageDeflate: false,
  });
  return new Promise<Channel>((resolve, reject) => {
    let made: { peer: ChannelPeer; remoteAddress: string } | undefined;
    socket.on('upgrade', (response) => {
      const { socket: tlsSocket } = response as typeof response & { socket: TLSSocket };
      made = {
        peer: identityOf(tlsSocket.getPeerCertificate()),
        remoteAddress: tlsSocket.remoteAddress ?? '',
      };
    });
    socket.on('open', () => {
      if (made !== undefined) {
        resolve(new SocketChannel(socket, options, made.peer, made.remoteAddress));
      }
    });
    socket.on('error', (error) => {
      const message = `cannot open ${options.path} on manager ${options.addr}: ${errorMessage(error)}`;
      const code = error instanceof SwarmError ? error.code : 'unavailable';
      reject(new SwarmError(code, message, { cause: error }));
    });
  });
}
