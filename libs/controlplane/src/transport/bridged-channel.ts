import type { MessagePort } from 'node:worker_threads';

import type { Logger } from 'pino';

import {
  CLOSE_ABNORMAL,
  CLOSE_NORMAL,
  CLOSE_OVERLOADED,
  CLOSE_POLICY,
  FRAME_BYTES_MAX,
  HIGH_WATER_BYTES,
  QUEUE_BYTES_MAX,
  type Channel,
  type ChannelPath,
  type ChannelPeer,
  type ChannelServer,
} from './channel.ts';
import type { ChannelCommand, ChannelEvent } from './channel-protocol.ts';
import { CloseSignal } from './close-signal.ts';
import { FrameInbox } from './frame-inbox.ts';

type OpenEvent = Extract<ChannelEvent, { op: 'open' }>;

/** The main thread's end of a connection that the Raft thread holds. */
class BridgedChannel implements Channel {
  readonly id: number;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly peer: ChannelPeer | undefined;
  readonly remoteAddress: string;
  readonly inbox: FrameInbox;
  readonly closed = new CloseSignal();
  readonly #post: (command: ChannelCommand, transfer?: ArrayBuffer) => void;
  #unsentBytes = 0;
  #wantsDrain = false;
  #isClosing = false;
  #onDrain: (() => void)[] = [];

  constructor(event: OpenEvent, post: (command: ChannelCommand, transfer?: ArrayBuffer) => void) {
    this.id = event.id;
    this.path = event.path;
    this.query = event.query;
    this.peer = event.peer;
    this.remoteAddress = event.remoteAddress;
    this.#post = post;
    this.inbox = new FrameInbox((bytes) => {
      post({ op: 'consumed', id: this.id, bytes });
    });
  }

  get isOpen(): boolean {
    return !this.#isClosing && !this.closed.isFired;
  }

  send(frame: Uint8Array): boolean {
    if (!this.isOpen) {
      return false;
    }
    if (frame.length > FRAME_BYTES_MAX) {
      this.close(CLOSE_POLICY, 'a frame is too large');
      return false;
    }
    this.#unsentBytes += frame.length;
    if (this.#unsentBytes > QUEUE_BYTES_MAX) {
      this.close(CLOSE_OVERLOADED, 'too much is queued');
      return false;
    }
    // A copy: the frame may be a part of a larger buffer, or sent on other channels as well.
    const copy = new Uint8Array(frame);
    this.#post({ op: 'send', id: this.id, data: copy }, copy.buffer);
    this.#wantsDrain ||= this.#unsentBytes > HIGH_WATER_BYTES;
    return !this.#wantsDrain;
  }

  onDrain(callback: () => void): void {
    this.#onDrain.push(callback);
  }

  onFrame(callback: (frame: Uint8Array) => void): void {
    this.inbox.setHandler(callback);
  }

  pause(): void {
    this.inbox.pause();
  }

  resume(): void {
    this.inbox.resume();
  }

  close(code = CLOSE_NORMAL, reason = ''): void {
    if (this.isOpen) {
      this.#isClosing = true;
      this.#post({ op: 'close', id: this.id, code, reason });
    }
  }

  onClose(callback: (code: number, reason: string) => void): void {
    this.closed.add(callback);
  }

  noteSent(bytes: number): void {
    this.#unsentBytes -= bytes;
    if (this.#wantsDrain && this.#unsentBytes <= HIGH_WATER_BYTES / 2) {
      this.#wantsDrain = false;
      for (const callback of this.#onDrain) {
        callback();
      }
    }
  }
}

/** The main thread's end of all connections of the manager port that are not Raft's. */
export class BridgedChannels implements ChannelServer {
  readonly #handlers = new Map<string, (channel: Channel) => void>();
  readonly #channels = new Map<number, BridgedChannel>();
  readonly #logger: Logger;
  #port: MessagePort | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  on(path: ChannelPath, handler: (channel: Channel) => void): void {
    this.#handlers.set(path, handler);
    this.#post({ op: 'serve', path });
  }

  /** Connects to the thread's end. */
  attach(port: MessagePort): void {
    this.#port = port;
    port.on('message', (event: ChannelEvent) => {
      this.#onEvent(event);
    });
    for (const path of this.#handlers.keys()) {
      this.#post({ op: 'serve', path: path as ChannelPath });
    }
  }

  #post(command: ChannelCommand, transfer?: ArrayBuffer): void {
    this.#port?.postMessage(command, transfer === undefined ? [] : [transfer]);
  }

  #onEvent(event: ChannelEvent): void {
    if (event.op === 'open') {
      this.#open(event);
      return;
    }
    const channel = this.#channels.get(event.id);
    switch (event.op) {
      case 'frame':
        this.#guard(channel, () => channel?.inbox.add(event.data));
        break;
      case 'sent':
        this.#guard(channel, () => channel?.noteSent(event.bytes));
        break;
      case 'closed':
        this.#channels.delete(event.id);
        this.#guard(undefined, () => channel?.closed.fire(event.code, event.reason));
        break;
    }
  }

  #open(event: OpenEvent): void {
    const channel = new BridgedChannel(event, (command, transfer) => {
      this.#post(command, transfer);
    });
    this.#channels.set(event.id, channel);
    this.#guard(channel, () => this.#handlers.get(event.path)?.(channel));
  }

  /** An error in a handler costs its channel, not the process. */
  #guard(channel: BridgedChannel | undefined, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#logger.error({ err: error, path: channel?.path }, 'a channel handler failed');
      channel?.close(CLOSE_POLICY, 'internal error');
    }
  }

  /** The thread is gone, and all connections with it. */
  detach(): void {
    this.#port?.close();
    this.#port = undefined;
    for (const channel of this.#channels.values()) {
      channel.closed.fire(CLOSE_ABNORMAL, 'the manager port is closed');
    }
    this.#channels.clear();
  }
}
