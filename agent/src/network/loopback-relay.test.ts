import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterEach, expect, test } from 'vitest';

import { requireIp } from './ip-prefix.ts';
import { openSocket } from './libc.ts';
import { LoopbackRelay } from './loopback-relay.ts';

let relay: LoopbackRelay | undefined;
let server: Server | undefined;

afterEach(() => {
  relay?.close();
  server?.close();
});

/** A server that answers with what it was told, once it was told all of it. */
async function upperCaser(): Promise<number> {
  const made = createServer({ allowHalfOpen: true }, (socket) => {
    void text(socket).then((said) => socket.end(said.toUpperCase()));
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return (made.address() as AddressInfo).port;
}

/** Any free port of the loopback. */
function listen(): { readonly fd: number; readonly port: number } {
  for (let port = 41_000; ; port += 1) {
    try {
      return {
        fd: openSocket({ protocol: 'tcp', address: requireIp('127.0.0.1'), port, mode: 'serve' }),
        port,
      };
    } catch {
      // Taken; the next one.
    }
  }
}

function ask(port: number, words: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end(words);
  return text(socket);
}

test('carries both directions, also after the asker has said all', async () => {
  const port = await upperCaser();
  const { fd, port: published } = listen();
  relay = new LoopbackRelay(fd, () => ({ address: '127.0.0.1', port }));
  const words = 'hello '.repeat(100_000);
  expect(await ask(published, words)).toBe(words.toUpperCase());
});

test('a target that is gone ends the connection', async () => {
  const { fd, port } = listen();
  relay = new LoopbackRelay(fd, () => undefined);
  await expect(ask(port, 'hello').catch(() => '')).resolves.toBe('');
});
