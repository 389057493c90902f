import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { SwarmError } from '@skep/kernel';

/** A process as recorded: the start time tells it from a later one with the same pid. */
export interface ProcessRecord {
  readonly pid: number;
  readonly startTicks: string;
}

/** Facts of `/proc/<pid>/stat`; undefined when there is no such process. */
function statOf(
  pid: number,
): { readonly parent: number; readonly state: string; readonly startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

export function recordProcess(pid: number): ProcessRecord {
  return { pid, startTicks: statOf(pid)?.startTicks ?? '' };
}

/** Whether the recorded process still runs (a zombie does not). */
export function isAlive({ pid, startTicks }: ProcessRecord): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== 'Z';
}

/** Sends a signal to the recorded process, if it is still the same one. */
export function signalProcess(process_: ProcessRecord, signal: NodeJS.Signals): void {
  if (isAlive(process_)) {
    process.kill(process_.pid, signal);
  }
}

/** All processes below `root`, children before grandchildren; `root` itself is not among them. */
export function descendantsOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? statOf(pid)?.parent : undefined;
    if (parent !== undefined) {
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    }
  }
  const found: number[] = [];
  const queue = [root];
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    const below = children.get(pid) ?? [];
    found.push(...below);
    queue.push(...below);
  }
  return found;
}

/**
 * Waits until `condition` holds.
 * @throws SwarmError `deadline_exceeded` naming what was waited for.
 */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { timeoutMs, everyMs = 25 }: { readonly timeoutMs: number; readonly everyMs?: number },
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) {
      throw new SwarmError('deadline_exceeded', `${what}: not so after ${String(timeoutMs)} ms`);
    }
    await delay(everyMs);
  }
}
