import { connect } from 'node:net';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Harness } from './testing/harness.ts';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  await harness.stop();
});

describe('every answer', () => {
  test('tells the version, the system and the server', async () => {
    const answer = await harness.call('GET', '/_ping');
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('OK');
    expect(answer.headers).toMatchObject({
      'api-version': '1.51',
      ostype: 'linux',
      'docker-experimental': 'false',
      server: 'Skep/0.1.0 (linux)',
      swarm: 'inactive',
      'builder-version': '1',
    });
  });

  test('HEAD has the headers and no body', async () => {
    const answer = await harness.call('HEAD', '/_ping');
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(answer.headers['api-version']).toBe('1.51');
  });
});

describe('refusals', () => {
  test.each([
    ['GET', '/nosuch', 404, 'page not found'],
    ['GET', '/v1.41/containers', 404, 'page not found'],
    ['PATCH', '/containers/json', 404, 'page not found'],
    ['GET', '/containers/%E0%A4%A/json', 404, 'page not found'],
    ['GET', '/v1.23/info', 400, /too old/],
    ['GET', '/v1.99/info', 400, /too new/],
    ['GET', '/containers/nosuch/json', 404, 'No such container: nosuch'],
    ['GET', '/images/nosuch/json', 404, 'No such image: nosuch:latest'],
    ['GET', '/exec/nosuch/json', 404, 'No such exec instance: nosuch'],
    ['GET', '/networks/nosuch', 404, 'network nosuch not found'],
    ['GET', '/volumes/nosuch', 404, 'get nosuch: no such volume'],
    ['POST', '/build?version=2', 501, /BuildKit is not supported/],
    ['GET', '/images/search', 400, /term: the text to search for is missing/],
    ['GET', '/images/search?term=x&limit=101', 400, /limit: 101 is outside/],
    ['GET', '/images/search?term=x&filters={"colour":["red"]}', 400, "invalid filter 'colour'"],
    ['POST', '/auth', 400, /EOF while reading request body/],
    ['GET', '/containers/json?filters=nonsense', 400, /invalid filter/],
    ['GET', '/containers/json?filters={"colour":["red"]}', 400, "invalid filter 'colour'"],
    ['GET', '/containers/json?limit=many', 400, /invalid value for limit/],
    ['GET', '/events?since=whenever', 400, /failed to parse value/],
  ])('%s %s', async (method, path, status, message) => {
    const answer = await harness.call(method, path);
    expect(answer.status).toBe(status);
    expect(answer.json.message).toMatch(message);
  });

  test('a login is checked with the registry it names', async () => {
    const login = (password: string) =>
      harness.call('POST', '/auth', {
        body: { username: 'me', password, serveraddress: 'https://registry.example/v1/' },
      });
    const accepted = await login('right');
    expect([accepted.status, accepted.json.Status]).toEqual([200, 'Login Succeeded']);
    const refused = await login('wrong');
    expect([refused.status, refused.json.message]).toEqual([
      401,
      'login attempt to registry.example failed with status: 401 Unauthorized',
    ]);
  });

  test.each([
    ['{', 'invalid JSON: '],
    ['', 'invalid JSON: got EOF while reading request body'],
    ['[]', 'invalid request body: '],
    ['"text"', 'invalid request body: '],
    ['{"Image":7}', 'Image: '],
    ['{"Image":"busybox","HostConfig":{"Memory":"much"}}', 'HostConfig.Memory: '],
    [
      '{"Image":"busybox","HostConfig":{"DeviceRequests":[{}]}}',
      'HostConfig.DeviceRequests is not supported',
    ],
    ['{"Image":"busybox","HostConfig":{"Binds":["a:relative"]}}', 'mount path must be absolute'],
    ['{}', 'no image specified'],
  ])('a create body of %s', async (raw, message) => {
    const answer = await harness.call('POST', '/containers/create', { raw });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).not.toBe(500);
    expect(answer.json.message).toContain(message);
  });

  test('a body is never repeated in an error: it may hold secrets', async () => {
    const answer = await harness.call('POST', '/secrets/create', { raw: '{"Name":"x","Data":hunter2}' });
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain('hunter2');
  });

  test('10 MB of JSON are refused with the limit, and the server goes on', async () => {
    const raw = `{"Image":"${'x'.repeat(10 * 1024 * 1024)}"}`;
    const answer = await harness.call('POST', '/containers/create', { raw }).catch((error: unknown) => {
      // The connection may be closed while the client still writes.
      expect((error as NodeJS.ErrnoException).code).toMatch(/EPIPE|ECONNRESET/);
      return undefined;
    });
    if (answer !== undefined) {
      expect(answer.status).toBe(413);
      expect(answer.json.message).toContain('larger than 4 MiB');
    }
    expect((await harness.call('GET', '/_ping')).status).toBe(200);
  });

  test('a body without a declared length is bounded too', async () => {
    const answer = await rawCall(
      harness.socketPath,
      'POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `500000\r\n${'x'.repeat(0x50_00_00)}\r\n0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('what is not HTTP gets 400 and does not stop the server', async () => {
    expect(await rawCall(harness.socketPath, 'GARBAGE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect((await harness.call('GET', '/_ping')).status).toBe(200);
  });
});

/** Sends bytes and answers what came back until the server closed the connection. */
function rawCall(socketPath: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(received);
    });
    socket.write(bytes);
  });
}
