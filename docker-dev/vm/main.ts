import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { errorMessage, isSwarmError } from '@skep/kernel';

import { makeRunFolder, removeCache, removeStale } from './cache.ts';
import { provideImage } from './image.ts';
import { recipeDigest } from './image-recipe.ts';
import { chooseAccelerator, runMachine } from './machine.ts';
import { USAGE, readOptions, type VmOptions } from './options.ts';
import { makeProjectDisk } from './project-disk.ts';
import { REPORT_BYTES, readReport, type TestOutcome } from './report.ts';

/** `npm run vm`: integration tests in a Debian virtual machine with nothing but version 2 of cgroups. */

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
const MINUTE_MS = 60_000;
const BOOT_LINES_SHOWN = 30;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function runTests(options: VmOptions, signal: AbortSignal): Promise<TestOutcome> {
  removeStale(recipeDigest());
  const scratch = makeRunFolder();
  try {
    const image = await provideImage({ scratch, signal, say });
    say('packing the project');
    const project = await makeProjectDisk({ scratch, signal, tests: options.tests });
    const report = join(scratch, 'report.img');
    writeFileSync(report, '');
    truncateSync(report, REPORT_BYTES);
    const bootLog = join(scratch, 'boot.log');
    const accelerator = options.accelerator ?? (await chooseAccelerator());
    const isForced = options.accelerator !== null;
    const emulation = `software emulation${isForced ? '' : ' (KVM does not work here)'}, which takes some minutes`;
    say(`booting with ${accelerator === 'kvm' ? 'KVM' : emulation}`);
    const end = await runMachine({
      disks: { ...image, project, report, bootLog },
      shape: { ...options, accelerator },
      scratch,
      timeoutMs: options.minutesMax * MINUTE_MS,
      signal,
      onConsole: (chunk) => process.stdout.write(chunk),
    });
    const outcome = readReport(readFileSync(report));
    if (outcome === undefined) {
      const minutes = String(options.minutesMax);
      say(
        end === 'late'
          ? `The machine did not finish within ${minutes} minutes: give it more with --minutes.`
          : 'The machine switched itself off before the tests had ended. The last that its kernel said:',
      );
      say(lastLines(bootLog));
    }
    return outcome ?? { exitCode: 1, passed: 0, failed: 1 };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function lastLines(path: string): string {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return text.trim().split('\n').slice(-BOOT_LINES_SHOWN).join('\n');
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options.ok) {
    process.stderr.write(`${options.error.message}\n\n${USAGE}\n`);
    return EXIT_USAGE;
  }
  if (options.value.verb === 'help') {
    say(USAGE);
    return 0;
  }
  if (options.value.verb === 'clean') {
    const kept = removeCache();
    say(kept === 0 ? 'The kept disk is gone.' : `${String(kept)} run(s) under way keep their files.`);
    return 0;
  }
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruption.abort();
    });
  }
  try {
    const { exitCode, passed, failed } = await runTests(options.value, interruption.signal);
    say(`${String(passed)} passed, ${String(failed)} failed`);
    return exitCode;
  } catch (error: unknown) {
    process.stderr.write(`vm: ${errorMessage(error)}\n`);
    return isSwarmError(error) && error.code === 'cancelled' ? EXIT_INTERRUPTED : 1;
  }
}

process.exitCode = await main();
