import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { SwarmError, assert } from '@skep/kernel';
import { isErrno } from '@skep/oci';
import type { StartedExec } from '../exec-api.ts';
import { openAttachSocket } from './attach-socket.ts';
import { readAnswer, type OciRuntime } from './conmon.ts';
import { ExitWatcher } from './exit-watcher.ts';

const SYNC_FD = 3;
const START_FD = 4;
const ATTACH_FD = 5;
const LOG_BYTES_MAX = 16 * 1024;

export interface ExecRequest {
  readonly conmonPath: string;
  readonly runtime: OciRuntime;
  readonly containerId: string;
  readonly execId: string;
  /** A directory of this exec's own. */
  readonly directory: string;
  /** JSON of the OCI process. */
  readonly process: string;
  readonly wantsStdin: boolean;
  readonly tty: boolean;
}

/** A running exec, before it is dressed up for callers. */
export interface RunningExec extends StartedExec {
  readonly pid: number;
  /** Kills the runtime command itself; only for execs without a terminal. */
  readonly kill: () => void;
}

async function prepareDirectory(request: ExecRequest): Promise<string> {
  await mkdir(join(request.directory, 'exits'), { recursive: true, mode: 0o700 });
  const path = join(request.directory, 'process.json');
  await writeFile(path, request.process, { mode: 0o600 });
  return path;
}

/**
 * Runs an exec without a terminal: the runtime command itself, on pipes, so that nothing stands between the caller and
 * the process and the kernel gives the back-pressure. It ends up as a child of this process.
 */
export async function runPipedExec(request: ExecRequest): Promise<RunningExec> {
  const processPath = await prepareDirectory(request);
  const logPath = join(request.directory, 'runtime.log');
  const pidPath = join(request.directory, 'pid');
  const args = ['--root', request.runtime.stateRoot, '--log', logPath, '--log-format', 'text'];
  const child = spawn(
    request.runtime.path,
    [...args, 'exec', '--process', processPath, '--pid-file', pidPath, request.containerId],
    { stdio: [request.wantsStdin ? 'pipe' : 'ignore', 'pipe', 'pipe'], detached: true },
  );
  const { stdin, stdout, stderr } = child as unknown as {
    stdin: Writable | null;
    stdout: Readable;
    stderr: Readable;
  };
  // The process may close its input early; that is its right.
  stdin?.on('error', () => undefined);
  const exitCode = exitOf(child).then(async (code) => {
    const complaint = code === 0 ? '' : await readLog(logPath);
    await rm(request.directory, { recursive: true, force: true });
    return complaint === '' ? code : failedExecCode(complaint);
  });
  return {
    stdout,
    stderr,
    stdin,
    exitCode,
    pid: child.pid ?? 0,
    kill: () => child.kill('SIGKILL'),
    detach: () => {
      stdin?.end();
      stdout.destroy();
      stderr.destroy();
    },
  };
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => {
      resolve(126);
    });
    child.once('exit', (code, signal) => {
      resolve(code ?? (signal === null ? 1 : 137));
    });
  });
}

async function readLog(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).slice(-LOG_BYTES_MAX).trim();
  } catch (error: unknown) {
    if (isErrno(error, 'ENOENT')) {
      return '';
    }
    throw error;
  }
}

/** Docker's exit codes of an exec whose program cannot be run. */
function failedExecCode(complaint: string): number {
  return /not found|no such file/i.test(complaint) ? 127 : 126;
}

/**
 * Runs an exec under a `conmon` of its own, which keeps its terminal (or none, for a detached exec) and writes down its
 * exit code whether or not this process is still there.
 */
export async function runConmonExec(
  request: ExecRequest,
  attach: boolean,
  onExit: (exitCode: number) => void,
): Promise<RunningExec> {
  const processPath = await prepareDirectory(request);
  const { directory, runtime } = request;
  const child = spawn(request.conmonPath, conmonExecArguments(request, processPath, attach), {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
      _OCI_SYNCPIPE: String(SYNC_FD),
      ...(attach ? { _OCI_STARTPIPE: String(START_FD), _OCI_ATTACHPIPE: String(ATTACH_FD) } : {}),
    },
  });
  child.unref();
  child.on('error', () => undefined);
  const pipes = child.stdio as unknown as readonly (Readable & Writable)[];
  const [sync, start, attached] = [pipes[SYNC_FD], pipes[START_FD], pipes[ATTACH_FD]];
  assert(sync !== undefined && start !== undefined && attached !== undefined, 'conmon has its pipes');
  start.on('error', () => undefined);
  const started = readAnswer(sync);
  started.catch(() => undefined);
  let streams;
  if (attach) {
    start.write('x');
    await readAnswer(attached);
    streams = openAttachSocket(directory, {
      stdin: request.wantsStdin,
      stdout: true,
      stderr: true,
      tty: request.tty,
    });
    start.end('x');
  } else {
    start.destroy();
  }
  const answer = await started;
  const pid = answer.data ?? answer.pid ?? -1;
  if (pid <= 0) {
    streams?.detach();
    await rm(directory, { recursive: true, force: true });
    throw new SwarmError('invalid_argument', `OCI runtime exec failed: ${answer.message ?? runtime.name}`);
  }
  const exitCode = waitForExit(request).then((code) => {
    onExit(code);
    return code;
  });
  const empty = { stdout: emptyStream(), stderr: null, stdin: null, detach: () => undefined };
  return { ...(streams ?? empty), exitCode, pid, kill: () => undefined };
}

function conmonExecArguments(request: ExecRequest, processPath: string, attach: boolean): string[] {
  const { directory, runtime } = request;
  return [
    ...['--api-version', '1', '-c', request.containerId, '-u', request.execId, '-n', request.containerId],
    ...['-b', directory, '-r', runtime.path, '--runtime-arg', '--root', '--runtime-arg', runtime.stateRoot],
    ...['-p', join(directory, 'pid'), '-P', join(directory, 'conmon.pid')],
    ...['--exit-dir', join(directory, 'exits'), '--persist-dir', directory, '--full-attach', '--no-sync-log'],
    ...['--log-level', 'error', '-l', 'none', '-e', '--exec-process-spec', processPath],
    ...(attach ? ['--exec-attach'] : []),
    ...(request.tty ? ['-t'] : []),
    ...(request.wantsStdin ? ['-i', '--leave-stdin-open'] : []),
  ];
}

/** Waits for the exit file, then removes the exec's directory. */
async function waitForExit(request: ExecRequest): Promise<number> {
  const exits = join(request.directory, 'exits');
  const exitCode = await new Promise<number>((resolve) => {
    const look = (): void => {
      void watcher.read(request.containerId).then((exit) => {
        if (exit !== undefined) {
          watcher.stop();
          resolve(exit.exitCode);
        }
      });
    };
    const watcher = new ExitWatcher(exits, look);
    watcher.start();
    look();
  });
  await rm(request.directory, { recursive: true, force: true });
  return exitCode;
}

function emptyStream(): Readable {
  return Readable.from([]);
}
