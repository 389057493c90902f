import { describe, expect, test } from 'vitest';

import { DEFAULT_TESTS, readOptions } from './options.ts';

describe('readOptions', () => {
  test('without arguments the default tests are run', () => {
    expect(readOptions([])).toEqual({
      ok: true,
      value: {
        verb: 'run',
        tests: DEFAULT_TESTS,
        accelerator: null,
        cpus: 2,
        memoryMib: 2048,
        minutesMax: 30,
      },
    });
  });

  test('takes tests and the shape of the machine', () => {
    const read = readOptions([
      '--accel',
      'tcg',
      '--memory=4096',
      '--minutes',
      '5',
      'libs/oci/src/io/registry.itest.ts',
    ]);
    expect(read).toMatchObject({
      ok: true,
      value: {
        tests: ['libs/oci/src/io/registry.itest.ts'],
        accelerator: 'tcg',
        memoryMib: 4096,
        minutesMax: 5,
      },
    });
  });

  test.each([
    [['--clean'], 'clean'],
    [['--help'], 'help'],
    [['--help', '--clean'], 'help'],
  ])('%j is the verb %s', (argv, verb) => {
    expect(readOptions(argv)).toMatchObject({ ok: true, value: { verb } });
  });

  test.each([
    [['--accel', 'xen'], '--accel: xen is neither kvm nor tcg'],
    [['--cpus', '0'], '--cpus: 0 is not a whole number from 1 to 64'],
    [['--memory', '64'], '--memory: 64 is not a whole number from 512 to 65536'],
    [['--minutes', '1.5'], '--minutes: 1.5 is not a whole number from 1 to 600'],
    [['--nosuch'], "Unknown option '--nosuch'"],
    [['tools/tidy.test.ts'], 'tools/tidy.test.ts is not an integration test of agent/ or libs/'],
    [['agent/$(id).itest.ts'], 'is not an integration test'],
  ])('refuses %j and says why', (argv, reason) => {
    const read = readOptions(argv);
    expect(read.ok ? '' : read.error.message).toContain(reason);
  });
});
