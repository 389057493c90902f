import { PROJECT_ROOT } from './image-recipe.ts';

/** Rounds of the tests that kill the engine at random moments: a tenth of the usual speed has to do. */
const ROUNDS = '4';

/** A word for a shell, whatever is in it. */
export function shellWord(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * The shell script that the machine runs: shows that there is one hierarchy of cgroups, runs the tests, and writes
 * their exit code and vitest's report to the third disk.
 */
export function guestScript(tests: readonly string[]): string {
  const vitest = [
    ...['node', 'node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.itest.config.ts'],
    ...['--testTimeout=600000', '--hookTimeout=600000'],
    ...['--reporter=verbose', '--reporter=json', '--outputFile.json=/run/report.json'],
    ...tests,
  ];
  return `cd ${PROJECT_ROOT}
export PATH=${PROJECT_ROOT}/node_modules/node/bin:$PATH HOME=/root CI=1 NO_COLOR=1 SKEP_ROUNDS=${ROUNDS}
echo "Linux $(uname -r), $(crun --version | head -1), $(runc --version | head -1), $(conmon --version | head -1)"
echo "cgroups: $(stat -f -c %T /sys/fs/cgroup) with $(cat /sys/fs/cgroup/cgroup.controllers)"
# To a pipe: a terminal would be drawn on.
{ unshare --mount --propagation private ${vitest.map(shellWord).join(' ')} 2>&1; echo $? > /run/code; } | cat
code=$(cat /run/code)
{ echo $code; cat /run/report.json; } | dd of=/dev/vdc bs=64k conv=fsync status=none
exit $code
`;
}
