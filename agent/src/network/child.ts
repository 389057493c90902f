import { closeSync } from 'node:fs';
import { Socket } from 'node:net';

import { SwarmError, errorMessage } from '@skep/kernel';

import { awaitEnd, memoryFile, openPipe, startProgram } from '../process/posix-spawn.ts';

export interface ChildResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** What a child may print before it is cut off: a listing of 100,000 routes fits. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const TIMEOUT_MS = 20_000;

const SIGKILL = 9;
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/**
 * Runs a program to its end. The child is started before this function returns, so it lives in whatever network
 * namespace the calling thread is in at the call.
 * @throws SwarmError `unavailable` when the program cannot be run, `deadline_exceeded` when it takes too long.
 */
export async function runChild(options: ChildOptions): Promise<ChildResult> {
  const child = startChild(options);
  const timer = setTimeout(() => {
    process.kill(child.pid, 'SIGKILL');
  }, options.timeoutMs ?? TIMEOUT_MS);
  const [stdout, stderr] = await Promise.all([readAll(child.stdout), readAll(child.stderr)]);
  clearTimeout(timer);
  const { exitCode, signal } = awaitEnd(child.pid);
  if (signal === SIGKILL) {
    throw new SwarmError('deadline_exceeded', `${options.command} did not end in time`);
  }
  return { exitCode: exitCode ?? 1, stdout, stderr };
}

function startChild(options: ChildOptions): {
  readonly pid: number;
  readonly stdout: number;
  readonly stderr: number;
} {
  const { command, args, input } = options;
  const [stdout, stderr] = [openPipe(), openPipe()];
  const descriptors = new Map([
    [1, stdout.writeEnd],
    [2, stderr.writeEnd],
  ]);
  const stdin = input === undefined ? undefined : memoryFile(input);
  if (stdin !== undefined) {
    descriptors.set(0, stdin);
  }
  try {
    const pid = startProgram({ command, args, environment: ENVIRONMENT, descriptors });
    return { pid, stdout: stdout.readEnd, stderr: stderr.readEnd };
  } catch (cause) {
    closeSync(stdout.readEnd);
    closeSync(stderr.readEnd);
    throw new SwarmError('unavailable', `${errorMessage(cause)}; is it installed?`, { cause });
  } finally {
    for (const fd of descriptors.values()) {
      closeSync(fd);
    }
  }
}

/** All that comes out of a pipe, which is then closed. */
function readAll(fd: number): Promise<string> {
  return new Promise((resolve) => {
    let output = '';
    const pipe = new Socket({ fd, readable: true, writable: false });
    pipe.setEncoding('utf8');
    pipe.on('data', (text: string) => {
      if (output.length < OUTPUT_BYTES_MAX) {
        output += text;
      }
    });
    pipe.on('error', () => undefined);
    pipe.on('close', () => {
      resolve(output);
    });
  });
}
