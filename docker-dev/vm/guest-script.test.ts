import { execFileSync } from 'node:child_process';

import { expect, test } from 'vitest';

import { guestScript, shellWord } from './guest-script.ts';

test.each(['plain', "it's", '$(id)', 'a b', '', '*', 'a\nb'])(
  'a shell reads the word %j as it is',
  (word) => {
    expect(execFileSync('sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' })).toBe(word);
  },
);

test('the script is one that a shell can read, and ends with the exit code of the tests', () => {
  const script = guestScript(['agent/src/engine/cgroups.itest.ts']);
  execFileSync('sh', ['-n'], { input: script });
  expect(script).toContain(' agent/src/engine/cgroups.itest.ts 2>&1; echo $? > /run/code;');
  expect(script.trimEnd().split('\n').at(-1)).toBe('exit $code');
});
