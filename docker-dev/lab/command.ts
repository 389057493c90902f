import { spawn, type StdioOptions } from 'node:child_process';

import { SwarmError } from '@skep/kernel';

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Most output of a command that is kept, per stream. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Runs a command to its end, whatever its exit code. */
export function run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.timeoutMs === undefined
        ? {}
        : { timeout: options.timeoutMs, killSignal: 'SIGKILL' as const }),
    });
    const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    let size = 0;
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= OUTPUT_BYTES_MAX) {
          chunks[stream].push(chunk);
        }
      });
    }
    child.on('error', (error) => {
      reject(
        new SwarmError('failed_precondition', `cannot run ${program}: ${error.message}`, { cause: error }),
      );
    });
    child.on('close', (code, signal) => {
      resolve({
        exitCode: code ?? (signal === null ? 1 : 128),
        stdout: Buffer.concat(chunks.stdout).toString(),
        stderr: Buffer.concat(chunks.stderr).toString(),
      });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/**
 * Runs a command that has to succeed.
 * @throws SwarmError `internal` with the command's own words when it does not.
 */
export async function must(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.exitCode !== 0) {
    const said = (result.stderr || result.stdout).trim();
    throw new SwarmError('internal', `${argv.join(' ')} failed (${String(result.exitCode)}): ${said}`);
  }
  return result.stdout;
}

/** Runs a command on this terminal and answers its exit code. */
export function passThrough(argv: readonly string[]): Promise<number> {
  const [program = '', ...args] = argv;
  const stdio: StdioOptions = 'inherit';
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}
