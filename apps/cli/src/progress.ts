import { setTimeout as delay } from 'node:timers/promises';

import type { ServiceView } from '@skep/contract';
import { SwarmError } from '@skep/kernel';
import { isTerminalState, type Task } from '@skep/model';

import type { Connection } from './connection/connection.ts';

const POLL_MS = 200;
/** A service has converged when it has held for this long (Docker's CLI waits 5 s; tasks here are watched closer). */
const STABLE_MS = 1500;

export interface ConvergeOptions {
  readonly quiet?: boolean;
}

/**
 * Shows a service's way to its wanted state and returns when it is there and holds.
 * @throws SwarmError `failed_precondition` when the update paused or was rolled back, with its reason.
 */
export async function converge(
  connection: Connection,
  service: string,
  { quiet = false }: ConvergeOptions,
): Promise<void> {
  const line = new ProgressLine(!quiet);
  let stableSince: number | undefined;
  for (;;) {
    const view = await connection.client.call('getService', { params: { service } });
    const failure = await lastFailure(connection, view);
    line.show(`${view.spec.name}: ${describe(view)}${failure === undefined ? '' : `  (${failure})`}`);
    assertNotStopped(view);
    const isThere = isConverged(view);
    stableSince = isThere ? (stableSince ?? performance.now()) : undefined;
    if (stableSince !== undefined && performance.now() - stableSince >= STABLE_MS) {
      line.end(`${view.spec.name}: converged, ${describe(view)}`);
      return;
    }
    await delay(POLL_MS);
  }
}

function describe({ tasks, updateStatus }: ServiceView): string {
  const counts =
    tasks.completed === undefined
      ? `${String(tasks.running)}/${String(tasks.desired)} running`
      : `${String(tasks.completed)}/${String(tasks.desired)} completed`;
  return updateStatus === undefined || updateStatus.state === 'completed'
    ? counts
    : `${counts}, ${updateStatus.state}`;
}

function isConverged({ tasks, updateStatus, spec }: ServiceView): boolean {
  const isUpdating = updateStatus?.state === 'updating' || updateStatus?.state === 'rollback_started';
  const isJob = spec.mode.type === 'replicated-job' || spec.mode.type === 'global-job';
  return !isUpdating && (isJob ? (tasks.completed ?? 0) >= tasks.desired : tasks.running >= tasks.desired);
}

function assertNotStopped({ updateStatus, spec }: ServiceView): void {
  if (updateStatus?.state === 'paused' || updateStatus?.state === 'rollback_paused') {
    throw new SwarmError(
      'failed_precondition',
      `service ${spec.name}: update paused: ${updateStatus.message}`,
    );
  }
}

async function lastFailure(connection: Connection, { id, tasks }: ServiceView): Promise<string | undefined> {
  if (tasks.running >= tasks.desired) {
    return undefined;
  }
  const { items } = await connection.client.call('listTasks', { query: { service: [id], limit: 50 } });
  const waiting = items.find(
    (task: Task) => task.status.state === 'pending' && task.status.err !== undefined,
  );
  const failed = items.find(
    (task: Task) => isTerminalState(task.status.state) && task.status.err !== undefined,
  );
  return waiting?.status.err ?? failed?.status.err;
}

/** One line that is rewritten on a terminal, and printed once per change elsewhere. */
class ProgressLine {
  readonly #isOn: boolean;
  #last = '';

  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  show(text: string): void {
    if (this.#isOn && text !== this.#last) {
      process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
      this.#last = text;
    }
  }

  end(text: string): void {
    if (this.#isOn) {
      process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}\n` : `${text}\n`);
    }
  }
}
