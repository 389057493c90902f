import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { SwarmError } from '@skep/kernel';
import { z } from 'zod';
import { openPipe, reapLater, startProgram } from '../../process/posix-spawn.ts';

const START_TIMEOUT_MS = 60_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const SYNC_FD = 3;

const answerSchema = z.object({
  data: z.int().optional(),
  pid: z.int().optional(),
  message: z.string().optional(),
});

/** One OCI runtime program and where it keeps its state. */
export interface OciRuntime {
  readonly name: string;
  readonly path: string;
  readonly stateRoot: string;
}

export interface ConmonRequest {
  readonly conmonPath: string;
  readonly runtime: OciRuntime;
  readonly containerId: string;
  /** Names the attach socket and exit file: the container's id, or an exec's. */
  readonly sessionId: string;
  /** Holds config.json; conmon adds its control fifo, attach socket and pid files. */
  readonly bundle: string;
  readonly exitDirectory: string;
  /** Null: output is not kept. */
  readonly logPath: string | null;
  readonly tty: boolean;
  readonly stdin: boolean;
  /** Keep the container's standard input open when an attached client goes. */
  readonly leaveStdinOpen: boolean;
  /** For an exec: the file with its process. */
  readonly execProcessPath?: string;
}

/**
 * Starts a `conmon`, which creates the container (or runs the exec) with the OCI runtime, keeps its log and terminal,
 * and stays its parent when this process ends: it makes its own session and leaves our process group.
 * Answers the pid of the container's process. Errors carry the runtime's own message.
 */
export async function startConmon(request: ConmonRequest): Promise<number> {
  const { readEnd, writeEnd } = openPipe();
  const answered = readAnswer(new Socket({ fd: readEnd, readable: true, writable: false }));
  let conmon: number;
  try {
    conmon = startProgram({
      command: request.conmonPath,
      args: conmonArguments(request),
      directory: request.bundle,
      isSessionLeader: true,
      descriptors: new Map([[SYNC_FD, writeEnd]]),
      environment: {
        PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
        _OCI_SYNCPIPE: String(SYNC_FD),
      },
    });
  } catch (cause) {
    answered.catch(() => undefined);
    throw new SwarmError('failed_precondition', `cannot run ${request.conmonPath}: is conmon installed?`, {
      cause,
    });
  } finally {
    closeSync(writeEnd);
  }
  // It forks itself off at once: what we started has ended when the answer comes.
  const answer = await answered.finally(() => {
    reapLater(conmon);
  });
  const pid = answer.data ?? answer.pid ?? -1;
  if (pid <= 0) {
    throw new SwarmError(
      'failed_precondition',
      cleanRuntimeMessage(answer.message ?? 'the runtime said nothing'),
      {
        temporary: false,
      },
    );
  }
  return pid;
}

function conmonArguments(request: ConmonRequest): string[] {
  const { runtime, bundle } = request;
  return [
    ...['--api-version', '1', '-c', request.containerId, '-u', request.sessionId, '-n', request.containerId],
    ...['-b', bundle, '-r', runtime.path, '--runtime-arg', '--root', '--runtime-arg', runtime.stateRoot],
    ...['-p', `${bundle}/pid`, '-P', `${bundle}/conmon.pid`],
    ...['--exit-dir', request.exitDirectory, '--persist-dir', bundle, '--full-attach', '--no-sync-log'],
    ...['--log-level', 'error', '-l', request.logPath === null ? 'none' : `k8s-file:${request.logPath}`],
    ...(request.tty ? ['-t'] : []),
    ...(request.stdin ? ['-i'] : []),
    ...(request.leaveStdinOpen ? ['--leave-stdin-open'] : []),
    ...(request.execProcessPath === undefined ? [] : ['-e', '--exec-process-spec', request.execProcessPath]),
  ];
}

/** Reads conmon's answer: one line of JSON on one of its pipes. */
export function readAnswer(pipe: Readable): Promise<z.infer<typeof answerSchema>> {
  return new Promise((resolve, reject) => {
    let text = '';
    const settle = (action: () => void): void => {
      clearTimeout(timer);
      pipe.removeAllListeners();
      pipe.on('error', () => undefined);
      pipe.destroy();
      action();
    };
    const finish = (): void => {
      settle(() => {
        try {
          // An exec's pid may be followed by its exit code.
          resolve(answerSchema.parse(JSON.parse(text.split('\n', 1)[0] ?? '')));
        } catch (cause) {
          reject(
            new SwarmError('internal', `conmon answered ${JSON.stringify(text.slice(0, 200))}`, { cause }),
          );
        }
      });
    };
    const timer = setTimeout(() => {
      settle(() => {
        reject(
          new SwarmError('deadline_exceeded', 'the runtime did not create the container within a minute'),
        );
      });
    }, START_TIMEOUT_MS);
    pipe.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n') || text.length > ANSWER_BYTES_MAX) {
        finish();
      }
    });
    pipe.on('end', finish);
    pipe.on('error', finish);
  });
}

/** The runtime's words without time stamps and line ends. */
export function cleanRuntimeMessage(message: string): string {
  return message
    .trim()
    .replace(/\s*\n\s*/g, '; ')
    .slice(0, 2000);
}
