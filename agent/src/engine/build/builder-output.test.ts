import { describe, expect, test } from 'vitest';

import { BuilderOutput, describeFailure, translateLine } from './builder-output.ts';

const ID = 'ab'.repeat(32);
const CONTEXT = { fromTexts: ['FROM busybox AS x', 'FROM x'], names: new Map([[ID, 'busybox']]) };

test.each([
  ['STEP 1/2: FROM abc', 'Step 1/2 : FROM busybox AS x'],
  ['[2/2] STEP 1/6: FROM abc', '[2/2] Step 1/6 : FROM x'],
  [`[1/2] STEP 2/6: COPY --from=${ID} /a /b`, '[1/2] Step 2/6 : COPY --from=busybox /a /b'],
  [`--> Using cache ${ID}`, ' ---> Using cache'],
  ['--> 054ac983b76', ' ---> 054ac983b76'],
  ['COMMIT', undefined],
  ['[1/2] COMMIT name', undefined],
  ['hello', 'hello'],
  ['COMMITTED', 'COMMITTED'],
])('%s', (line, text) => {
  expect(translateLine(line, CONTEXT).text).toBe(text);
});

describe('what failed', () => {
  test.each([
    [
      'Error: building at STEP "RUN exit 7": while running runtime: exit status 7',
      "The command '/bin/sh -c exit 7' returned a non-zero code: 7",
      7,
    ],
    [
      'Error: building at STEP "RUN --network=none ["/bin/false","x"]": while running runtime: exit status 1',
      "The command '/bin/false x' returned a non-zero code: 1",
      1,
    ],
    [`Error: creating build container: ${ID}: not known`, 'creating build container: busybox: not known', 1],
    [
      'Error: building at STEP "NONSENSE x": Build error: Unknown instruction: "NONSENSE" &imagebuilder.Step{}',
      'dockerfile parse error: unknown instruction: NONSENSE',
      1,
    ],
    [
      'Error: building at STEP "COPY a /x": checking on sources under "/work/c": copier: stat: "/a": no such file or directory',
      'COPY failed: file not found in build context or excluded by .dockerignore: stat a: file does not exist',
      1,
    ],
    ['', 'the builder ended without a word', 1],
  ])('%s', (said, message, exitCode) => {
    expect(describeFailure(said, CONTEXT.names)).toEqual({ message, exitCode });
  });
});

test('the image id at the end and the error at the end are results, those in between are output', () => {
  let written = '';
  const output = new BuilderOutput(CONTEXT, (text) => {
    written += text;
  });
  output.feed('stdout', `hel`);
  output.feed('stdout', `lo\n${ID}\nmore\n${ID}\n`);
  output.feed('stderr', 'Error: of a command\nwarning\nError: last');
  expect(output.end(false)).toEqual({ imageId: ID, error: 'Error: last' });
  expect(written).toBe(`hello\n${ID}\nmore\nError: of a command\nwarning\n${ID}\n`);
});

test('a line without an end is passed on in pieces', () => {
  let length = 0;
  const output = new BuilderOutput(CONTEXT, (text) => {
    length += text.length;
  });
  for (let index = 0; index < 100; index += 1) {
    output.feed('stdout', 'x'.repeat(1000));
  }
  expect(length).toBeGreaterThan(60_000);
  output.end(true);
  expect(length).toBe(100_001);
});
