import { z } from 'zod';

/**
 * The exec socket, `GET /api/v1/tasks/{task}/exec`: a command inside a running task, wherever it runs. Text frames are
 * control (JSON); binary frames are bytes. From the client they are standard input. From the manager they are the
 * terminal's output; without a terminal their first byte names the stream, 1 for stdout and 2 for stderr.
 */
export function execPath(task: string): string {
  return `/tasks/${encodeURIComponent(task)}/exec`;
}

const Size = { cols: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) };

export const ExecClientFrame = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('start'),
    /** Empty or absent: the first of bash, ash, sh that exists in the container. */
    cmd: z.array(z.string().max(65_536)).max(1024).optional(),
    /** Default true. */
    tty: z.boolean().optional(),
    cols: Size.cols.optional(),
    rows: Size.rows.optional(),
    user: z.string().max(256).optional(),
    env: z.array(z.string().max(65_536)).max(1024).optional(),
    workingDir: z.string().max(4096).optional(),
  }),
  z.strictObject({ t: z.literal('resize'), ...Size }),
  /** Bytes of output the client has dealt with since its last ack; output stops at 512 KiB un-acked. */
  z.strictObject({ t: z.literal('ack'), bytes: z.int().positive() }),
  /** Standard input is complete. */
  z.strictObject({ t: z.literal('eof') }),
]);
export type ExecClientFrame = z.infer<typeof ExecClientFrame>;

/** Output bytes on their way to a client before the manager stops reading. */
export const EXEC_UNACKED_BYTES_MAX = 512 * 1024;

export type ExecServerFrame =
  | { readonly t: 'started'; readonly taskId: string; readonly node: string }
  | { readonly t: 'exit'; readonly code: number }
  | { readonly t: 'err'; readonly code: string; readonly message: string };
