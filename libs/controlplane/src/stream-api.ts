import type { SwarmError } from '@skep/kernel';
import type { LogLine, TaskStats } from '@skep/wire';

interface LogSelection {
  readonly follow: boolean;
  /** Last lines per task to begin with; -1 for all. */
  readonly tail: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** What {@link ControlPlane.openStream} can open. */
export type StreamRequest =
  /** Logs of one task. */
  | ({ readonly kind: 'logs'; readonly taskId: string } & LogSelection)
  /** Logs of all tasks of a service; with `follow` also of tasks that appear later. */
  | ({ readonly kind: 'logs'; readonly serviceId: string } & LogSelection)
  | {
      readonly kind: 'exec';
      readonly taskId: string;
      /** Empty: the first of bash, ash, sh that exists. */
      readonly command: readonly string[];
      readonly tty: boolean;
      readonly cols?: number;
      readonly rows?: number;
      readonly user?: string;
      readonly env?: readonly string[];
      readonly workingDir?: string;
    }
  /** Samples of the given tasks, or of all running tasks of a service or node. */
  | {
      readonly kind: 'stats';
      readonly taskIds?: readonly string[];
      readonly serviceId?: string;
      readonly nodeId?: string;
      readonly everyMs: number;
    };

/** What arrives on a stream. */
export type StreamItem =
  | {
      readonly type: 'lines';
      readonly taskId: string;
      readonly nodeId: string;
      readonly lines: readonly LogLine[];
    }
  | { readonly type: 'stats'; readonly nodeId: string; readonly stats: readonly TaskStats[] }
  | { readonly type: 'output'; readonly channel: 'stdout' | 'stderr'; readonly data: Uint8Array }
  | { readonly type: 'exit'; readonly exitCode: number }
  /** Something a person should know while the stream goes on: a task or node that could not be reached. */
  | {
      readonly type: 'notice';
      readonly taskId?: string;
      readonly nodeId?: string;
      readonly code: string;
      readonly message: string;
    };

/** What the opener of an `exec` may send. */
export type StreamInput =
  | { readonly type: 'stdin'; readonly data: Uint8Array }
  | { readonly type: 'stdinEnd' }
  | { readonly type: 'resize'; readonly cols: number; readonly rows: number };

/**
 * An open stream. Items are held back (bounded, the producer is slowed down) until `onItem` is set, and between
 * `pause` and `resume`.
 */
export interface StreamChannel {
  onItem(callback: (item: StreamItem) => void): void;
  /** Called once: without an error when the stream has come to its end. No item follows. */
  onClose(callback: (error?: SwarmError) => void): void;
  /** False: taken, but the other side is behind; wait for `onDrain` before sending more. */
  send(input: StreamInput): boolean;
  onDrain(callback: () => void): void;
  pause(): void;
  resume(): void;
  /** Ends the stream. Idempotent. */
  close(): void;
}
