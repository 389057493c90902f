import type { AttachedStreams } from './engine-api.ts';

/** What to run in a running container (`docker exec`). */
export interface ExecConfig {
  readonly cmd: readonly string[];
  /** `KEY=value`, on top of the container's. */
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly tty?: boolean;
  readonly attachStdin?: boolean;
  readonly attachStdout?: boolean;
  readonly attachStderr?: boolean;
  readonly privileged?: boolean;
  /** Keys that detach a client; kept for inspect. */
  readonly detachKeys?: string;
}

export interface ExecDetails {
  readonly id: string;
  readonly containerId: string;
  readonly config: ExecConfig;
  readonly isRunning: boolean;
  /** Null until it has ended. */
  readonly exitCode: number | null;
  /** 0 when no process runs. */
  readonly pid: number;
}

/** A started exec with its streams. */
export interface StartedExec extends AttachedStreams {
  /** Settles when the process has ended and its output has been read or dropped. Never rejects. */
  readonly exitCode: Promise<number>;
}

export interface ExecApi {
  /** The container must run and not be paused. Answers the exec's id (64 hexadecimal digits). */
  create(containerRef: string, config: ExecConfig): Promise<string>;
  /** Starts with attached streams. */
  start(
    execId: string,
    options?: { readonly rows?: number; readonly columns?: number },
  ): Promise<StartedExec>;
  /** Starts without streams and answers once the process runs. */
  startDetached(execId: string): Promise<void>;
  resize(execId: string, rows: number, columns: number): Promise<void>;
  /** Tells the world that a client has left an exec that goes on; nothing when the exec is forgotten. */
  noteDetach(execId: string): void;
  inspect(execId: string): ExecDetails;
  /**
   * Runs to the end and collects output, for probes and small jobs.
   * Output beyond `outputBytesMax` (64 KiB when absent) is dropped; after `timeoutMs` the process is killed and the
   * answer says so.
   */
  run(
    containerRef: string,
    config: ExecConfig,
    options?: { readonly timeoutMs?: number; readonly outputBytesMax?: number },
  ): Promise<{ readonly exitCode: number; readonly output: Buffer; readonly isTimedOut: boolean }>;
}
