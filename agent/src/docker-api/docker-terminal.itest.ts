import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { until } from '../engine/testing/engine-fixture.ts';
import { SwarmdFixture, hasDockerCli } from './testing/swarmd-fixture.ts';
import { Terminal, type TerminalSize } from './testing/terminal.ts';

const SIZE = { rows: 30, columns: 100 };
const CTRL_A = '\x01';
const CTRL_C = '\x03';
const CTRL_P = '\x10';
const CTRL_Q = '\x11';
const CTRL_X = '\x18';
const SHELL = ['busybox', 'sh'];

/** What a person does at the docker CLI: windows, keys, signals. Needs root. */
describe.skipIf(!hasDockerCli())('the docker CLI on a terminal', () => {
  let host: SwarmdFixture;
  const terminals: Terminal[] = [];

  beforeAll(async () => {
    host = await SwarmdFixture.start();
    await host.ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '10000');
  });

  afterEach(async () => {
    await Promise.all(terminals.splice(0).map((terminal) => terminal.close()));
  });

  afterAll(async () => {
    await host.stop();
  });

  function open(...args: readonly string[]): Terminal {
    const terminal = new Terminal(['docker', ...args], SIZE, host.environment);
    terminals.push(terminal);
    return terminal;
  }

  /** Types a command until its answer is there: the size of a terminal is told to the daemon a moment after its start. */
  async function answers(
    terminal: Terminal,
    command: string,
    answer: string,
    beforehand: () => void = () => undefined,
  ): Promise<void> {
    await until(() => terminal.text.includes('# '));
    await until(async () => {
      beforehand();
      terminal.clear();
      terminal.type(`${command}\n`);
      await until(() => terminal.text.includes('# '));
      return terminal.text.includes(answer);
    });
  }

  /** Another size at each call, every second time `size`: a client may miss what changes before it begins to listen. */
  function resizer(terminal: Terminal, size: TerminalSize): () => void {
    let calls = 0;
    return () => {
      const more = calls % 2;
      calls += 1;
      terminal.resize({ rows: size.rows + more, columns: size.columns + more });
    };
  }

  async function isRunning(name: string): Promise<boolean> {
    return (await host.ok('inspect', '-f', '{{.State.Running}}', name)) === 'true';
  }

  test.each([
    ['run', ['run', '--rm', '-it', ...SHELL]],
    ['exec', ['exec', '-it', 'box', 'sh']],
  ])('%s has the size of the window, and follows it', async (_verb, args) => {
    const terminal = open(...args);
    await answers(terminal, 'stty size', '30 100');
    await answers(terminal, 'stty size', '41 132', resizer(terminal, { rows: 41, columns: 132 }));
    terminal.type('exit 6\n');
    expect(await terminal.exit()).toBe(6);
  });

  test('a program is told of the new size by SIGWINCH', async () => {
    const script = 'trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done';
    const terminal = open('run', '--rm', '-it', 'busybox', 'sh', '-c', script);
    await until(() => terminal.text.includes('ready'));
    const resize = resizer(terminal, { rows: 25, columns: 77 });
    await until(async () => {
      resize();
      await delay(100);
      return terminal.text.includes('25 77');
    });
    terminal.type(CTRL_C);
    expect(await terminal.exit()).toBe(130);
  });

  test('the default keys detach, the container goes on, and another client attaches', async () => {
    const first = open('run', '-it', '--name', 'detached', ...SHELL);
    await until(() => first.text.includes('# '));
    first.type('left=behind\n');
    first.type(CTRL_P);
    first.type(CTRL_Q);
    expect(await first.exit()).toBe(0);
    expect(await isRunning('detached')).toBe(true);

    const second = open('attach', 'detached');
    second.type('\n');
    await answers(second, 'echo is $left', 'is behind');
    second.type('exit 7\n');
    expect(await second.exit()).toBe(7);
    expect(await host.ok('inspect', '-f', '{{.State.ExitCode}}', 'detached')).toBe('7');
    await host.ok('rm', 'detached');
  });

  test("keys of one's own detach, the default ones then go to the program", async () => {
    const terminal = open(
      'run',
      '-it',
      '--detach-keys',
      'ctrl-x,d',
      '--name',
      'own-keys',
      'busybox',
      'cat',
      '-v',
    );
    await until(async () => isRunning('own-keys').catch(() => false));
    terminal.type(`a${CTRL_P}${CTRL_Q}${CTRL_X}e\n`);
    // The terminal itself takes control-Q, which means "go on".
    await until(() => /a\^P\^Xe/.test(terminal.text.replace(/.*\n/, '')));
    expect(await isRunning('own-keys')).toBe(true);
    terminal.type(`${CTRL_X}d`);
    expect(await terminal.exit()).toBe(0);
    expect(await isRunning('own-keys')).toBe(true);
    const wrong = open('attach', '--detach-keys', 'ctrl-nothing', 'own-keys');
    expect(await wrong.exit()).toBe(1);
    expect(wrong.text).toContain('received 400');
    await host.ok('rm', '-f', 'own-keys');
  });

  test('an exec is left by its keys and goes on', async () => {
    const terminal = open(
      'exec',
      '-it',
      '--detach-keys',
      'ctrl-a,d',
      'box',
      'sh',
      '-c',
      'echo on; exec sleep 7777',
    );
    await until(() => terminal.text.includes('on'));
    terminal.type(`${CTRL_A}d`);
    await terminal.exit();
    expect(await host.ok('top', 'box')).toContain('sleep 7777');
  });

  test('start -ai gives a stopped container its input, output and exit code, each time', async () => {
    await host.ok('create', '-i', '--name', 'again', 'busybox', 'sh', '-c', 'read a; echo "got $a"; exit 4');
    for (const input of ['one\n', 'two\n']) {
      const result = await host.docker(['start', '-ai', 'again'], { input });
      expect(result).toEqual({ code: 4, stdout: `got ${input}`, stderr: '' });
    }
    await host.ok('rm', 'again');
    await host.ok('create', '-it', '--name', 'on-terminal', ...SHELL);
    const terminal = open('start', '-ai', 'on-terminal');
    await answers(terminal, 'stty size', '30 100');
    terminal.type('exit 3\n');
    expect(await terminal.exit()).toBe(3);
    await host.ok('rm', 'on-terminal');
  });

  const TRAP =
    'for s in HUP INT TERM USR1; do trap "echo got $s; exit 9" $s; done; echo ready; while :; do sleep 0.05; done';

  interface Client {
    readonly kill: (signal: NodeJS.Signals) => void;
    readonly output: () => string;
    readonly closed: Promise<number | null>;
  }

  /** Starts a container that tells of signals, by a client without a terminal. */
  async function startClient(...flags: readonly string[]): Promise<Client> {
    const args = ['run', '--name', 'signalled', ...flags, 'busybox', 'sh', '-c', TRAP];
    const child = spawn('docker', args, { env: host.environment, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    await until(() => output.includes('ready'));
    return { kill: (signal) => child.kill(signal), output: () => output, closed };
  }

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const)(
    '%s goes through to the program',
    async (signal) => {
      const client = await startClient();
      client.kill(signal);
      expect(await client.closed).toBe(9);
      expect(client.output()).toBe(`ready\ngot ${signal.replace('SIG', '')}\n`);
      await host.ok('rm', 'signalled');
    },
  );

  test('without --sig-proxy the program hears nothing of them', async () => {
    const client = await startClient('--sig-proxy=false');
    client.kill('SIGTERM');
    // Had it gone through, it would have come before this one. (Whether the client ends depends on its version.)
    await host.ok('kill', '--signal', 'USR1', 'signalled');
    expect(await host.ok('wait', 'signalled')).toBe('9');
    expect(await host.ok('logs', 'signalled')).toBe('ready\ngot USR1');
    client.kill('SIGKILL');
    await client.closed;
    await host.ok('rm', 'signalled');
  });
});
