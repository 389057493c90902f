import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { ENDPOINTS, ROLE_PERMISSIONS, type Endpoint } from '@skep/contract';
import { Role } from '@skep/model';

import { FakeCluster } from './fake-cluster.ts';
import { TestEdge, until } from './test-edge.ts';

const PASSWORD = 'correct horse battery';
const CONSOLE = { 'x-requested-with': 'console' };

let cluster: FakeCluster;
let edge: TestEdge;

beforeEach(async () => {
  cluster = new FakeCluster();
  edge = await TestEdge.start(cluster.first);
});

afterEach(async () => {
  await edge.stop();
});

function cookieOf(headers: Headers): string {
  return headers.getSetCookie()[0]?.split(';')[0] ?? '';
}

async function setUp(): Promise<string> {
  const { token } = await edge.local().call('createSetupToken');
  const answer = await edge.ask('POST', '/api/v1/bootstrap/setup', {
    body: { token, username: 'admin', password: PASSWORD },
  });
  expect(answer.status).toBe(201);
  return cookieOf(answer.headers);
}

describe('the set-up link', () => {
  test('makes the first administrator once, and signs in', async () => {
    expect((await edge.ask('GET', '/api/v1/bootstrap')).json).toMatchObject({ state: 'setup' });
    const { token, url } = await edge.local().call('createSetupToken');
    expect(url).toContain(`/setup#token=${token}`);
    const body = { token, username: 'admin', password: PASSWORD };
    const first = await edge.ask('POST', '/api/v1/bootstrap/setup', { body });
    expect(first.status).toBe(201);
    expect(first.headers.get('set-cookie')).toMatch(/^sid=\S+; Path=\/; HttpOnly; SameSite=Strict/);
    const again = await edge.ask('POST', '/api/v1/bootstrap/setup', { body: { ...body, username: 'two' } });
    expect([again.status, edge.problem(again).code]).toEqual([401, 'unauthenticated']);
    expect((await edge.ask('GET', '/api/v1/bootstrap')).json).toMatchObject({ state: 'ready' });
    const me = await edge.ask('GET', '/api/v1/me', { headers: { cookie: cookieOf(first.headers) } });
    expect(me.json).toMatchObject({ principal: 'user:admin', role: 'admin', via: 'session' });
  });

  test('is made on a manager host only', async () => {
    const answer = await edge.ask('POST', '/api/v1/bootstrap/setup-token', { headers: await edge.bearer() });
    expect(answer.status).toBe(403);
  });

  test('refuses a short password by its field', async () => {
    const { token } = await edge.local().call('createSetupToken');
    const answer = await edge.ask('POST', '/api/v1/bootstrap/setup', {
      body: { token, username: 'admin', password: 'short' },
    });
    expect(edge.problem(answer).errors).toMatchObject([{ path: 'password' }]);
    expect(answer.text).not.toContain('short"');
  });
});

describe('sessions', () => {
  test('end by signing out, everywhere', async () => {
    const cookie = await setUp();
    const gone = await edge.ask('DELETE', '/api/v1/session', { headers: { cookie, ...CONSOLE } });
    expect(gone.status).toBe(204);
    expect(gone.headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await edge.ask('GET', '/api/v1/me', { headers: { cookie } })).status).toBe(401);
  });

  test('change nothing for another site', async () => {
    const cookie = await setUp();
    const path = '/api/v1/cluster';
    const body = { name: 'mine' };
    const bare = await edge.ask('PATCH', path, { body, headers: { cookie } });
    const foreign = await edge.ask('PATCH', path, {
      body,
      headers: { cookie, ...CONSOLE, origin: 'https://evil.example' },
    });
    const own = await edge.ask('PATCH', path, { body, headers: { cookie, ...CONSOLE, origin: edge.origin } });
    expect([bare.status, foreign.status, own.status]).toEqual([403, 403, 200]);
  });

  test('a new password ends the other sessions and needs the old one', async () => {
    const cookie = await setUp();
    const other = await edge.ask('POST', '/api/v1/session', {
      body: { username: 'admin', password: PASSWORD },
    });
    const change = (current: string): Promise<{ status: number }> =>
      edge.ask('PATCH', '/api/v1/me', {
        headers: { cookie, ...CONSOLE },
        body: { password: { current, new: 'another long password' } },
      });
    expect((await change('wrong')).status).toBe(403);
    expect((await change(PASSWORD)).status).toBe(200);
    const after = await Promise.all(
      [cookie, cookieOf(other.headers)].map((one) =>
        edge.ask('GET', '/api/v1/me', { headers: { cookie: one } }),
      ),
    );
    expect(after.map(({ status }) => status)).toEqual([200, 401]);
  });

  test('are kept alive by use', async () => {
    const cookie = await setUp();
    const session = (): { id: string; expiresAtMs: number } =>
      cluster.first.view((tx) => tx.list('session')[0]!);
    const before = session().expiresAtMs - 120_000;
    cluster.commit((tx) => tx.patch('session', session().id, { expiresAtMs: before }));
    await edge.ask('GET', '/api/v1/me', { headers: { cookie } });
    await until('the session is extended', () => session().expiresAtMs > before);
  });

  test('guessing is slowed down, for the account and for the address', async () => {
    await setUp();
    const tries: number[] = [];
    for (let index = 0; index < 8; index += 1) {
      const answer = await edge.ask('POST', '/api/v1/session', {
        body: { username: 'admin', password: `wrong ${String(index)}` },
      });
      tries.push(answer.status);
      if (answer.status === 429) {
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      }
    }
    expect(tries.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    expect(tries).toContain(429);
  });

  test('an unknown name and a wrong password sound the same', async () => {
    await setUp();
    const [unknown, wrong] = await Promise.all(
      ['nobody', 'admin'].map((username) =>
        edge.ask('POST', '/api/v1/session', { body: { username, password: 'not the password' } }),
      ),
    );
    expect(edge.problem(unknown!).detail).toBe(edge.problem(wrong!).detail);
  });
});

describe('roles', () => {
  test.each(Role.options)('%s may do what the table says and nothing else', async (role) => {
    const headers = await edge.bearer(role);
    const held: readonly string[] = ROLE_PERMISSIONS[role];
    for (const [operation, endpoint] of Object.entries<Endpoint>(ENDPOINTS)) {
      if (endpoint.access === 'public' || operation === 'createSetupToken') {
        continue;
      }
      const path = `/api/v1${endpoint.path.replace(/:\w+/g, 'none')}`;
      const body = endpoint.method === 'GET' ? {} : { raw: '"no"' };
      const answer = await edge.ask(endpoint.method, path, { headers, ...body });
      const isAllowed = endpoint.access === 'signed-in' || held.includes(endpoint.access);
      expect([operation, answer.status === 403]).toEqual([operation, !isAllowed]);
    }
  });

  test('nobody does anything without a sign-in', async () => {
    for (const endpoint of Object.values<Endpoint>(ENDPOINTS)) {
      if (endpoint.access !== 'public') {
        const answer = await edge.ask(endpoint.method, `/api/v1${endpoint.path.replace(/:\w+/g, 'x')}`);
        expect([endpoint.path, answer.status]).toEqual([endpoint.path, 401]);
      }
    }
  });

  test('the last administrator stays one', async () => {
    await setUp();
    const client = edge.local();
    await expect(
      client.call('patchUser', { params: { user: 'admin' }, body: { role: 'viewer' } }),
    ).rejects.toMatchObject({ code: 'failed_precondition' });
    await expect(client.call('removeUser', { params: { user: 'admin' } })).rejects.toMatchObject({
      code: 'failed_precondition',
    });
  });
});

describe('API tokens', () => {
  test('hold no more than their owner, are listed by owner, and end at once', async () => {
    const deployer = await edge.bearer('deployer');
    const more = await edge.ask('POST', '/api/v1/tokens', {
      headers: deployer,
      body: { name: 'up', role: 'admin', days: 1 },
    });
    expect(more.status).toBe(403);
    const client = edge.local();
    const { token, item } = await client.call('createToken', {
      body: { name: 'ci', role: 'viewer', days: 1 },
    });
    const headers = { authorization: `Bearer ${token}` };
    expect((await edge.ask('GET', '/api/v1/me', { headers })).json).toMatchObject({ principal: 'token:ci' });
    await client.call('removeToken', { params: { token: item.id } });
    expect((await edge.ask('GET', '/api/v1/me', { headers })).status).toBe(401);
  });

  test('that have expired or are malformed are refused in words', async () => {
    const { token, item } = await edge
      .local()
      .call('createToken', { body: { name: 'old', role: 'viewer', days: 1 } });
    cluster.commit((tx) => tx.patch('apiToken', item.id, { expiresAtMs: 1 }));
    const expired = await edge.ask('GET', '/api/v1/me', { headers: { authorization: `Bearer ${token}` } });
    const malformed = await edge.ask('GET', '/api/v1/me', { headers: { authorization: 'Basic eDp5' } });
    expect(edge.problem(expired).detail).toContain('has expired');
    expect(edge.problem(malformed).detail).toContain('Bearer');
  });
});

test('refused changes are on record', async () => {
  const headers = await edge.bearer('viewer');
  await edge.ask('DELETE', '/api/v1/services/web', { headers });
  const records = () => cluster.first.historyAfter(0).map(({ record }) => record);
  await until('the refusal is recorded', () =>
    records().some((record) => record.type === 'audit' && record.outcome === 'denied'),
  );
  expect(records().find((record) => record.type === 'audit' && record.outcome === 'denied')).toMatchObject({
    action: 'service.remove',
    target: { kind: 'service', name: 'web' },
    actor: { via: 'api', from: '127.0.0.1' },
  });
});
