import { closeSync, readFileSync, readSync } from 'node:fs';
import { expect, test } from 'vitest';
import { awaitEnd, memoryFile, openPipe, startProgram, takeEnd, type ProgramEnd } from './posix-spawn.ts';

const environment = { PATH: '/usr/bin:/bin', GREETING: 'hello' };

/** Runs a shell script to its end and answers what it printed and how it ended. */
function runShell(script: string, input = ''): { output: string; end: ProgramEnd } {
  const { readEnd, writeEnd } = openPipe();
  const stdin = memoryFile(input);
  const pid = startProgram({
    command: 'sh',
    args: ['-c', script],
    environment,
    descriptors: new Map([
      [0, stdin],
      [1, writeEnd],
    ]),
  });
  closeSync(stdin);
  closeSync(writeEnd);
  const output = readAll(readEnd);
  return { output, end: awaitEnd(pid) };
}

function readAll(fd: number): string {
  const buffer = Buffer.alloc(64 * 1024);
  let output = '';
  for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) {
    output += buffer.toString('utf8', 0, count);
  }
  closeSync(fd);
  return output;
}

test('a program gets its arguments, environment and input', () => {
  expect(runShell('cat; echo $GREETING', 'é'.repeat(100_000))).toEqual({
    output: `${'é'.repeat(100_000)}hello\n`,
    end: { exitCode: 0, signal: 0 },
  });
});

test('exit codes and signals are told apart', () => {
  expect(runShell('exit 7').end).toEqual({ exitCode: 7, signal: 0 });
  expect(runShell('kill -9 $$').end).toEqual({ exitCode: null, signal: 9 });
});

test('nothing is inherited but what is given: no descriptor, no ignored signal', () => {
  const kept = openPipe();
  const open = runShell('ls /proc/$$/fd').output.split('\n');
  expect(open).toEqual(expect.arrayContaining(['0', '1', '2']));
  expect(open).not.toContain(String(kept.readEnd));
  expect(open).not.toContain(String(kept.writeEnd));
  const ignored = /^SigIgn:\s+(\w+)$/m.exec(runShell('cat /proc/$$/status').output)?.[1];
  expect(BigInt(`0x${ignored ?? 'f'}`)).toBe(0n);
  closeSync(kept.readEnd);
  closeSync(kept.writeEnd);
});

test('a session of its own', () => {
  const pid = startProgram({
    command: '/bin/sleep',
    args: ['60'],
    environment,
    isSessionLeader: true,
    directory: '/',
    descriptors: new Map(),
  });
  const session = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    .split(') ')[1]
    ?.split(' ')[3];
  expect(Number(session)).toBe(pid);
  expect(takeEnd(pid)).toBeUndefined();
  process.kill(pid, 'SIGKILL');
  expect(awaitEnd(pid)).toEqual({ exitCode: null, signal: 9 });
});

test('a program that is not there is refused by name', () => {
  const request = { args: [], environment, descriptors: new Map<number, number>() };
  expect(() => startProgram({ ...request, command: 'no-such-program' })).toThrow(
    'cannot run no-such-program (ENOENT)',
  );
});
