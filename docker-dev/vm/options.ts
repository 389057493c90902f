import { parseArgs } from 'node:util';

import { fail, ok, type Result } from '@skep/kernel';

/** What is run when no test is named: all that has to do with version 2 of cgroups, with both runtimes. */
export const DEFAULT_TESTS: readonly string[] = [
  'agent/src/engine/cgroups.itest.ts',
  'agent/src/engine/isolation.itest.ts',
  'agent/src/engine/features.itest.ts',
  'agent/src/engine/recovery.itest.ts',
];

export const USAGE = `usage: npm run vm -- [options] [test file...]

Boots a Debian 12 virtual machine with nothing but cgroup version 2 and runs integration tests in it. Needs root.
The first run builds the machine's disk from Debian packages (some minutes); it is kept in .cache/vm.

  test file      *.itest.ts of agent/ or libs/; when absent:
                 ${DEFAULT_TESTS.join('\n                 ')}
  --accel NAME   kvm or tcg (software emulation); when absent kvm where it works, else tcg
  --cpus N       processors of the machine (default 2)
  --memory MIB   its memory (default 2048)
  --minutes N    end it after this long (default 30)
  --clean        remove the kept disk and do nothing else
  --help         this text

The last line is "N passed, N failed"; the exit code is that of the tests. Ctrl-C ends the machine.`;

export type Accelerator = 'kvm' | 'tcg';

export interface VmOptions {
  readonly verb: 'run' | 'clean' | 'help';
  readonly tests: readonly string[];
  /** Null: whichever works. */
  readonly accelerator: Accelerator | null;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly minutesMax: number;
}

/** Reads the command line of `npm run vm`; `invalid_argument` names the option that makes no sense. */
export function readOptions(argv: readonly string[]): Result<VmOptions> {
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        accel: { type: 'string' },
        cpus: { type: 'string', default: '2' },
        memory: { type: 'string', default: '2048' },
        minutes: { type: 'string', default: '30' },
        clean: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error: unknown) {
    return fail('invalid_argument', error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  const accelerator = values['accel'] ?? null;
  if (accelerator !== null && accelerator !== 'kvm' && accelerator !== 'tcg') {
    return fail('invalid_argument', `--accel: ${String(accelerator)} is neither kvm nor tcg`);
  }
  const numbers = { cpus: [1, 64], memory: [512, 65_536], minutes: [1, 600] } as const;
  for (const [name, [least, most]] of Object.entries(numbers)) {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < least || value > most) {
      return fail(
        'invalid_argument',
        `--${name}: ${String(values[name])} is not a whole number from ${String(least)} to ${String(most)}`,
      );
    }
  }
  const foreign = positionals.find((path) => !/^(agent|libs)\/[\w./-]+\.itest\.ts$/.test(path));
  if (foreign !== undefined) {
    return fail(
      'invalid_argument',
      `${foreign} is not an integration test of agent/ or libs/: name a path such as ${DEFAULT_TESTS[0] ?? ''}`,
    );
  }
  return ok({
    verb: values['help'] === true ? 'help' : values['clean'] === true ? 'clean' : 'run',
    tests: positionals.length > 0 ? positionals : DEFAULT_TESTS,
    accelerator,
    cpus: Number(values['cpus']),
    memoryMib: Number(values['memory']),
    minutesMax: Number(values['minutes']),
  });
}
