import { WebSocket } from 'ws';
import { afterEach, describe, expect, test } from 'vitest';

import type { SwarmError } from '@skep/kernel';

import { TestAuthority, TestGroup, until, type TestMember } from '../driver/testing/test-group.ts';
import { HIGH_WATER_BYTES, type Channel } from './channel.ts';
import { dialChannel } from './dial-channel.ts';
import { contextOptions } from './tls-options.ts';
import type { TlsMaterial } from '../driver/raft-handle.ts';

let group: TestGroup | undefined;
afterEach(async () => {
  await group?.close();
  group = undefined;
});

async function oneManager(): Promise<TestMember> {
  group = await TestGroup.create();
  return group.add('n1', { kind: 'bootstrap' });
}

/** The certificates name addresses of their own. */
const ANY_NAME = { checkServerIdentity: () => undefined } as object;

/** What a plain client gets at a path: `open`, or the status it is refused with. */
async function knock(
  addr: string,
  path: string,
  tls: Partial<TlsMaterial> & { caPem: string },
): Promise<string> {
  const { certificatePem, keyPem } = tls;
  const identity =
    certificatePem === undefined || keyPem === undefined ? {} : { cert: certificatePem, key: keyPem };
  const socket = new WebSocket(`wss://${addr}${path}`, {
    ca: tls.caPem,
    ...identity,
    rejectUnauthorized: true,
    ...ANY_NAME,
  });
  return new Promise((resolve) => {
    socket.on('open', () => {
      socket.terminate();
      resolve('open');
    });
    socket.on('unexpected-response', (_request, response) => {
      resolve(String(response.statusCode));
      socket.terminate();
    });
    socket.on('error', (error) => {
      resolve(error.message);
    });
  });
}

describe('who may come to the manager port', () => {
  test('each path by certificate and role', async () => {
    const manager = await oneManager();
    const { authority } = group as TestGroup;
    const { addr } = manager;
    manager.handle.channels.on('/session', () => undefined);
    manager.handle.channels.on('/ca/join', () => undefined);
    manager.handle.channels.on('/ca/renew', () => undefined);
    manager.handle.channels.on('/channel', () => undefined);
    await until('the paths are served', () => true);
    const worker = await authority.issue('w1', 'worker');
    const other = await authority.issue('m2', 'manager');
    const nobody = { caPem: authority.caPem };
    const anotherCluster = await authority.issue('m3', 'manager', 'another-cluster');
    const stranger = {
      ...(await (await TestAuthority.create()).issue('m4', 'manager')),
      caPem: authority.caPem,
    };
    const paths = ['/session', '/channel', '/ca/join', '/ca/renew', '/raft', '/raft/rpc', '/other'];
    const answers = async (tls: Partial<TlsMaterial> & { caPem: string }): Promise<string> =>
      (await Promise.all(paths.map((path) => knock(addr, path, tls)))).join(' ');
    expect(await answers(other)).toBe('open open open open open open 404');
    expect(await answers(worker)).toBe('open 403 open open 403 403 404');
    expect(await answers(nobody)).toBe('401 401 open 401 401 401 404');
    expect(await answers(anotherCluster)).toBe('401 401 401 401 401 401 404');
    expect(await answers(stranger)).toBe('401 401 401 401 401 401 404');
  });

  test('TLS 1.2 is refused', async () => {
    const manager = await oneManager();
    manager.handle.channels.on('/ca/join', () => undefined);
    const socket = new WebSocket(`wss://${manager.addr}/ca/join`, {
      ca: (group as TestGroup).authority.caPem,
      maxVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      ...ANY_NAME,
    });
    const error = await new Promise<Error>((resolve) => socket.on('error', resolve));
    expect(error.message).toMatch(/protocol version|alert/i);
  });
});

describe('channels', () => {
  /** A manager that echoes, and a connected client. */
  async function echo(): Promise<{ client: Channel; server: () => Channel; tls: TlsMaterial }> {
    const manager = await oneManager();
    const { authority } = group as TestGroup;
    const accepted: Channel[] = [];
    manager.handle.channels.on('/channel', (channel) => {
      accepted.push(channel);
      channel.onFrame((frame) => {
        channel.send(frame);
      });
    });
    const tls = await authority.issue('m2', 'manager');
    const client = await dialChannel({
      addr: manager.addr,
      path: '/channel',
      query: { kind: 'test', name: 'é' },
      tls,
      clusterId: authority.clusterId,
      nodeId: 'n1',
    });
    await until('it is accepted', () => accepted.length === 1);
    return { client, server: () => accepted[0] as Channel, tls };
  }

  test('carry frames both ways in order, with identity and query', async () => {
    const { client, server } = await echo();
    expect(server().peer).toMatchObject({ nodeId: 'm2', role: 'manager' });
    expect(server().query).toEqual({ kind: 'test', name: 'é' });
    expect(client.peer?.nodeId).toBe('n1');
    const got: number[] = [];
    client.onFrame((frame) => {
      got.push(frame[0] ?? -1);
    });
    for (let i = 0; i < 200; i += 1) {
      client.send(Uint8Array.of(i, 1, 2));
    }
    await until('all came back', () => got.length === 200);
    expect(got).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test('hold a fast sender back while the reader pauses, and go on after', async () => {
    const { client, server } = await echo();
    server().pause();
    const frame = new Uint8Array(256 * 1024);
    let sent = 0;
    while (client.send(frame) && sent < 1000) {
      sent += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(1000);
    let drained = 0;
    client.onDrain(() => {
      drained += 1;
    });
    let received = 0;
    client.onFrame((data) => {
      received += data.length;
    });
    server().resume();
    await until('the rest arrives', () => drained > 0 && received >= sent * frame.length);
  });

  test('a server that does not stop is told to, and hears when it may go on', async () => {
    const { client, server } = await echo();
    client.pause();
    const frame = new Uint8Array(HIGH_WATER_BYTES / 4);
    let isFree = true;
    let sent = 0;
    while (isFree && sent < 200) {
      isFree = server().send(frame);
      sent += 1;
    }
    expect(isFree).toBe(false);
    const drained = new Promise<void>((resolve) => {
      server().onDrain(resolve);
    });
    let received = 0;
    client.onFrame((data) => {
      received += data.length;
    });
    client.resume();
    await drained;
    await until('all of it', () => received === sent * frame.length);
  });

  test('tell both ends when they close, with code and reason', async () => {
    const { client, server } = await echo();
    const closed = new Promise<string>((resolve) => {
      client.onClose((code, reason) => {
        resolve(`${String(code)} ${reason}`);
      });
    });
    server().close(4000, 'enough');
    expect(await closed).toBe('4000 enough');
    await until('the server end too', () => !server().isOpen);
    expect(client.send(new Uint8Array(1))).toBe(false);
  });

  test('the certificate is renewed while it runs', async () => {
    const { tls } = await echo();
    const { authority, members } = group as TestGroup;
    const manager = members.get('n1') as TestMember;
    const fresh = await authority.issue('n1', 'manager');
    await manager.handle.setTls(fresh);
    const channel = await dialChannel({
      addr: manager.addr,
      path: '/channel',
      tls,
      clusterId: authority.clusterId,
    });
    expect(channel.peer?.certificatePem.trim()).toBe(fresh.certificatePem.trim());
    channel.close();
  });

  test('a dialler refuses a node that it did not ask for', async () => {
    const { tls } = await echo();
    const { authority, members } = group as TestGroup;
    const { addr } = members.get('n1') as TestMember;
    const refused = await dialChannel({
      addr,
      path: '/channel',
      tls,
      clusterId: authority.clusterId,
      nodeId: 'n9',
    }).catch((error: unknown) => error as SwarmError);
    expect(refused).toMatchObject({ code: 'unauthenticated' });
    expect(contextOptions(tls).minVersion).toBe('TLSv1.3');
  });
});
