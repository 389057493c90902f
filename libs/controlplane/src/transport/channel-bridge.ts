import type { MessagePort } from 'node:worker_threads';

import type { Logger } from 'pino';
import type { WebSocket } from 'ws';

import {
  CHANNEL_PATHS,
  CLOSE_OVERLOADED,
  FRAME_BYTES_MAX,
  QUEUE_BYTES_MAX,
  type ChannelPath,
} from './channel.ts';
import { RECEIVE_WINDOW_BYTES, type ChannelCommand, type ChannelEvent } from './channel-protocol.ts';
import { watchLiveness } from './liveness.ts';
import type { AcceptedSocket, ServerPath } from './manager-server.ts';

interface Bridged {
  readonly socket: WebSocket;
  /** Bytes given to the main thread and not yet consumed there. */
  unconsumedBytes: number;
}

/** The Raft thread's end of the channels: hands frames between sockets and the main thread's port. */
export class ChannelBridge {
  readonly #port: MessagePort;
  readonly #logger: Logger;
  readonly #served = new Set<string>();
  readonly #channels = new Map<number, Bridged>();
  #lastId = 0;

  constructor(port: MessagePort, logger: Logger) {
    this.#port = port;
    this.#logger = logger;
    port.on('message', (command: ChannelCommand) => {
      this.#onCommand(command);
    });
  }

  /** The rules of a channel path; undefined while the main thread does not serve it. */
  pathOf(path: string): ServerPath | undefined {
    if (!this.#served.has(path)) {
      return undefined;
    }
    const { roles, isOpenToAll } = CHANNEL_PATHS[path as ChannelPath];
    return {
      roles,
      isOpenToAll,
      frameBytesMax: FRAME_BYTES_MAX,
      accept: (accepted) => {
        this.#accept(accepted);
      },
    };
  }

  #post(event: ChannelEvent): void {
    this.#port.postMessage(event);
  }

  #accept({ socket, path, query, peer, remoteAddress }: AcceptedSocket): void {
    this.#lastId += 1;
    const id = this.#lastId;
    const channel: Bridged = { socket, unconsumedBytes: 0 };
    this.#channels.set(id, channel);
    watchLiveness(socket, { isHeldBack: () => socket.isPaused });
    this.#post({ op: 'open', id, path, query, peer, remoteAddress });
    socket.on('message', (data: Buffer) => {
      channel.unconsumedBytes += data.length;
      if (channel.unconsumedBytes > RECEIVE_WINDOW_BYTES) {
        socket.pause();
      }
      // A copy of its own: the buffer may be a part of one that is shared with other frames.
      const copy = new Uint8Array(data);
      this.#port.postMessage({ op: 'frame', id, data: copy } satisfies ChannelEvent, [copy.buffer]);
    });
    socket.on('close', (code, reason) => {
      this.#channels.delete(id);
      this.#post({ op: 'closed', id, code, reason: reason.toString() });
    });
  }

  #onCommand(command: ChannelCommand): void {
    if (command.op === 'serve') {
      this.#served.add(command.path);
      return;
    }
    const channel = this.#channels.get(command.id);
    if (channel === undefined) {
      return;
    }
    switch (command.op) {
      case 'send':
        this.#send(command.id, channel, command.data);
        break;
      case 'consumed':
        channel.unconsumedBytes -= command.bytes;
        if (channel.socket.isPaused && channel.unconsumedBytes <= RECEIVE_WINDOW_BYTES / 2) {
          channel.socket.resume();
        }
        break;
      case 'close':
        // A paused socket would never see the other end's close frame.
        channel.socket.resume();
        channel.socket.close(command.code, command.reason);
        break;
    }
  }

  #send(id: number, channel: Bridged, data: Uint8Array): void {
    if (channel.socket.bufferedAmount > QUEUE_BYTES_MAX) {
      this.#logger.warn({ channelId: id }, 'closed a channel whose other end does not read');
      channel.socket.close(CLOSE_OVERLOADED, 'too much is queued');
      return;
    }
    channel.socket.send(data, () => {
      this.#post({ op: 'sent', id, bytes: data.length });
    });
  }

  /** Ends all channels. */
  close(): void {
    for (const channel of this.#channels.values()) {
      channel.socket.terminate();
    }
    this.#port.close();
  }
}
