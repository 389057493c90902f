import { connect, type Socket } from 'node:net';

import { FrameDecoder } from '@skep/docker-api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Harness } from './testing/harness.ts';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  await harness.stop();
});

interface Upgraded {
  readonly socket: Socket;
  readonly head: string;
  /** What has come so far after the headers. */
  received(): Buffer;
  ended: Promise<void>;
}

/** Sends a request that asks for an upgrade and waits for the headers of the answer. */
function upgrade(path: string, body = ''): Promise<Upgraded> {
  const socket = connect({ path: harness.socketPath, allowHalfOpen: true });
  let bytes = Buffer.alloc(0);
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => {
      resolve();
    });
  });
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    let isResolved = false;
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf('\r\n\r\n');
      if (end >= 0 && !isResolved) {
        isResolved = true;
        resolve({
          socket,
          head: bytes.toString('latin1', 0, end),
          received: () => bytes.subarray(end + 4),
          ended,
        });
      }
    });
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`,
    );
  });
}

const frames = (bytes: Buffer): [string, string][] =>
  new FrameDecoder().push(bytes).map(({ stream, payload }) => [stream, Buffer.from(payload).toString()]);

async function createContainer(body: object): Promise<string> {
  const answer = await harness.call('POST', '/containers/create', { body: { Image: 'busybox', ...body } });
  return String(answer.json.Id);
}

describe('attach', () => {
  test('carries standard input to the process and its output back, framed', async () => {
    const id = await createContainer({ Cmd: ['cat'], OpenStdin: true });
    const { socket, head, received, ended } = await upgrade(
      `/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`,
    );
    expect(head).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n/);
    expect(head).toContain('Content-Type: application/vnd.docker.multiplexed-stream');
    await harness.call('POST', `/containers/${id}/start`);
    socket.end('some input');
    await ended;
    expect(frames(received())).toEqual([['stdout', 'some input']]);
    socket.destroy();
  });

  test('is raw with a terminal, and detaches on its keys', async () => {
    const id = await createContainer({ Cmd: ['cat'], OpenStdin: true, Tty: true });
    const { socket, head, received, ended } = await upgrade(
      `/containers/${id}/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x,y`,
    );
    expect(head).toContain('Content-Type: application/vnd.docker.raw-stream');
    await harness.call('POST', `/containers/${id}/start`);
    socket.write('typed');
    await expect.poll(() => received().toString()).toBe('typed');
    socket.write(Buffer.from([24]));
    socket.write('y');
    await ended;
    expect((await harness.call('GET', `/containers/${id}/json`)).json.State.Running).toBe(true);
    await expect.poll(() => harness.engine.containers.detached).toEqual([id]);
    socket.destroy();
  });

  test('who closes a terminal has detached: the docker CLI keeps the keys to itself', async () => {
    const id = await createContainer({ Cmd: ['sleep'], OpenStdin: true, Tty: true });
    const { socket } = await upgrade(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`);
    await harness.call('POST', `/containers/${id}/start`);
    socket.destroy();
    await expect.poll(() => harness.engine.containers.detached, { timeout: 10_000 }).toEqual([id]);
  });

  test('who closes a connection without a terminal has not', async () => {
    const id = await createContainer({ Cmd: ['cat'], OpenStdin: true });
    const { socket } = await upgrade(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`);
    await harness.call('POST', `/containers/${id}/start`);
    socket.destroy();
    await expect
      .poll(async () => String((await harness.call('GET', `/containers/${id}/json`)).json.State.Status))
      .toBe('exited');
    expect(harness.engine.containers.detached).toEqual([]);
  });

  test('who stays until the end has not either', async () => {
    const id = await createContainer({ Cmd: ['echo', 'last'], OpenStdin: true, Tty: true });
    const { socket, received, ended } = await upgrade(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`);
    await harness.call('POST', `/containers/${id}/start`);
    await ended;
    expect(received().toString()).toBe('last\n');
    await expect
      .poll(async () => String((await harness.call('GET', `/containers/${id}/json`)).json.State.Status))
      .toBe('exited');
    expect(harness.engine.containers.detached).toEqual([]);
    socket.destroy();
  });

  test('needs an upgrade, and a container', async () => {
    const id = await createContainer({});
    const plain = await harness.call('POST', `/containers/${id}/attach?stream=1&stdout=1`);
    expect([plain.status, plain.json.message]).toEqual([400, expect.stringContaining('Upgrade: tcp')]);
    const { head, received, ended } = await upgrade('/containers/nosuch/attach?stream=1');
    await ended;
    expect(head).toMatch(/^HTTP\/1\.1 404 /);
    expect(received().toString()).toContain('No such container: nosuch');
  });
});

describe('exec', () => {
  async function createExec(config: object): Promise<string> {
    const id = await createContainer({ Cmd: ['sleep'] });
    await harness.call('POST', `/containers/${id}/start`);
    const answer = await harness.call('POST', `/containers/${id}/exec`, {
      body: { AttachStdout: true, AttachStderr: true, ...config },
    });
    expect(answer.status).toBe(201);
    return String(answer.json.Id);
  }

  test('keeps input that came with its body apart from the body', async () => {
    const id = await createExec({ Cmd: ['cat'], AttachStdin: true });
    const { socket, received, ended } = await upgrade(`/exec/${id}/start`, '{"Detach":false}\n');
    socket.end('input');
    await ended;
    expect(frames(received())).toEqual([['stdout', 'input']]);
    expect((await harness.call('GET', `/exec/${id}/json`)).json).toMatchObject({
      Running: false,
      ExitCode: 0,
    });
    socket.destroy();
  });

  test('detaches on its keys while the command goes on', async () => {
    const id = await createExec({ Cmd: ['cat'], AttachStdin: true, Tty: true });
    const { socket, received, ended } = await upgrade(`/exec/${id}/start`, '{}');
    socket.write('typed');
    await expect.poll(() => received().toString()).toBe('typed');
    socket.write(Buffer.from([16, 17]));
    await ended;
    await expect.poll(() => harness.engine.execs.detached).toEqual([id]);
    expect((await harness.call('GET', `/exec/${id}/json`)).json.Running).toBe(true);
    socket.destroy();
  });

  test('the exit code is known when the stream ends', async () => {
    const id = await createExec({ Cmd: ['fail'] });
    const { socket, received, ended } = await upgrade(`/exec/${id}/start`, '{}');
    await ended;
    expect(frames(received())).toEqual([['stderr', 'it went wrong\n']]);
    expect((await harness.call('GET', `/exec/${id}/json`)).json.ExitCode).toBe(3);
    socket.destroy();
  });

  test('a command that cannot start says so in the stream', async () => {
    const id = await createExec({ Cmd: ['nope'] });
    const { socket, head, received, ended } = await upgrade(`/exec/${id}/start`, '{}');
    await ended;
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    expect(frames(received())[0]?.[1]).toContain('executable file not found');
    socket.destroy();
  });

  test('megabytes flow both ways without loss', async () => {
    const id = await createExec({ Cmd: ['cat'], AttachStdin: true });
    const { socket, received, ended } = await upgrade(`/exec/${id}/start`, '{}');
    const sent = Buffer.alloc(3_000_000, 'abcdefghij');
    socket.end(sent);
    await ended;
    const output = Buffer.concat(
      new FrameDecoder().push(received()).map(({ payload }) => Buffer.from(payload)),
    );
    expect(output.equals(sent)).toBe(true);
    socket.destroy();
  });

  test('without a command, or in a stopped container, nothing is made', async () => {
    const id = await createContainer({});
    const noCommand = await harness.call('POST', `/containers/${id}/exec`, { body: { Cmd: [] } });
    expect([noCommand.status, noCommand.json.message]).toEqual([400, 'No exec command specified']);
    const stopped = await harness.call('POST', `/containers/${id}/exec`, { body: { Cmd: ['ls'] } });
    expect(stopped.status).toBe(409);
  });
});
