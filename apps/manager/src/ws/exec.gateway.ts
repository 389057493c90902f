import { Inject, Injectable } from '@nestjs/common';
import type { RawData, WebSocket } from 'ws';

import { EXEC_UNACKED_BYTES_MAX, ExecClientFrame, type ExecServerFrame } from '@skep/contract';
import { resolveTask, type ControlPlane, type StreamChannel, type StreamItem } from '@skep/controlplane';
import { SwarmError } from '@skep/kernel';

import { toSwarmError } from '../common/problem.filter.ts';
import { validateValue } from '../common/validate.ts';
import { CONTROL_PLANE } from '../tokens.ts';
import { ExecAuditor } from './exec-auditor.ts';
import { LogSources } from './log-sources.ts';
import { WsRouter, parseFrame, type Connection } from './ws-router.ts';

/** A socket says what to run within this time. */
const START_MS = 10_000;
const BUFFERED_MAX = 1024 * 1024;
const EARLY_FRAMES_MAX = 256;

type Start = Extract<ExecClientFrame, { t: 'start' }>;

/** A command inside a running task, wherever it runs. */
@Injectable()
export class ExecGateway {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(WsRouter) private readonly router: WsRouter,
    @Inject(LogSources) private readonly sources: LogSources,
    @Inject(ExecAuditor) private readonly auditor: ExecAuditor,
  ) {}

  start(): void {
    this.router.add({
      path: '/tasks/:task/exec',
      access: 'task.exec',
      isCompressed: false,
      open: (connection) => {
        this.#open(connection);
      },
    });
  }

  #open(connection: Connection): void {
    const { socket, params } = connection;
    const session = new ExecSession(socket);
    const timer = setTimeout(() => {
      socket.close(1002, 'no start');
    }, START_MS);
    let isStarted = false;
    socket.on('message', (data: RawData, isBinary: boolean) => {
      try {
        if (isBinary) {
          session.stdin(toBytes(data));
          return;
        }
        const frame = validateValue(ExecClientFrame, parseFrame(data));
        if (frame.t !== 'start') {
          session.control(frame);
          return;
        }
        if (isStarted) {
          throw new SwarmError('failed_precondition', 'start was sent already');
        }
        isStarted = true;
        clearTimeout(timer);
        this.#run(connection, session, { frame, ref: params['task'] ?? '' }).catch((error: unknown) => {
          session.fail(toSwarmError(error));
        });
      } catch (error: unknown) {
        session.fail(toSwarmError(error));
      }
    });
    socket.on('close', () => {
      clearTimeout(timer);
      session.close();
    });
  }

  async #run(
    connection: Connection,
    session: ExecSession,
    { frame, ref }: { readonly frame: Start; readonly ref: string },
  ): Promise<void> {
    const task = this.controlPlane.view((tx) => resolveTask(tx, ref));
    if (task.status.state !== 'running') {
      throw new SwarmError('failed_precondition', `task ${task.id} does not run; it is ${task.status.state}`);
    }
    await this.auditor.note(connection, task.id, frame.cmd?.[0]);
    const channel = await this.controlPlane.openStream({
      kind: 'exec',
      taskId: task.id,
      command: frame.cmd ?? [],
      tty: frame.tty ?? true,
      ...(frame.cols === undefined ? {} : { cols: frame.cols }),
      ...(frame.rows === undefined ? {} : { rows: frame.rows }),
      ...(frame.user === undefined ? {} : { user: frame.user }),
      ...(frame.env === undefined ? {} : { env: frame.env }),
      ...(frame.workingDir === undefined ? {} : { workingDir: frame.workingDir }),
    });
    session.attach(channel, frame.tty ?? true);
    session.tell({ t: 'started', taskId: task.id, node: this.sources.task(task.id).node });
  }
}

/** The two ends of one exec: the client's socket and the stream to the agent. */
class ExecSession {
  readonly #socket: WebSocket;
  #channel: StreamChannel | undefined;
  #isTty = true;
  #unacked = 0;
  #hasAcked = false;
  #isPaused = false;
  /** What was typed before the command ran. */
  #early: Uint8Array[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  attach(channel: StreamChannel, isTty: boolean): void {
    if (this.#socket.readyState !== this.#socket.OPEN) {
      channel.close();
      return;
    }
    this.#channel = channel;
    this.#isTty = isTty;
    channel.onDrain(() => {
      this.#socket.resume();
    });
    channel.onClose((error) => {
      this.#channel = undefined;
      if (error !== undefined) {
        this.tell({ t: 'err', code: error.code, message: error.message });
      }
      this.#socket.close(1000);
    });
    channel.onItem((item) => {
      this.#output(item);
    });
    const early = this.#early;
    this.#early = [];
    early.forEach((data) => {
      this.stdin(data);
    });
  }

  stdin(data: Uint8Array): void {
    if (this.#channel === undefined && this.#early.length < EARLY_FRAMES_MAX) {
      this.#early.push(data);
    } else if (this.#channel?.send({ type: 'stdin', data }) === false) {
      this.#socket.pause();
    }
  }

  control(frame: Exclude<ExecClientFrame, Start>): void {
    switch (frame.t) {
      case 'resize':
        this.#channel?.send({ type: 'resize', cols: frame.cols, rows: frame.rows });
        break;
      case 'eof':
        this.#channel?.send({ type: 'stdinEnd' });
        break;
      case 'ack':
        this.#hasAcked = true;
        this.#unacked = Math.max(0, this.#unacked - frame.bytes);
        this.#throttle();
        break;
    }
  }

  tell(frame: ExecServerFrame): void {
    if (this.#socket.readyState === this.#socket.OPEN) {
      this.#socket.send(JSON.stringify(frame));
    }
  }

  fail(error: SwarmError): void {
    this.tell({ t: 'err', code: error.code, message: error.message });
    this.#socket.close(1000);
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }

  #output(item: StreamItem): void {
    if (item.type === 'exit') {
      this.tell({ t: 'exit', code: item.exitCode });
    } else if (item.type === 'notice') {
      this.tell({ t: 'err', code: item.code, message: item.message });
    } else if (item.type === 'output') {
      const bytes = this.#isTty
        ? item.data
        : Buffer.concat([Buffer.of(item.channel === 'stdout' ? 1 : 2), item.data]);
      this.#unacked += bytes.byteLength;
      this.#socket.send(bytes, { binary: true }, () => {
        this.#throttle();
      });
      this.#throttle();
    }
  }

  #throttle(): void {
    const isBehind =
      (this.#hasAcked && this.#unacked > EXEC_UNACKED_BYTES_MAX) ||
      this.#socket.bufferedAmount > BUFFERED_MAX;
    if (isBehind !== this.#isPaused) {
      this.#isPaused = isBehind;
      if (isBehind) {
        this.#channel?.pause();
      } else {
        this.#channel?.resume();
      }
    }
  }
}

function toBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) {
    return Buffer.concat(data);
  }
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
