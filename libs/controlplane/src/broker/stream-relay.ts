import { SwarmError, errorMessage, fromErrorRecord, toErrorRecord, type ErrorRecord } from '@skep/kernel';
import { decodeFrame, encodeFrame } from '@skep/wire';

import type { StreamChannel, StreamInput, StreamItem, StreamRequest } from '../stream-api.ts';
import type { Channel } from '../transport/channel.ts';
import { StreamClientMessage, StreamServerMessage } from './channel-messages.ts';

const say = (channel: Channel, message: StreamServerMessage): boolean => channel.send(encodeFrame(message));

function wireError(error: unknown): StreamServerMessage {
  const record = toErrorRecord(error);
  return {
    t: 'error',
    error: { ...record, fields: record.fields === undefined ? undefined : [...record.fields] },
  };
}

/** Serves a follower's stream connection on the leader. */
export function serveStream(channel: Channel, open: (request: StreamRequest) => StreamChannel): void {
  let stream: StreamChannel | undefined;
  channel.onClose(() => stream?.close());
  channel.onFrame((frame) => {
    try {
      const message = decodeFrame(StreamClientMessage, frame);
      if (message.t !== 'open') {
        stream?.send(toInput(message));
      } else if (stream === undefined) {
        stream = open(message.request as StreamRequest);
        pipe(stream, channel);
      }
    } catch (error) {
      say(channel, wireError(error));
      channel.close();
    }
  });
}

function pipe(stream: StreamChannel, channel: Channel): void {
  say(channel, { t: 'opened' });
  channel.onDrain(() => {
    stream.resume();
  });
  stream.onItem((item) => {
    if (!say(channel, { t: 'item', item: item as Extract<StreamServerMessage, { t: 'item' }>['item'] })) {
      stream.pause();
    }
  });
  stream.onClose((error) => {
    say(channel, error === undefined ? { t: 'end' } : wireError(error));
    channel.close();
  });
}

function toInput(message: Exclude<StreamClientMessage, { t: 'open' }>): StreamInput {
  switch (message.t) {
    case 'stdin':
      return { type: 'stdin', data: message.data };
    case 'stdinEnd':
      return { type: 'stdinEnd' };
    case 'resize':
      return { type: 'resize', cols: message.cols, rows: message.rows };
  }
}

/** A stream that the leader serves over a connection of ours. */
class RemoteStream implements StreamChannel {
  readonly #channel: Channel;
  #onItem: ((item: StreamItem) => void) | undefined;
  #onClose: ((error?: SwarmError) => void) | undefined;
  #isOver = false;
  #error: SwarmError | undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
    channel.pause();
    channel.onClose((_code, reason) => {
      this.finish(
        new SwarmError('unavailable', `the leader ended the stream: ${reason || 'connection lost'}`),
      );
    });
  }

  deliver(item: StreamItem): void {
    this.#onItem?.(item);
  }

  finish(error: SwarmError | undefined): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#error = error;
      this.#tell();
    }
  }

  onItem(callback: (item: StreamItem) => void): void {
    this.#onItem = callback;
    this.#channel.resume();
  }

  onClose(callback: (error?: SwarmError) => void): void {
    this.#onClose = callback;
    this.#tell();
  }

  send(input: StreamInput): boolean {
    const message: StreamClientMessage =
      input.type === 'stdin'
        ? { t: 'stdin', data: input.data }
        : input.type === 'stdinEnd'
          ? { t: 'stdinEnd' }
          : { t: 'resize', cols: input.cols, rows: input.rows };
    return this.#channel.send(encodeFrame(message));
  }

  onDrain(callback: () => void): void {
    this.#channel.onDrain(callback);
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  close(): void {
    this.finish(undefined);
    this.#channel.close();
  }

  #tell(): void {
    if (this.#isOver) {
      const onClose = this.#onClose;
      this.#onClose = undefined;
      onClose?.(this.#error);
    }
  }
}

/**
 * Opens a stream over a fresh connection to the leader; resolves when the leader has opened it.
 * @throws SwarmError what the leader answered, or `unavailable`.
 */
export function openRemoteStream(channel: Channel, request: StreamRequest): Promise<StreamChannel> {
  return new Promise((resolve, reject) => {
    const stream = new RemoteStream(channel);
    channel.resume();
    channel.onClose((_code, reason) => {
      reject(
        new SwarmError('unavailable', `the leader closed the connection: ${reason || 'connection lost'}`),
      );
    });
    channel.onFrame((frame) => {
      try {
        const message = decodeFrame(StreamServerMessage, frame);
        switch (message.t) {
          case 'opened':
            channel.pause();
            resolve(stream);
            return;
          case 'item':
            stream.deliver(message.item as StreamItem);
            return;
          case 'end':
            stream.finish(undefined);
            return;
          case 'error': {
            const error = fromErrorRecord(message.error as ErrorRecord);
            stream.finish(error);
            reject(error);
            return;
          }
        }
      } catch (error) {
        stream.finish(new SwarmError('internal', errorMessage(error)));
        channel.close(1008, 'frame refused');
      }
    });
    channel.send(encodeFrame({ t: 'open', request } satisfies { t: 'open'; request: StreamRequest }));
  });
}
