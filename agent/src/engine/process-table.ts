import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SwarmError, errorMessage } from '@skep/kernel';
import { isErrno } from '@skep/oci';
import type { ProcessTable } from './container-api.ts';
import { cgroupDirectory, type CgroupHost } from './runtime/cgroup-host.ts';

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** More would not fit into one argument with certainty. */
const LISTED_MAX = 4096;

/** Pids of all processes in a cgroup and below it, as the host numbers them. */
export async function cgroupPids(host: CgroupHost, cgroupsPath: string): Promise<ReadonlySet<number>> {
  const root = cgroupDirectory(host, host.version === 2 ? 'unified' : 'pids', cgroupsPath);
  const pids = new Set<number>();
  const pending = root === undefined ? [] : [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    try {
      const [text, children] = await Promise.all([
        readFile(join(directory, 'cgroup.procs'), 'utf8'),
        readdir(directory, { withFileTypes: true }),
      ]);
      text
        .split('\n')
        .filter((line) => line !== '')
        .forEach((line) => pids.add(Number(line)));
      for (const child of children.filter((entry) => entry.isDirectory())) {
        pending.push(join(directory, child.name));
      }
    } catch (error: unknown) {
      if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ENODEV')) {
        throw error;
      }
    }
  }
  return pids;
}

/**
 * The processes of a container by the host's `ps` with the caller's options, as `docker top` does it: the table must
 * have a column PID, by which foreign processes are taken out.
 */
export async function readProcessTable(pids: ReadonlySet<number>, psOptions: string): Promise<ProcessTable> {
  const options = psOptions.trim() === '' ? ['-ef'] : psOptions.trim().split(/\s+/);
  let output: string;
  try {
    // Options that select nothing (`-o pid,args`) mean the caller's own processes: those of the container, which
    // may be another user's, are named, unless other options forbid it.
    const isListable = pids.size > 0 && pids.size <= LISTED_MAX && !options.includes('-ef');
    output =
      (isListable ? await ps([...options, `-q${[...pids].join(',')}`]).catch(() => undefined) : undefined) ??
      (await ps(options));
  } catch (cause) {
    throw new SwarmError(
      'invalid_argument',
      `ps ${options.join(' ')} failed: ${errorMessage(cause).slice(0, 300)}`,
      {
        cause,
      },
    );
  }
  return parseProcessTable(output, pids);
}

async function ps(options: readonly string[]): Promise<string> {
  const environment = { PATH: process.env['PATH'] ?? '' };
  const { stdout } = await run('ps', [...options], { maxBuffer: OUTPUT_BYTES_MAX, env: environment });
  return stdout;
}

/** Splits the output of `ps` into columns; the last one keeps its spaces. */
export function parseProcessTable(output: string, pids: ReadonlySet<number>): ProcessTable {
  const [header = '', ...rows] = output.split('\n');
  const titles = header.trim().split(/\s+/);
  const pidColumn = titles.indexOf('PID');
  if (pidColumn === -1) {
    throw new SwarmError('invalid_argument', "couldn't find PID field in ps output");
  }
  const processes = rows
    .map((row) => splitRow(row, titles.length))
    .filter((fields) => pids.has(Number(fields[pidColumn])));
  return { titles, processes };
}

function splitRow(row: string, columns: number): string[] {
  const fields = row.trim().split(/\s+/);
  if (fields.length <= columns) {
    return fields;
  }
  return [...fields.slice(0, columns - 1), fields.slice(columns - 1).join(' ')];
}
