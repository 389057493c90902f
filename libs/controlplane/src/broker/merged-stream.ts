import type { SwarmError } from '@skep/kernel';
import { toErrorRecord } from '@skep/kernel';
import type { StreamPart } from '@skep/wire';

import type { AgentStream } from '../dispatcher/session-streams.ts';
import type { StreamChannel, StreamInput, StreamItem } from '../stream-api.ts';

/** What one agent stream contributes. */
export interface StreamSource {
  readonly stream: AgentStream;
  readonly nodeId: string;
  /** Task of a log stream. */
  readonly taskId?: string;
}

/** Items kept for a consumer that has not begun to listen, from sources that do not flow-control (notices). */
const NOTICES_MAX = 1_000;

/**
 * Several agent streams as one {@link StreamChannel}. Buffers nothing but notices: while its consumer pauses, so do
 * the agents.
 */
export class MergedStream implements StreamChannel {
  readonly #sources = new Set<StreamSource>();
  readonly #onEnd: () => void;
  #onItem: ((item: StreamItem) => void) | undefined;
  #onClose: ((error?: SwarmError) => void) | undefined;
  #onDrain: (() => void) | undefined;
  #notices: StreamItem[] = [];
  #isPaused = false;
  #isOpen = true;
  #closeError: SwarmError | undefined;
  /** Whether the stream ends with its last source; a followed service's does not. */
  #endsWithSources: boolean;

  constructor(options: { readonly endsWithSources: boolean; readonly onEnd?: () => void }) {
    this.#endsWithSources = options.endsWithSources;
    this.#onEnd = options.onEnd ?? ((): void => undefined);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  add(source: StreamSource): void {
    if (!this.#isOpen) {
      source.stream.close();
      return;
    }
    this.#sources.add(source);
    if (this.#onItem === undefined || this.#isPaused) {
      source.stream.pause();
    }
    source.stream.onPart((part) => {
      this.#emitPart(source, part);
    });
    source.stream.onDrain(() => this.#onDrain?.());
    source.stream.onClose((error) => {
      this.#sources.delete(source);
      if (error !== undefined) {
        this.#sourceFailed(source, error);
      }
      this.#endIfDone();
    });
  }

  remove(source: StreamSource): void {
    this.#sources.delete(source);
    source.stream.close();
  }

  notice(item: Extract<StreamItem, { type: 'notice' }>): void {
    if (this.#onItem !== undefined && !this.#isPaused) {
      this.#onItem(item);
    } else if (this.#notices.length < NOTICES_MAX) {
      this.#notices.push(item);
    }
  }

  /** No more sources will be added: the stream ends with the last one. */
  seal(): void {
    this.#endsWithSources = true;
    this.#endIfDone();
  }

  onItem(callback: (item: StreamItem) => void): void {
    this.#onItem = callback;
    this.resume();
  }

  onClose(callback: (error?: SwarmError) => void): void {
    this.#onClose = callback;
    this.#tellClosed();
  }

  send(input: StreamInput): boolean {
    let isTaken = true;
    for (const { stream } of this.#sources) {
      isTaken = stream.send(toPart(input)) && isTaken;
    }
    return isTaken;
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  pause(): void {
    this.#isPaused = true;
    this.#sources.forEach(({ stream }) => {
      stream.pause();
    });
  }

  resume(): void {
    this.#isPaused = false;
    const notices = this.#notices;
    this.#notices = [];
    notices.forEach((item) => this.#onItem?.(item));
    [...this.#sources].forEach(({ stream }) => {
      stream.resume();
    });
  }

  close(): void {
    this.#end(undefined);
  }

  #sourceFailed(source: StreamSource, error: SwarmError): void {
    if (this.#endsWithSources && this.#sources.size === 0 && source.taskId === undefined) {
      this.#end(error);
      return;
    }
    this.notice({
      type: 'notice',
      nodeId: source.nodeId,
      ...(source.taskId === undefined ? {} : { taskId: source.taskId }),
      code: toErrorRecord(error).code,
      message: error.message,
    });
  }

  #endIfDone(): void {
    if (this.#endsWithSources && this.#sources.size === 0) {
      this.#end(undefined);
    }
  }

  #end(error: SwarmError | undefined): void {
    if (!this.#isOpen) {
      return;
    }
    this.#isOpen = false;
    this.#closeError = error;
    this.#sources.forEach(({ stream }) => {
      stream.close();
    });
    this.#sources.clear();
    this.#onEnd();
    this.#tellClosed();
  }

  #tellClosed(): void {
    if (!this.#isOpen) {
      const onClose = this.#onClose;
      this.#onClose = undefined;
      onClose?.(this.#closeError);
    }
  }

  #emitPart(source: StreamSource, part: StreamPart): void {
    const onItem = this.#onItem;
    if (onItem === undefined) {
      return;
    }
    const { nodeId } = source;
    if (part.lines !== undefined && part.lines.length > 0) {
      onItem({ type: 'lines', taskId: source.taskId ?? '', nodeId, lines: part.lines });
    }
    if (part.stats !== undefined) {
      onItem({ type: 'stats', nodeId, stats: part.stats });
    }
    if (part.data !== undefined && part.channel !== undefined && part.channel !== 'stdin') {
      onItem({ type: 'output', channel: part.channel, data: part.data });
    }
    if (part.exitCode !== undefined) {
      onItem({ type: 'exit', exitCode: part.exitCode });
    }
  }
}

function toPart(input: StreamInput): Omit<StreamPart, 't' | 'streamId'> {
  switch (input.type) {
    case 'stdin':
      return { channel: 'stdin', data: input.data as Uint8Array<ArrayBuffer> };
    case 'stdinEnd':
      return { channel: 'stdin', end: true };
    case 'resize':
      return { resize: { cols: input.cols, rows: input.rows } };
  }
}
