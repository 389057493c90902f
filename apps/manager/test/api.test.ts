import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ENDPOINTS, Problem, type Endpoint, type Operation } from '@skep/contract';
import { isSwarmError } from '@skep/kernel';

import { CONTROLLERS } from '../src/app.module.ts';
import { OPERATION_KEY } from '../src/common/endpoint.decorator.ts';
import { FakeCluster } from './fake-cluster.ts';
import { TestEdge } from './test-edge.ts';

const WEB = {
  name: 'web',
  task: { container: { image: 'nginx:1.27' } },
  mode: { type: 'replicated' as const, replicas: 3 },
};

let cluster: FakeCluster;
let edge: TestEdge;
let admin: Record<string, string>;

beforeAll(async () => {
  cluster = new FakeCluster();
  edge = await TestEdge.start(cluster.first);
  admin = await edge.bearer('admin');
});

afterAll(async () => {
  await edge.stop();
});

test('every operation of the table has one handler', () => {
  const handled = CONTROLLERS.flatMap((controller) => {
    const methods = Object.getOwnPropertyNames(controller.prototype) as (keyof typeof controller.prototype)[];
    return methods.flatMap((name) => {
      const operation: unknown = Reflect.getMetadata(OPERATION_KEY, controller.prototype[name]);
      return typeof operation === 'string' ? [operation] : [];
    });
  });
  expect(handled.sort()).toEqual(Object.keys(ENDPOINTS).sort());
});

describe('bad input', () => {
  const hostile: readonly (string | undefined)[] = [
    undefined,
    '',
    'null',
    '[]',
    '42',
    '"text"',
    '{',
    '{"__proto__":{"x":1}}',
    '{"unknown":1}',
    `{"name":"${'a'.repeat(100_000)}"}`,
    '{"spec":{"name":[[[[]]]]},"replicas":-1,"source":5,"kind":"stack"}',
  ];

  test.each(Object.keys(ENDPOINTS) as Operation[])('%s never answers 500', async (operation) => {
    const endpoint: Endpoint = ENDPOINTS[operation];
    const refs = ['nothing', '%00', '..%2f..%2fetc', 'ä'.repeat(80), "x' OR 1=1"];
    for (const [index, ref] of refs.slice(0, endpoint.path.includes(':') ? refs.length : 1).entries()) {
      const path = `/api/v1${endpoint.path.replace(/:\w+/g, encodeURI(ref))}`;
      for (const raw of endpoint.method === 'GET' || index > 0 ? [undefined] : hostile) {
        const answer = await edge.ask(endpoint.method, `${path}?limit=zz&nope=1`, {
          headers: admin,
          ...(raw === undefined ? {} : { raw }),
        });
        expect([answer.status, path, raw]).not.toEqual([500, path, raw]);
        if (answer.status >= 400) {
          expect(Problem.safeParse(answer.json).success).toBe(true);
          expect(answer.headers.get('content-type')).toContain('application/problem+json');
        }
      }
    }
  });

  test('malformed JSON is told with its place', async () => {
    const answer = await edge.ask('POST', '/api/v1/services', {
      raw: '{"name": "web",\n  oops}',
      headers: admin,
    });
    expect(answer.status).toBe(400);
    expect(edge.problem(answer).detail).toMatch(/not valid JSON: line 2, column 3/);
  });

  test('a body over 4 MiB is too large, and nothing of it is kept', async () => {
    const answer = await edge.ask('POST', '/api/v1/services', {
      raw: `"${'x'.repeat(10_000_000)}"`,
      headers: admin,
    });
    expect([answer.status, edge.problem(answer).code]).toEqual([413, 'too_large']);
  });

  test('each refused field is named, unknown keys too', async () => {
    const answer = await edge.ask('POST', '/api/v1/services', {
      headers: admin,
      body: { ...WEB, name: 'no spaces', replica: 1, mode: { type: 'replicated', replicas: -1 } },
    });
    expect(answer.status).toBe(400);
    expect(edge.problem(answer).errors?.map(({ path, code }) => [path, code])).toEqual([
      ['name', 'invalid_format'],
      ['mode.replicas', 'too_small'],
      ['replica', 'unknown_key'],
    ]);
  });

  test('an unknown address is not found', async () => {
    const answer = await edge.ask('GET', '/api/v1/nothing', { headers: admin });
    expect([answer.status, edge.problem(answer).code]).toEqual([404, 'not_found']);
  });
});

describe('services', () => {
  test('are created, read, scaled, changed in part, rolled back and removed', async () => {
    const client = edge.client(admin);
    const created = await client.call('createService', { body: WEB });
    expect(created.item.tasks).toEqual({ running: 0, desired: 3 });
    expect(created.rev).toBe(created.item.version);
    await client.call('scaleService', { params: { service: 'web' }, body: { replicas: 5 } });
    const patched = await client.call('patchService', {
      params: { service: created.item.id.slice(0, 6) },
      body: { task: { container: { image: 'nginx:1.28' } }, labels: { tier: 'front' } },
    });
    expect(patched.item.spec).toMatchObject({
      labels: { tier: 'front' },
      mode: { replicas: 5 },
      task: { container: { image: 'nginx:1.28' } },
    });
    const back = await client.call('rollbackService', { params: { service: 'web' } });
    expect(back.item.spec.task.container.image).toBe('nginx:1.27');
    const { items } = await client.call('listServices', { query: { name: 'we', label: ['nope'] } });
    expect(items).toEqual([]);
    await client.call('removeService', { params: { service: 'web' } });
    await expect(client.call('getService', { params: { service: 'web' } })).rejects.toMatchObject({
      code: 'not_found',
      message: 'service web not found',
    });
  });

  test('a name that is taken, a version that moved on and a port that clashes are told precisely', async () => {
    const client = edge.client(admin);
    const port = { protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' } as const;
    const { item } = await client.call('createService', {
      body: { ...WEB, name: 'one', endpoint: { ports: [port] } },
    });
    await expect(client.call('createService', { body: { ...WEB, name: 'one' } })).rejects.toMatchObject({
      code: 'name_conflict',
    });
    await client.call('scaleService', { params: { service: 'one' }, body: { replicas: 4 } });
    const stale = await edge.ask('PUT', '/api/v1/services/one', {
      headers: { ...admin, 'if-match': `"${String(item.version)}"` },
      body: { ...WEB, name: 'one' },
    });
    expect([stale.status, edge.problem(stale).code]).toEqual([409, 'version_conflict']);
    const clash = await edge.ask('POST', '/api/v1/services', {
      headers: admin,
      body: { ...WEB, name: 'two', endpoint: { ports: [port] } },
    });
    expect(clash.status).toBeGreaterThanOrEqual(400);
    expect(edge.problem(clash).detail).toMatch(/8080/);
    expect((await client.call('listServices', { query: { name: '=two' } })).items).toEqual([]);
  });

  test('a plan tells what would happen and changes nothing', async () => {
    const client = edge.client(admin);
    await client.call('createService', { body: { ...WEB, name: 'planned' } });
    const rev = cluster.logIndex;
    const plan = await client.call('createPlan', {
      body: { kind: 'scale', service: 'planned', replicas: 10 },
    });
    expect(plan.actions).toMatchObject([
      { op: 'update', name: 'planned', changes: [{ path: 'mode.replicas', before: 3, after: 10 }] },
    ]);
    expect(plan.impact).toEqual({ tasksStarted: 7, tasksRestarted: 0, tasksStopped: 0 });
    const blocked = await client.call('createPlan', {
      body: { kind: 'service', spec: { ...WEB, name: 'planned' } },
    });
    expect(blocked.blockers).toHaveLength(1);
    expect(cluster.logIndex).toBe(rev);
  });
});

describe('stacks', () => {
  const source = `# kept word for word
services:
  app:
    image: busybox:1
    networks: [back]
    deploy:
      replicas: 2
networks:
  back: {}
`;

  test('are deployed in one step, found again with their text, changed by plan and removed', async () => {
    const client = edge.client(admin);
    const plan = await client.call('planStack', { params: { stack: 'shop' }, body: { source } });
    expect(plan.blockers).toEqual([]);
    const deployed = await client.call('deployStack', {
      params: { stack: 'shop' },
      body: { source, message: 'first', planId: plan.planId },
    });
    expect(deployed.plan.actions.map(({ kind, op, name }) => `${op} ${kind} ${name}`).sort()).toEqual([
      'create network shop_back',
      'create service shop_app',
    ]);
    expect(deployed.item).toMatchObject({ name: 'shop', revision: 1, services: 1, tasks: { desired: 2 } });
    const text = await client.call('getStackSource', { params: { stack: 'shop' } });
    expect([text.source, text.message]).toEqual([source, 'first']);

    const changed = source.replace('busybox:1', 'busybox:2');
    const next = await client.call('planStack', { params: { stack: 'shop' }, body: { source: changed } });
    expect(next.actions.find(({ kind }) => kind === 'service')).toMatchObject({
      op: 'update',
      changes: [
        { path: 'labels.com.docker.stack.image' },
        { path: 'task.container.image', before: 'busybox:1', after: 'busybox:2' },
      ],
      tasksRestarted: 2,
    });
    await expect(
      client.call('deployStack', {
        params: { stack: 'shop' },
        body: { source: changed, planId: plan.planId },
      }),
    ).rejects.toMatchObject({ code: 'version_conflict' });
    await client.call('removeStack', { params: { stack: 'shop' } });
    expect((await client.call('listServices', { query: { stack: 'shop' } })).items).toEqual([]);
  });

  test('errors of the text stand at line and column, and nothing is done', async () => {
    const bad = 'services:\n  web:\n    image: nginx\n    build: .\n   x: 1\n';
    const rev = cluster.logIndex;
    const answer = await edge.ask('PUT', '/api/v1/stacks/bad', { headers: admin, body: { source: bad } });
    expect(answer.status).toBe(400);
    const { errors } = edge.problem(answer);
    expect(errors?.[0]?.line).toBeGreaterThan(0);
    expect(errors?.[0]?.column).toBeGreaterThan(0);
    const refused = await edge.ask('PUT', '/api/v1/stacks/bad', {
      headers: admin,
      body: { source: 'services:\n  web:\n    image: nginx\n    nonsense: 1\n' },
    });
    expect(edge.problem(refused).errors).toMatchObject([{ line: 4, column: 5 }]);
    expect(edge.problem(refused).detail).toMatch(/line 4, column 5/);
    expect(cluster.first.view((tx) => tx.byName('stack', 'bad'))).toBeUndefined();
    // Two refusals may be on record in the audit; nothing else is.
    expect(cluster.logIndex - rev).toBeLessThanOrEqual(2);
  });

  test('a text of 2 MiB is too large', async () => {
    const answer = await edge.ask('PUT', '/api/v1/stacks/big', {
      headers: admin,
      body: { source: `# ${'x'.repeat(2 * 1024 * 1024)}` },
    });
    expect([answer.status, edge.problem(answer).code]).toEqual([413, 'too_large']);
  });
});

describe('what must not leave', () => {
  test('secrets, keys and hashes are in no answer and in no log line', async () => {
    const client = edge.client(admin);
    const canary = 'CANARY-secret-value';
    const password = 'CANARY-password-1';
    await client.call('createSecret', {
      body: { name: 'db', data: Buffer.from(canary).toString('base64') },
    });
    await client.call('createUser', { body: { name: 'grace', role: 'viewer', password } });
    await edge.ask('POST', '/api/v1/session', { body: { username: 'grace', password } });
    const told: string[] = [];
    for (const [operation, endpoint] of Object.entries<Endpoint>(ENDPOINTS)) {
      if (endpoint.method === 'GET' && operation !== 'getLogs') {
        const path = endpoint.path.replace(':secret', 'db').replace(':user', 'grace').replace(/:\w+/, 'self');
        told.push((await edge.ask('GET', `/api/v1${path}`, { headers: admin })).text);
      }
    }
    const all = [...told, ...edge.logLines].join('\n');
    expect(all).toContain('"name":"grace"');
    expect(all).not.toContain('CANARY');
    expect(all).not.toContain(Buffer.from(canary).toString('base64'));
    expect(all).not.toContain('$argon2');
  });
});

describe('the typed client', () => {
  test('throws what the manager answered', async () => {
    const failure: unknown = await edge
      .client(admin)
      .call('getNode', { params: { node: 'nowhere' } })
      .catch((error: unknown) => error);
    expect(isSwarmError(failure, 'not_found')).toBe(true);
  });

  test('on the local socket is root of the host', async () => {
    const me = await edge.local().call('getMe');
    expect(me).toMatchObject({ principal: 'local:root@manager-1', role: 'admin', via: 'local' });
  });
});

test('nodes: labels by merge patch, drain, role', async () => {
  const client = edge.client(admin);
  await client.call('patchNode', { params: { node: 'self' }, body: { labels: { zone: 'a', disk: 'ssd' } } });
  const { item } = await client.call('patchNode', {
    params: { node: 'manager-1' },
    body: { labels: { disk: null }, availability: 'drain' },
  });
  expect(item.spec).toMatchObject({ labels: { zone: 'a' }, availability: 'drain' });
  expect((await client.call('listNodes', { query: { nodeLabel: 'zone=a' } })).items).toHaveLength(1);
  await expect(client.call('demoteNode', { params: { node: 'self' } })).rejects.toMatchObject({
    code: 'failed_precondition',
  });
});

test('health checks, metrics and the OpenAPI document', async () => {
  expect((await edge.ask('GET', '/healthz')).text).toBe('ok\n');
  expect((await edge.ask('GET', '/readyz')).status).toBe(200);
  expect((await edge.ask('GET', '/metrics')).status).toBe(401);
  expect((await edge.ask('GET', '/metrics', { headers: admin })).text).toContain(
    'skep_store_objects{kind="node"} 1',
  );
  expect((await edge.ask('GET', '/api/v1/openapi.json')).json).toMatchObject({ openapi: '3.1.0' });
});

test('lists are paged by cursor', async () => {
  const client = edge.client(admin);
  for (const name of ['p1', 'p2', 'p3']) {
    await client.call('createConfig', { body: { name, data: 'eA==' } });
  }
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.call('listConfigs', {
      query: { name: 'p', limit: 2, ...(cursor === undefined ? {} : { cursor }) },
    });
    seen.push(...page.items.map(({ spec }) => spec.name));
    cursor = page.next;
  } while (cursor !== undefined);
  expect(seen).toEqual(['p1', 'p2', 'p3']);
});
