import {
  API_PREFIX,
  LOGS_PATH,
  type LogsClientFrame,
  type LogsServerFrame,
  type LogsTask,
} from '@skep/contract';
import { SwarmError, type ErrorCode, ERROR_CODES } from '@skep/kernel';
import { WebSocket } from 'ws';

import type { LogStreamer } from './contract-gateway.ts';
import type { SwarmLogLine, SwarmLogOptions } from './swarm-gateway.ts';

/** Frames that wait for a slow reader before the socket is paused. */
const FRAMES_PENDING_MAX = 64;

/** Reads logs over the manager's log socket: `ws+unix://<manager.sock>:/api/v1/logs/stream`. */
export function managerLogs(socketPath: string): LogStreamer {
  return (options) => readLogs(socketPath, options);
}

function startFrame(options: SwarmLogOptions): LogsClientFrame {
  return {
    t: 'start',
    select: {
      ...(options.services === undefined || options.tasks !== undefined
        ? {}
        : { services: [...options.services] }),
      ...(options.tasks === undefined ? {} : { tasks: [...options.tasks] }),
      previous: true,
    },
    follow: options.follow,
    ...(options.tail === undefined ? {} : { tail: Math.min(options.tail, 100_000) }),
    ...(options.sinceMs === undefined ? {} : { sinceMs: options.sinceMs }),
    streams: [
      ...(options.stdout ? (['stdout'] as const) : []),
      ...(options.stderr ? (['stderr'] as const) : []),
    ],
  };
}

type Received =
  { readonly frame: LogsServerFrame; readonly bytes: number } | { readonly closed: SwarmError | undefined };

/** What came over the socket and was not read yet. */
class Inbox {
  readonly #socket: WebSocket;
  readonly #received: Received[] = [];
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  put(received: Received): void {
    this.#received.push(received);
    if (this.#received.length > FRAMES_PENDING_MAX) {
      this.#socket.pause();
    }
    this.#wake?.();
  }

  async take(): Promise<Received> {
    for (;;) {
      const received = this.#received.shift();
      if (received !== undefined) {
        if (this.#received.length === 0 && this.#socket.readyState === WebSocket.OPEN) {
          this.#socket.resume();
        }
        return received;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function open(
  socketPath: string,
  options: SwarmLogOptions,
): { readonly socket: WebSocket; readonly inbox: Inbox } {
  const socket = new WebSocket(`ws+unix://${socketPath}:${API_PREFIX}${LOGS_PATH}`);
  const inbox = new Inbox(socket);
  const noAnswer = (message: string, cause?: unknown): SwarmError =>
    new SwarmError('unavailable', `the manager's log stream ended: ${message}`, { cause });
  socket.once('open', () => {
    socket.send(JSON.stringify(startFrame(options)));
  });
  socket.on('message', (data: Buffer) => {
    try {
      inbox.put({ frame: JSON.parse(data.toString('utf8')) as LogsServerFrame, bytes: data.length });
    } catch (error) {
      inbox.put({ closed: noAnswer('a frame is not JSON', error) });
    }
  });
  socket.once('error', (error) => {
    inbox.put({ closed: noAnswer(error.message, error) });
  });
  socket.once('close', (code) => {
    inbox.put({ closed: code === 1000 ? undefined : noAnswer(`closed with code ${String(code)}`) });
  });
  return { socket, inbox };
}

async function* readLogs(socketPath: string, options: SwarmLogOptions): AsyncGenerator<SwarmLogLine> {
  const { socket, inbox } = open(socketPath, options);
  const onAbort = (): void => {
    inbox.put({ closed: undefined });
  };
  options.signal.addEventListener('abort', onAbort);
  if (options.signal.aborted) {
    onAbort();
  }
  const tasks = new Map<number, LogsTask>();
  try {
    for (;;) {
      const received = await inbox.take();
      if ('closed' in received) {
        if (received.closed !== undefined) {
          throw received.closed;
        }
        return;
      }
      if (received.frame.t === 'end') {
        return;
      }
      yield* linesOf(received.frame, tasks);
      if (received.frame.t === 'l') {
        socket.send(JSON.stringify({ t: 'ack', bytes: received.bytes } satisfies LogsClientFrame));
      }
    }
  } finally {
    options.signal.removeEventListener('abort', onAbort);
    socket.on('error', () => undefined);
    socket.terminate();
  }
}

function* linesOf(frame: LogsServerFrame, tasks: Map<number, LogsTask>): Generator<SwarmLogLine> {
  switch (frame.t) {
    case 'tasks':
      for (const task of frame.add) {
        tasks.set(task[0], task);
      }
      return;
    case 'l':
      for (const [tsNs, taskIndex, stream, , text] of frame.b) {
        const task = tasks.get(taskIndex);
        yield {
          tsNs,
          stream: stream === 2 ? 'stderr' : 'stdout',
          text,
          taskId: task?.[1] ?? '',
          node: task?.[4] ?? '',
        };
      }
      return;
    case 'error':
      throw new SwarmError(codeOf(frame.code), frame.message);
    case 'src':
    case 'pos':
    case 'end':
  }
}

function codeOf(code: string): ErrorCode {
  return ERROR_CODES.find((known) => known === code) ?? 'internal';
}
