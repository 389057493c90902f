import type { Command } from 'commander';

import { LOGS_PATH, type LogsClientFrame, type LogsServerFrame, type LogsTask } from '@skep/contract';
import { SwarmError, parseDurationMs } from '@skep/kernel';

import type { Connection } from '../connection/connection.ts';
import { action } from '../run.ts';
import { numberOf } from './service/spec-flags.ts';

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly timestamps?: boolean;
  readonly raw?: boolean;
}

/** `logs <name>` below a noun: of a service, a task or a whole stack. */
export function registerLogs(parent: Command, kind: 'service' | 'task' | 'stack' | 'any'): void {
  parent
    .command('logs <name>')
    .description(kind === 'any' ? 'logs of a service or task' : `logs of all tasks of a ${kind}`)
    .option('-f, --follow', 'stay and print what comes')
    .option('-n, --tail <lines>', 'begin with this many lines per task (default: all)')
    .option('--since <time>', 'lines after a time (2026-01-31T10:00:00Z) or of the last 10m')
    .option('-t, --timestamps', 'show the time of each line')
    .option('--raw', 'lines as they are, without the task in front')
    .action(
      action<LogsOptions>(async ({ connection, options, args }) => {
        const [name = ''] = args;
        const select =
          kind === 'task' ? { tasks: [name] } : kind === 'stack' ? { stacks: [name] } : { services: [name] };
        await streamLogs(connection, { ...startFrame(options), select }, options);
      }),
    );
}

type StartFrame = Extract<LogsClientFrame, { t: 'start' }>;

function startFrame({ follow, tail, since }: LogsOptions): Omit<StartFrame, 'select'> {
  const lines = tail === 'all' ? undefined : numberOf('--tail', tail);
  return {
    t: 'start',
    follow: follow === true,
    ...(lines === undefined ? {} : { tail: lines }),
    ...(since === undefined ? {} : { sinceMs: parseSince(since) }),
  };
}

function parseSince(text: string): number {
  const duration = parseDurationMs(text);
  const time = duration.ok ? Date.now() - duration.value : Date.parse(text);
  if (Number.isNaN(time)) {
    throw new SwarmError(
      'invalid_argument',
      `--since "${text}" is neither a duration such as 10m nor a time`,
    );
  }
  return Math.max(0, Math.round(time));
}

function streamLogs(connection: Connection, start: StartFrame, options: LogsOptions): Promise<void> {
  const socket = connection.openSocket(LOGS_PATH);
  const tasks = new Map<number, LogsTask>();
  const stop = (): void => socket.close();
  process.once('SIGINT', stop);
  return new Promise<void>((resolve, reject) => {
    socket.on('open', () => socket.send(JSON.stringify(start)));
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as LogsServerFrame;
      if (frame.t === 'error') {
        reject(new SwarmError(frame.code === 'not_found' ? 'not_found' : 'unavailable', frame.message));
        socket.close();
      } else if (frame.t === 'end') {
        socket.close();
      } else {
        show(frame, tasks, options);
        if (frame.t === 'l') {
          socket.send(JSON.stringify({ t: 'ack', bytes: data.length } satisfies LogsClientFrame));
        }
      }
    });
    socket.on('unexpected-response', (_request, response) => {
      reject(
        new SwarmError(
          response.statusCode === 503 ? 'unavailable' : 'failed_precondition',
          `the manager refused the log stream (${String(response.statusCode)})`,
        ),
      );
    });
    socket.on('error', (error) =>
      reject(new SwarmError('unavailable', `the log stream broke: ${error.message}`)),
    );
    socket.on('close', () => resolve());
  }).finally(() => process.off('SIGINT', stop));
}

function show(frame: LogsServerFrame, tasks: Map<number, LogsTask>, { timestamps, raw }: LogsOptions): void {
  if (frame.t === 'tasks') {
    for (const task of frame.add) {
      tasks.set(task[0], task);
    }
  } else if (frame.t === 'l') {
    for (const [tsNs, index, stream, , text] of frame.b) {
      const time = timestamps === true ? `${new Date(Number(BigInt(tsNs) / 1_000_000n)).toISOString()} ` : '';
      const line = `${time}${raw === true ? '' : `${label(tasks.get(index))} | `}${text}\n`;
      (stream === 2 ? process.stderr : process.stdout).write(line);
    }
  } else if (frame.t === 'src' && frame.state !== 'ended') {
    process.stderr.write(`${label(tasks.get(frame.taskIndex))}: ${frame.message ?? frame.state}\n`);
  }
}

function label(task: LogsTask | undefined): string {
  if (task === undefined) {
    return '?';
  }
  const [, id, service, slot, node] = task;
  return `${service}.${slot > 0 ? `${String(slot)}.` : ''}${id.slice(0, 12)}@${node}`;
}
