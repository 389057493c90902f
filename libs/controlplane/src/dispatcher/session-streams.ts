import { SwarmError, errorMessage } from '@skep/kernel';
import type { ManagerMessage, StreamOpen, StreamPart } from '@skep/wire';

/** Bytes that an agent may send on a stream before the manager has said that it took them; both sides know it. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
/** What a log line counts for, besides its text. */
const LINE_OVERHEAD_BYTES = 100;
/** Credit is given back in pieces of this size, not for every part. */
const CREDIT_STEP_BYTES = STREAM_WINDOW_BYTES / 4;

/** What a part counts for in flow control. */
export function partBytes(part: StreamPart): number {
  let bytes = part.data?.byteLength ?? 0;
  for (const line of part.lines ?? []) {
    bytes += line.text.length + LINE_OVERHEAD_BYTES;
  }
  return bytes + (part.stats?.length ?? 0) * LINE_OVERHEAD_BYTES;
}

/** The manager's end of one stream on an agent. */
export class AgentStream {
  readonly streamId: number;
  readonly #post: (message: ManagerMessage) => void;
  readonly #release: () => void;
  #onPart: ((part: StreamPart) => void) | undefined;
  #onClose: ((error?: SwarmError) => void) | undefined;
  #onDrain: (() => void) | undefined;
  #held: StreamPart[] = [];
  #isPaused = false;
  #isClosed = false;
  #closeError: SwarmError | undefined;
  #consumedBytes = 0;
  #unacknowledgedBytes = 0;

  constructor(streamId: number, post: (message: ManagerMessage) => void, release: () => void) {
    this.streamId = streamId;
    this.#post = post;
    this.#release = release;
  }

  onPart(callback: (part: StreamPart) => void): void {
    this.#onPart = callback;
    this.#deliver();
  }

  /** Called once, after the last part was delivered. */
  onClose(callback: (error?: SwarmError) => void): void {
    this.#onClose = callback;
    this.#deliver();
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  /** False when the agent is behind: go on after {@link onDrain}. */
  send(part: Omit<StreamPart, 't' | 'streamId'>): boolean {
    if (this.#isClosed) {
      return false;
    }
    const message: StreamPart = { ...part, t: 'stream', streamId: this.streamId };
    this.#unacknowledgedBytes += partBytes(message);
    this.#post(message);
    return this.#unacknowledgedBytes < STREAM_WINDOW_BYTES;
  }

  /** Ends the stream from this side; what has not been delivered is dropped. */
  close(): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#held = [];
      this.#post({ t: 'close', streamId: this.streamId });
      this.#release();
    }
  }

  /** A part from the agent. */
  receive(part: StreamPart): void {
    if (this.#isClosed) {
      return;
    }
    if (part.credit !== undefined) {
      const wasFull = this.#unacknowledgedBytes >= STREAM_WINDOW_BYTES;
      this.#unacknowledgedBytes = Math.max(0, this.#unacknowledgedBytes - part.credit);
      if (wasFull && this.#unacknowledgedBytes < STREAM_WINDOW_BYTES) {
        this.#onDrain?.();
      }
    }
    this.#held.push(part);
    if (part.end === true || part.error !== undefined) {
      const { error } = part;
      this.finish(
        error === undefined
          ? undefined
          : new SwarmError('unavailable', error.message, { details: { code: error.code } }),
      );
    }
    this.#deliver();
  }

  /** The agent's side is over. */
  finish(error?: SwarmError): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#closeError = error;
      this.#release();
      this.#deliver();
    }
  }

  #deliver(): void {
    const onPart = this.#onPart;
    if (onPart === undefined) {
      return;
    }
    while (!this.#isPaused && this.#held.length > 0) {
      const part = this.#held.shift();
      if (part !== undefined) {
        this.#credit(partBytes(part));
        onPart(part);
      }
    }
    if (this.#isClosed && this.#held.length === 0) {
      const onClose = this.#onClose;
      this.#onClose = undefined;
      onClose?.(this.#closeError);
    }
  }

  #credit(bytes: number): void {
    this.#consumedBytes += bytes;
    if (this.#consumedBytes >= CREDIT_STEP_BYTES && !this.#isClosed) {
      this.#post({ t: 'stream', streamId: this.streamId, credit: this.#consumedBytes });
      this.#consumedBytes = 0;
    }
  }
}

/** All streams that managers have open on one agent, over its session. */
export class SessionStreams {
  readonly #post: (message: ManagerMessage) => void;
  readonly #streams = new Map<number, AgentStream>();
  readonly #streamsMax: number;
  #nextId = 1;

  constructor(post: (message: ManagerMessage) => void, streamsMax = 1_000) {
    this.#post = post;
    this.#streamsMax = streamsMax;
  }

  /** @throws SwarmError `resource_exhausted` when the agent has too many streams open already. */
  open(open: StreamOpen): AgentStream {
    if (this.#streams.size >= this.#streamsMax) {
      throw new SwarmError(
        'resource_exhausted',
        'too many streams are open on this node; close some and try again',
      );
    }
    const streamId = this.#nextId;
    this.#nextId += 1;
    const stream = new AgentStream(streamId, this.#post, () => this.#streams.delete(streamId));
    this.#streams.set(streamId, stream);
    this.#post({ t: 'open', streamId, open });
    return stream;
  }

  receive(part: StreamPart): void {
    this.#streams.get(part.streamId)?.receive(part);
  }

  /** The session is gone. */
  closeAll(reason: string): void {
    const error = new SwarmError('unavailable', errorMessage(reason));
    for (const stream of [...this.#streams.values()]) {
      stream.finish(error);
    }
    this.#streams.clear();
  }
}
