import { readFileSync } from 'node:fs';

/** A process that can be told from a later one with the same pid, by its start time (proc(5), field 22). */
export interface ProcessRecord {
  readonly pid: number;
  readonly startTicks: string;
}

function startTicksOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function recordProcess(pid: number): ProcessRecord {
  return { pid, startTicks: startTicksOf(pid) ?? '' };
}

export function isProcessAlive({ pid, startTicks }: ProcessRecord): boolean {
  return startTicks !== '' && startTicksOf(pid) === startTicks;
}

/** The form in pid files: `<pid> <start ticks>`. */
export function formatRecord({ pid, startTicks }: ProcessRecord): string {
  return `${String(pid)} ${startTicks}\n`;
}

export function parseRecord(text: string): ProcessRecord | undefined {
  const match = /^(\d+) (\d+)\s*$/.exec(text);
  return match === null ? undefined : { pid: Number(match[1]), startTicks: match[2] ?? '' };
}
