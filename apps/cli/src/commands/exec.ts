import type { Command } from 'commander';

import { execPath, type ExecClientFrame, type ExecServerFrame } from '@skep/contract';
import { SwarmError } from '@skep/kernel';

import type { Connection } from '../connection/connection.ts';
import { action, collect } from '../run.ts';

interface ExecOptions {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly user?: string;
  readonly workdir?: string;
  readonly env?: readonly string[];
}

/** `swarm exec TASK [COMMAND...]`: a command in a running task, wherever it runs. */
export function registerExec(program: Command): void {
  program
    .command('exec <task> [command...]')
    .description(
      'run a command (or a shell) inside a running task, on any node; a service name takes its first task',
    )
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'with a terminal')
    .option('-u, --user <name>', 'as this user')
    .option('-w, --workdir <path>', 'in this folder')
    .option('-e, --env <name=value>', 'environment variable', collect)
    .action(
      action<ExecOptions>(async ({ connection, options, args }) => {
        const [name = '', ...command] = args;
        const isShell = command.length === 0;
        const wanted: ExecOptions = isShell
          ? { ...options, tty: process.stdin.isTTY, interactive: true }
          : options;
        process.exitCode = await execute(connection, await findTask(connection, name), {
          ...wanted,
          command,
        });
      }),
    );
}

/** A task by id, or the first running task of a service of that name. */
async function findTask(connection: Connection, name: string): Promise<string> {
  const { items } = await connection.client.call('listTasks', {
    query: { limit: 10_000, state: ['running'] },
  });
  const found =
    items.find(({ id }) => id === name) ??
    items.find(({ id }) => name.length >= 4 && id.startsWith(name)) ??
    items.find((task) => `${task.serviceName}.${String(task.slot)}` === name) ??
    items.find(({ serviceName }) => serviceName === name);
  if (found === undefined) {
    throw new SwarmError(
      'not_found',
      `no running task "${name}"; swarm service ps shows the tasks of a service`,
    );
  }
  return found.id;
}

interface Execution extends ExecOptions {
  readonly command: readonly string[];
}

function execute(connection: Connection, taskId: string, options: Execution): Promise<number> {
  const socket = connection.openSocket(execPath(taskId));
  const isTty = options.tty === true;
  const send = (frame: ExecClientFrame): void => socket.send(JSON.stringify(frame));
  const size = (): { cols: number; rows: number } => ({
    cols: process.stdout.columns || 80,
    rows: process.stdout.rows || 24,
  });
  const onResize = (): void => send({ t: 'resize', ...size() });
  return new Promise<number>((resolve, reject) => {
    let exitCode = 1;
    socket.on('open', () => {
      send({
        t: 'start',
        cmd: [...options.command],
        tty: isTty,
        ...(isTty ? size() : {}),
        ...(options.user === undefined ? {} : { user: options.user }),
        ...(options.workdir === undefined ? {} : { workingDir: options.workdir }),
        ...(options.env === undefined ? {} : { env: [...options.env] }),
      });
      if (options.interactive === true) {
        if (isTty && process.stdin.isTTY) {
          process.stdin.setRawMode(true);
          process.stdout.on('resize', onResize);
        }
        process.stdin.on('data', (chunk: Buffer) => socket.send(chunk));
        process.stdin.on('end', () => send({ t: 'eof' }));
      } else {
        send({ t: 'eof' });
      }
    });
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) {
        writeOutput(data, isTty);
        send({ t: 'ack', bytes: data.length });
        return;
      }
      const frame = JSON.parse(data.toString()) as ExecServerFrame;
      if (frame.t === 'exit') {
        exitCode = frame.code;
        socket.close();
      } else if (frame.t === 'err') {
        reject(new SwarmError('failed_precondition', frame.message));
        socket.close();
      }
    });
    socket.on('error', (error) =>
      reject(new SwarmError('unavailable', `the connection to the task broke: ${error.message}`)),
    );
    socket.on('close', () => resolve(exitCode));
  }).finally(() => {
    process.stdout.off('resize', onResize);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(false);
    }
    process.stdin.destroy();
  });
}

function writeOutput(data: Buffer, isTty: boolean): void {
  if (isTty) {
    process.stdout.write(data);
  } else {
    (data[0] === 2 ? process.stderr : process.stdout).write(data.subarray(1));
  }
}
