import type { Logger } from 'pino';

import { SwarmError, errorMessage, toErrorRecord } from '@skep/kernel';
import type { AgentMessage, LogLine, StreamOpen, StreamPart } from '@skep/wire';

import type { ContainerStats, LogRecord } from '../engine/container-api.ts';
import type { EngineApi } from '../engine/engine-api.ts';
import type { StartedExec } from '../engine/exec-api.ts';
import { LineJoiner } from './line-joiner.ts';

/** Must be what the managers' side has: bytes that may be on their way without having been taken. */
const WINDOW_BYTES = 1024 * 1024;
const LINE_OVERHEAD_BYTES = 100;
const CREDIT_STEP_BYTES = WINDOW_BYTES / 4;
const LINES_PER_PART = 500;
const LINES_HOLD_MS = 20;
/** A line that has begun is shown as far as it came when nothing more comes for this long. */
const UNENDED_HOLD_MS = 500;
const DATA_PART_BYTES = 64 * 1024;
const STREAMS_MAX = 1_000;
const SHELLS = ['bash', 'ash', 'sh'] as const;

type PartBody = Omit<StreamPart, 't' | 'streamId'>;

/** What streams need of the worker. */
export interface AgentStreamPorts {
  readonly engine: EngineApi;
  readonly log: Logger;
  /** The container of a task on this node. */
  containerOf(taskId: string): string | undefined;
  send(message: AgentMessage): void;
}

/** One open stream: what was sent and not yet taken, and how to end it. */
class OpenStream {
  readonly id: number;
  readonly abort = new AbortController();
  readonly #send: (message: AgentMessage) => void;
  #inFlightBytes = 0;
  #consumedBytes = 0;
  #wake: (() => void) | undefined;
  /** Set by an exec: input from the manager. */
  onInput: ((part: StreamPart) => void) | undefined;

  constructor(id: number, send: (message: AgentMessage) => void) {
    this.id = id;
    this.#send = send;
    this.abort.signal.addEventListener('abort', () => this.#wake?.());
  }

  post(body: PartBody): void {
    if (!this.abort.signal.aborted) {
      this.#send({ ...body, t: 'stream', streamId: this.id });
    }
  }

  /** Sends, and resolves when the other side is not too far behind. */
  async write(body: PartBody, bytes: number): Promise<void> {
    this.#inFlightBytes += bytes;
    this.post(body);
    while (this.#inFlightBytes >= WINDOW_BYTES && !this.abort.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  credited(bytes: number): void {
    this.#inFlightBytes = Math.max(0, this.#inFlightBytes - bytes);
    this.#wake?.();
  }

  /** Input was taken: the manager may send as much more. */
  consumed(bytes: number): void {
    this.#consumedBytes += bytes;
    if (this.#consumedBytes >= CREDIT_STEP_BYTES) {
      this.post({ credit: this.#consumedBytes });
      this.#consumedBytes = 0;
    }
  }
}

/** Serves the streams that managers open on this node: logs, exec and stats of its tasks. */
export class AgentStreams {
  readonly #ports: AgentStreamPorts;
  readonly #open = new Map<number, OpenStream>();

  constructor(ports: AgentStreamPorts) {
    this.#ports = ports;
  }

  open(streamId: number, open: StreamOpen): void {
    const stream = new OpenStream(streamId, (message) => {
      this.#ports.send(message);
    });
    if (this.#open.size >= STREAMS_MAX) {
      stream.post({
        error: { code: 'resource_exhausted', message: 'too many streams are open on this node' },
      });
      return;
    }
    this.#open.set(streamId, stream);
    this.#serve(stream, open)
      .then(() => {
        stream.post({ end: true });
      })
      .catch((error: unknown) => {
        const { code, message } = toErrorRecord(error);
        this.#ports.log.debug({ kind: open.kind, err: message }, 'stream ended with an error');
        stream.post({ error: { code, message } });
      })
      .finally(() => {
        this.#open.delete(streamId);
        stream.abort.abort();
      });
  }

  receive(part: StreamPart): void {
    const stream = this.#open.get(part.streamId);
    if (part.credit !== undefined) {
      stream?.credited(part.credit);
    }
    stream?.onInput?.(part);
  }

  close(streamId: number): void {
    this.#open.get(streamId)?.abort.abort();
    this.#open.delete(streamId);
  }

  /** The session is gone, and with it all its streams. */
  closeAll(): void {
    this.#open.forEach((stream) => {
      stream.abort.abort();
    });
    this.#open.clear();
  }

  #container(taskId: string): string {
    const containerId = this.#ports.containerOf(taskId);
    if (containerId === undefined) {
      throw new SwarmError('not_found', `task ${taskId} has no container on this node`);
    }
    return containerId;
  }

  async #serve(stream: OpenStream, open: StreamOpen): Promise<void> {
    switch (open.kind) {
      case 'logs':
        await this.#serveLogs(stream, open);
        return;
      case 'stats':
        await this.#serveStats(stream, open);
        return;
      case 'exec':
        await this.#serveExec(stream, open);
    }
  }

  async #serveLogs(stream: OpenStream, open: Extract<StreamOpen, { kind: 'logs' }>): Promise<void> {
    const records = this.#ports.engine.containers.logs(this.#container(open.taskId), {
      follow: open.follow,
      stdout: open.stdout,
      stderr: open.stderr,
      ...(open.tail < 0 ? {} : { tail: open.tail }),
      ...(open.sinceMs === undefined ? {} : { sinceMs: open.sinceMs }),
      ...(open.untilMs === undefined ? {} : { untilMs: open.untilMs }),
      signal: stream.abort.signal,
    });
    const batch = new LineBatch(stream);
    try {
      for await (const record of records) {
        if (stream.abort.signal.aborted) {
          return;
        }
        await batch.add(record);
      }
    } finally {
      await batch.end();
    }
  }

  async #serveStats(stream: OpenStream, open: Extract<StreamOpen, { kind: 'stats' }>): Promise<void> {
    const last = new Map<string, ContainerStats>();
    while (!stream.abort.signal.aborted) {
      const samples = await Promise.all(
        open.taskIds.map(async (taskId) => {
          const containerId = this.#ports.containerOf(taskId);
          if (containerId === undefined) {
            return undefined;
          }
          const sample = await this.#ports.engine.containers.stats(containerId).catch(() => undefined);
          if (sample === undefined) {
            return undefined;
          }
          const before = last.get(taskId);
          last.set(taskId, sample);
          return toTaskStats(taskId, sample, before);
        }),
      );
      const stats = samples.filter((sample) => sample !== undefined);
      await stream.write({ stats }, stats.length * LINE_OVERHEAD_BYTES);
      await pause(open.everyMs, stream.abort.signal);
    }
  }

  async #serveExec(stream: OpenStream, open: Extract<StreamOpen, { kind: 'exec' }>): Promise<void> {
    const containerId = this.#container(open.taskId);
    const cmd = open.command.length > 0 ? open.command : [await this.#findShell(containerId)];
    const { execs } = this.#ports.engine;
    const execId = await execs.create(containerId, {
      cmd,
      tty: open.tty,
      attachStdin: true,
      attachStdout: true,
      attachStderr: true,
      ...(open.user === undefined ? {} : { user: open.user }),
      ...(open.env === undefined ? {} : { env: open.env }),
      ...(open.workingDir === undefined ? {} : { workingDir: open.workingDir }),
    });
    const size =
      open.cols === undefined || open.rows === undefined ? {} : { rows: open.rows, columns: open.cols };
    const started = await execs.start(execId, size);
    this.#feed(stream, started, execId);
    stream.abort.signal.addEventListener('abort', () => {
      started.detach();
    });
    await Promise.all([
      pump(stream, started.stdout, 'stdout'),
      ...(started.stderr === null ? [] : [pump(stream, started.stderr, 'stderr')]),
    ]);
    const exitCode = await started.exitCode;
    stream.post({ exitCode });
  }

  #feed(stream: OpenStream, started: StartedExec, execId: string): void {
    stream.onInput = (part) => {
      if (part.data !== undefined && part.channel === 'stdin') {
        const bytes = part.data.byteLength;
        started.stdin?.write(part.data, () => {
          stream.consumed(bytes);
        });
      }
      if (part.end === true) {
        started.stdin?.end();
      }
      if (part.resize !== undefined) {
        this.#ports.engine.execs
          .resize(execId, part.resize.rows, part.resize.cols)
          .catch((error: unknown) => {
            this.#ports.log.debug({ err: errorMessage(error) }, 'terminal was not resized');
          });
      }
    };
  }

  async #findShell(containerId: string): Promise<string> {
    for (const shell of SHELLS) {
      const found = await this.#ports.engine.execs
        .run(containerId, { cmd: [shell, '-c', 'exit 0'] }, { timeoutMs: 5_000 })
        .catch(() => undefined);
      if (found?.exitCode === 0) {
        return shell;
      }
    }
    throw new SwarmError('failed_precondition', 'this image has no shell: name the command to run');
  }
}

/** Lines that go together: until there are many, or some time has passed. */
class LineBatch {
  readonly #stream: OpenStream;
  readonly #joiner = new LineJoiner();
  #lines: LogLine[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #unendedTimer: NodeJS.Timeout | undefined;

  constructor(stream: OpenStream) {
    this.#stream = stream;
  }

  async add(record: LogRecord): Promise<void> {
    clearTimeout(this.#unendedTimer);
    const line = this.#joiner.add(record);
    if (line !== undefined) {
      this.#put(line);
    }
    if (this.#joiner.isInLine) {
      // A prompt waits for its reader.
      this.#unendedTimer = setTimeout(() => {
        void this.end();
      }, UNENDED_HOLD_MS);
    }
    if (this.#lines.length >= LINES_PER_PART || this.#bytes >= DATA_PART_BYTES) {
      await this.#flush();
    } else if (this.#lines.length > 0) {
      this.#timer ??= setTimeout(() => {
        void this.#flush();
      }, LINES_HOLD_MS);
    }
  }

  /** Sends everything, lines that have not ended too. */
  async end(): Promise<void> {
    clearTimeout(this.#unendedTimer);
    for (const line of this.#joiner.flush()) {
      this.#put(line);
    }
    await this.#flush();
  }

  #put(line: LogLine): void {
    this.#lines.push(line);
    this.#bytes += line.text.length + LINE_OVERHEAD_BYTES;
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#lines.length > 0) {
      const lines = this.#lines;
      const bytes = this.#bytes;
      this.#lines = [];
      this.#bytes = 0;
      await this.#stream.write({ lines }, bytes);
    }
  }
}

async function pump(
  stream: OpenStream,
  source: AsyncIterable<Buffer>,
  channel: 'stdout' | 'stderr',
): Promise<void> {
  for await (const chunk of source) {
    for (let offset = 0; offset < chunk.byteLength; offset += DATA_PART_BYTES) {
      const data = new Uint8Array(chunk.subarray(offset, offset + DATA_PART_BYTES));
      await stream.write({ channel, data }, data.byteLength);
    }
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal.addEventListener('abort', done);
  });
}

function toTaskStats(
  taskId: string,
  sample: ContainerStats,
  before: ContainerStats | undefined,
): NonNullable<StreamPart['stats']>[number] {
  const hostNano = sample.hostCpuNano - (before?.hostCpuNano ?? sample.hostCpuNano);
  const ownNano = sample.cpuUsageNano - (before?.cpuUsageNano ?? sample.cpuUsageNano);
  const interfaces = Object.values(sample.interfaces);
  return {
    taskId,
    cpuPercent: hostNano <= 0 ? 0 : Math.round((ownNano / hostNano) * sample.onlineCpus * 10_000) / 100,
    memoryBytes: Math.max(0, sample.memoryUsageBytes - sample.memoryInactiveFileBytes),
    memoryLimitBytes: sample.memoryLimitBytes,
    rxBytes: interfaces.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
    txBytes: interfaces.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    pids: sample.pids,
  };
}
