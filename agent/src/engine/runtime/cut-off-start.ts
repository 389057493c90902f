import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '@skep/kernel';
import { processStartTicks } from './oci-runtime.ts';

const DEADLINE_MS = 10_000;
const POLL_MS = 5;

interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly startTicks: number;
  readonly arguments: readonly string[];
}

/**
 * Ends what still makes a container although the engine that asked for it was killed: the `conmon` of that bundle and
 * all that it has started, the runtime in the middle of its work too. Afterwards what they have made stays as it is and
 * can be unmade; before, a runtime could bring back what was just removed. Nothing there is no error.
 * @throws SwarmError `deadline_exceeded` when something does not die within ten seconds.
 */
export async function endCutOffStart(bundle: string): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await processesOf(bundle);
    if (found.length === 0) {
      return;
    }
    if (Date.now() > deadline) {
      throw new SwarmError(
        'deadline_exceeded',
        `process ${String(found[0]?.pid)} of an earlier start in ${bundle} does not end`,
      );
    }
    // The parent first: it must not take note of how its children end.
    for (const seen of found) {
      await kill(seen);
    }
    await delay(POLL_MS);
  }
}

/** The conmon that has this bundle, and its descendants after it. */
async function processesOf(bundle: string): Promise<readonly Seen[]> {
  const all = (await Promise.all((await readdir('/proc')).filter(isPid).map(see))).filter(
    (seen) => seen !== undefined,
  );
  const found = all.filter((seen) => isConmonOf(seen, bundle));
  for (const parent of found) {
    found.push(...all.filter((seen) => seen.parent === parent.pid && !found.includes(seen)));
  }
  return found;
}

function isConmonOf(seen: Seen, bundle: string): boolean {
  const flag = seen.arguments.indexOf('-b');
  return flag > 0 && seen.arguments[flag + 1] === bundle;
}

function isPid(name: string): boolean {
  return /^\d+$/.test(name);
}

/** One process; undefined when it has ended. */
async function see(name: string): Promise<Seen | undefined> {
  const pid = Number(name);
  const [startTicks, stat, cmdline] = await Promise.all([
    processStartTicks(pid),
    readFile(`/proc/${name}/stat`, 'utf8').catch(() => ''),
    readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => ''),
  ]);
  if (startTicks === undefined) {
    return undefined;
  }
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  return { pid, parent, startTicks, arguments: cmdline.split('\0') };
}

async function kill({ pid, startTicks }: Seen): Promise<void> {
  if ((await processStartTicks(pid)) === startTicks) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended in between.
    }
  }
}
