import { describe, expect, test } from 'vitest';

import { ExecSession } from './exec-session.ts';
import type { ExecSocketHandlers, ShellState } from './exec-session.ts';

function open(command: readonly string[] = []) {
  const sent: (string | Uint8Array)[] = [];
  const states: ShellState[] = [];
  const pending: (() => void)[] = [];
  let handlers: ExecSocketHandlers | undefined;
  const session = new ExecSession({
    connect: (given) => {
      handlers = given;
      return { send: (data) => sent.push(data), close: () => given.onClose() };
    },
    command,
    size: { cols: 80, rows: 24 },
    show: (_bytes, done) => pending.push(done),
    onState: (state) => states.push(state),
  });
  if (handlers === undefined) {
    throw new Error('it did not connect');
  }
  return { session, sent, states, pending, server: handlers };
}

const text = (sent: readonly (string | Uint8Array)[]) =>
  sent.filter((each) => typeof each === 'string').map((each) => JSON.parse(each) as Record<string, unknown>);

describe('a shell over the exec socket', () => {
  test('starts the first shell of the container unless a command is named', () => {
    const shell = open();
    shell.server.onOpen();
    expect(text(shell.sent)).toEqual([
      { t: 'start', tty: true, cols: 80, rows: 24, env: ['TERM=xterm-256color'] },
    ]);
    const named = open(['top', '-b']);
    named.server.onOpen();
    expect(text(named.sent)[0]).toMatchObject({ t: 'start', cmd: ['top', '-b'] });
  });

  test('what is typed goes as bytes, and not before the socket is open', () => {
    const { session, sent, server } = open();
    session.type('early');
    server.onOpen();
    session.type('ls é\r');
    expect(sent.filter((each) => typeof each !== 'string')).toEqual([new TextEncoder().encode('ls é\r')]);
  });

  test('a window that changed while the command started is told afterwards', () => {
    const { session, sent, states, server } = open();
    server.onOpen();
    session.resize(120, 40);
    server.onText('{"t":"started","taskId":"t1","node":"worker-1"}');
    session.resize(120, 40);
    session.resize(100, 30);
    expect(text(sent).slice(1)).toEqual([
      { t: 'resize', cols: 120, rows: 40 },
      { t: 'resize', cols: 100, rows: 30 },
    ]);
    expect(states).toEqual([{ phase: 'open', node: 'worker-1' }]);
  });

  test('output is acknowledged when it is on the screen, not when it arrives', () => {
    const { sent, pending, server } = open();
    server.onOpen();
    server.onBytes(new Uint8Array(40_000));
    server.onBytes(new Uint8Array(40_000));
    expect(text(sent)).toHaveLength(1);
    pending.forEach((done) => {
      done();
    });
    expect(text(sent).slice(1)).toEqual([{ t: 'ack', bytes: 80_000 }]);
  });

  test('the end is told once: an exit is not followed by a loss, a refusal keeps its reason', () => {
    const ended = open();
    ended.server.onOpen();
    ended.server.onText('{"t":"started","taskId":"t1","node":"worker-1"}');
    ended.server.onText('{"t":"exit","code":3}');
    ended.server.onClose();
    expect(ended.states.at(-1)).toEqual({ phase: 'ended', code: 3 });
    const refused = open();
    refused.server.onOpen();
    refused.server.onText('{"t":"err","code":"failed_precondition","message":"no shell in this image"}');
    refused.server.onClose();
    expect(refused.states).toEqual([
      { phase: 'refused', code: 'failed_precondition', message: 'no shell in this image' },
    ]);
    const lost = open();
    lost.server.onClose();
    expect(lost.states).toEqual([{ phase: 'lost' }]);
  });
});
