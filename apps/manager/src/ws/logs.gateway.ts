import { Inject, Injectable } from '@nestjs/common';
import type { RawData, WebSocket } from 'ws';

import { LOGS_PATH, LogsClientFrame, type LogsServerFrame } from '@skep/contract';
import type { ControlPlane, StreamChannel, StreamItem } from '@skep/controlplane';
import { SwarmError, type Clock } from '@skep/kernel';

import { toSwarmError } from '../common/problem.filter.ts';
import { validateValue } from '../common/validate.ts';
import { CLOCK, CONTROL_PLANE } from '../tokens.ts';
import { LogMerger } from './log-merger.ts';
import { LogSources, type LogSource } from './log-sources.ts';
import { WsRouter, parseFrame, type Connection } from './ws-router.ts';

/** Output is gathered this long, and up to this size, into one frame. */
const FLUSH_MS = 50;
const FRAME_CHARS_MAX = 64 * 1024;
/** Un-acked bytes at which the sources are paused, for clients that ack. */
const UNACKED_MAX = 1024 * 1024;
/** Bytes waiting in the socket at which a client is paused, and cut. */
const BUFFERED_PAUSE = 1024 * 1024;
const BUFFERED_MAX = 8 * 1024 * 1024;
const POSITION_MS = 2000;

type Start = Extract<LogsClientFrame, { t: 'start' }>;

/** Logs of many tasks as one stream, wherever they run. */
@Injectable()
export class LogsGateway {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(LogSources) private readonly sources: LogSources,
    @Inject(WsRouter) private readonly router: WsRouter,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  start(): void {
    this.router.add({
      path: LOGS_PATH,
      access: 'task.logs',
      isCompressed: true,
      open: (connection) => {
        this.#open(connection);
      },
    });
  }

  #open({ socket }: Connection): void {
    let reader: LogReader | undefined;
    socket.on('message', (data: RawData, isBinary: boolean) => {
      try {
        const frame = validateValue(LogsClientFrame, isBinary ? undefined : parseFrame(data));
        if (frame.t === 'ack') {
          reader?.ack(frame.bytes);
        } else if (reader === undefined) {
          const sources = this.sources.find(frame.select);
          reader = new LogReader({
            socket,
            controlPlane: this.controlPlane,
            sources: this.sources,
            clock: this.clock,
          });
          reader.read(sources, frame);
        } else {
          throw new SwarmError('failed_precondition', 'start was sent already');
        }
      } catch (error: unknown) {
        const { code, message } = toSwarmError(error);
        socket.send(JSON.stringify({ t: 'error', code, message } satisfies LogsServerFrame));
        socket.close(1000);
      }
    });
    socket.on('close', () => reader?.close());
  }
}

interface ReaderParts {
  readonly socket: WebSocket;
  readonly controlPlane: ControlPlane;
  readonly sources: LogSources;
  readonly clock: Clock;
}

/** One client's reading: opens the sources, merges, batches, holds the sources back when the client is slow. */
class LogReader {
  readonly #parts: ReaderParts;
  readonly #channels = new Set<StreamChannel>();
  readonly #indexes = new Map<string, number>();
  readonly #merger = new LogMerger();
  readonly #timers: NodeJS.Timeout[] = [];
  #open = 0;
  #unacked = 0;
  #hasAcked = false;
  #isPaused = false;
  #isClosed = false;
  #lastTsNs: string | undefined;
  #toldTsNs: string | undefined;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  read(sources: readonly LogSource[], start: Start): void {
    this.#open = sources.length;
    for (const source of sources) {
      this.#openSource(source, start).catch((error: unknown) => {
        const { code, message } = toSwarmError(error);
        if ('taskId' in source) {
          this.#send({ t: 'src', taskIndex: this.#indexOf(source.taskId), state: 'unreachable', message });
        } else {
          this.#send({ t: 'error', code, message });
        }
        this.#sourceEnded();
      });
    }
    this.#timers.push(
      setInterval(() => {
        this.#flush(false);
      }, FLUSH_MS),
      setInterval(() => {
        this.#tellPosition();
      }, POSITION_MS),
    );
  }

  ack(bytes: number): void {
    this.#hasAcked = true;
    this.#unacked = Math.max(0, this.#unacked - bytes);
    this.#throttle();
  }

  close(): void {
    this.#isClosed = true;
    this.#timers.forEach(clearInterval);
    for (const channel of this.#channels) {
      channel.close();
    }
    this.#channels.clear();
  }

  async #openSource(source: LogSource, start: Start): Promise<void> {
    const { controlPlane, sources } = this.#parts;
    const channel = await controlPlane.openStream(
      sources.request(source, {
        follow: start.follow,
        tail: start.tail ?? -1,
        stdout: start.streams?.includes('stdout') ?? true,
        stderr: start.streams?.includes('stderr') ?? true,
        ...(start.sinceMs === undefined ? {} : { sinceMs: start.sinceMs }),
        ...(start.untilMs === undefined ? {} : { untilMs: start.untilMs }),
      }),
    );
    if (this.#isClosed) {
      channel.close();
      return;
    }
    this.#channels.add(channel);
    channel.onClose((error) => {
      this.#channels.delete(channel);
      if (error !== undefined) {
        this.#send({ t: 'error', code: error.code, message: error.message });
      } else if ('taskId' in source) {
        this.#send({ t: 'src', taskIndex: this.#indexOf(source.taskId), state: 'ended' });
      }
      this.#sourceEnded();
    });
    channel.onItem((item) => {
      this.#take(item);
    });
  }

  #take(item: StreamItem): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (item.type === 'lines') {
      const index = this.#indexOf(item.taskId);
      for (const { tsNs, stream, text } of item.lines) {
        this.#merger.add([tsNs, index, stream === 'stdout' ? 1 : 2, null, text, 0], nowMs);
      }
      this.#throttle();
    } else if (item.type === 'notice') {
      const { taskId, message, code } = item;
      this.#send(
        taskId === undefined
          ? { t: 'error', code, message }
          : { t: 'src', taskIndex: this.#indexOf(taskId), state: 'unreachable', message },
      );
    }
  }

  #indexOf(taskId: string): number {
    const known = this.#indexes.get(taskId);
    if (known !== undefined) {
      return known;
    }
    const index = this.#indexes.size;
    this.#indexes.set(taskId, index);
    const task = this.#parts.sources.task(taskId);
    this.#send({ t: 'tasks', add: [[index, taskId, task.service, task.slot, task.node, task.version]] });
    return index;
  }

  #flush(isEnd: boolean): void {
    const lines = this.#merger.take(this.#parts.clock.monotonicMs(), isEnd);
    let frame: typeof lines = [];
    let chars = 0;
    for (const line of lines) {
      frame.push(line);
      chars += line[4].length + 40;
      if (chars >= FRAME_CHARS_MAX) {
        this.#send({ t: 'l', b: frame });
        frame = [];
        chars = 0;
      }
    }
    if (frame.length > 0) {
      this.#send({ t: 'l', b: frame });
    }
    this.#lastTsNs = lines.at(-1)?.[0] ?? this.#lastTsNs;
    this.#throttle();
  }

  #tellPosition(): void {
    if (this.#lastTsNs !== undefined && this.#lastTsNs !== this.#toldTsNs) {
      this.#toldTsNs = this.#lastTsNs;
      this.#send({ t: 'pos', tsNs: this.#lastTsNs });
    }
  }

  #sourceEnded(): void {
    this.#open -= 1;
    if (this.#open === 0 && !this.#isClosed) {
      this.#flush(true);
      this.#tellPosition();
      this.#send({ t: 'end' });
      this.close();
      this.#parts.socket.close(1000);
    }
  }

  #send(frame: LogsServerFrame): void {
    const { socket } = this.#parts;
    if (this.#isClosed || socket.readyState !== socket.OPEN) {
      return;
    }
    const text = JSON.stringify(frame);
    if (frame.t === 'l') {
      this.#unacked += text.length;
    }
    if (socket.bufferedAmount > BUFFERED_MAX) {
      socket.close(1013, 'the client does not keep up');
      this.close();
      return;
    }
    socket.send(text);
  }

  /** Holds the sources back while the client is behind. Lines are not dropped: the agents keep them. */
  #throttle(): void {
    const isBehind =
      (this.#hasAcked && this.#unacked > UNACKED_MAX) ||
      this.#parts.socket.bufferedAmount > BUFFERED_PAUSE ||
      this.#merger.size > 20_000;
    if (isBehind === this.#isPaused) {
      return;
    }
    this.#isPaused = isBehind;
    for (const channel of this.#channels) {
      if (isBehind) {
        channel.pause();
      } else {
        channel.resume();
      }
    }
  }
}
