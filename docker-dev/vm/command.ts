import { spawn } from 'node:child_process';

import { SwarmError } from '@skep/kernel';

/** As much as explains a failure. */
const COMPLAINT_BYTES_MAX = 4000;
const GRACE_MS = 10_000;

export interface LongCommand {
  readonly argv: readonly string[];
  /** Ends the program, which may tidy up for a moment. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string;
  /** Gets what the program prints as it comes; otherwise nothing is shown. */
  readonly onOutput?: (chunk: Buffer) => void;
}

/**
 * Runs a program that may take minutes, and ends it by its pid when it takes too long or is no longer wanted. The
 * kernel ends it when this process dies.
 * @throws SwarmError `internal` with the program's last words, `deadline_exceeded`, or `cancelled`.
 */
export function runLong(command: LongCommand): Promise<void> {
  const [program = ''] = command.argv;
  const { signal } = command;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new SwarmError('cancelled', 'interrupted'));
      return;
    }
    // In a process group of its own: a terminal's Ctrl-C comes to us alone, and we end it in order.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command.argv], {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(command.env === undefined ? {} : { env: command.env }),
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    });
    let complaint = '';
    let isLate = false;
    let killTimer: NodeJS.Timeout | undefined;
    const end = (): void => {
      child.kill('SIGTERM');
      killTimer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    };
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, command.timeoutMs);
    signal.addEventListener('abort', end, { once: true });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        complaint = (complaint + chunk.toString()).slice(-COMPLAINT_BYTES_MAX);
        command.onOutput?.(chunk);
      });
    }
    child.stdin.on('error', () => undefined);
    child.stdin.end(command.input ?? '');
    child.on('error', (cause) => {
      reject(new SwarmError('failed_precondition', `cannot run ${program}: ${cause.message}`, { cause }));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      signal.removeEventListener('abort', end);
      if (signal.aborted) {
        reject(new SwarmError('cancelled', 'interrupted'));
      } else if (isLate) {
        const minutes = String(Math.round(command.timeoutMs / 60_000));
        reject(new SwarmError('deadline_exceeded', `${program} did not end within ${minutes} minutes`));
      } else if (code === 0) {
        resolve();
      } else {
        reject(new SwarmError('internal', `${program} failed (${String(code)}):\n${complaint.trim()}`));
      }
    });
  });
}
