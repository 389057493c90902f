import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { callSocket, mustCall, run, waitUntil, type LocalAnswer } from '@skep/lab';

import { LabFixture } from './lab-fixture.ts';
import { readmeCurls } from './readme-examples.ts';

/** The REST API from outside, its history, and what it says to bad input. */
const fixture = new LabFixture({ hosts: 2, managers: 1 });
let folder = '';

interface Answer {
  readonly status: number;
  readonly body: {
    readonly code?: string;
    readonly detail?: string;
    readonly errors?: readonly {
      readonly path: string;
      readonly line?: number;
      readonly column?: number;
      readonly message: string;
    }[];
  };
  readonly type: string;
}

/** Any request over the network, from the client's side, with the administrator's token unless another is given. */
async function curl(path: string, args: readonly string[] = [], token?: string): Promise<Answer> {
  const bearer = token ?? readFileSync(fixture.report.admin.tokenFile, 'utf8').trim();
  const result = await fixture.client(
    'curl',
    '-s',
    '--max-time',
    '20',
    '--cacert',
    join(folder, 'ca.pem'),
    '-H',
    `Authorization: Bearer ${bearer}`,
    '-w',
    '\n%{http_code} %{content_type}',
    ...args,
    `https://10.88.0.1:8377${path}`,
  );
  const lines = result.stdout.split('\n');
  const [status = '0', type = ''] = (lines.pop() ?? '').split(' ');
  return { status: Number(status), type, body: JSON.parse(lines.join('\n') || 'null') as Answer['body'] };
}

const json = (body: unknown): string[] => [
  '-H',
  'Content-Type: application/json',
  '-d',
  typeof body === 'string' ? body : JSON.stringify(body),
];
const service = (over: Record<string, unknown> = {}, container: Record<string, unknown> = {}) => ({
  name: 'bad',
  mode: { type: 'replicated', replicas: 1 },
  task: { container: { image: fixture.image, args: ['sleep', '1000'], ...container } },
  ...over,
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skep-api-'));
  const cluster = (await mustCall(fixture.lab.host('h1').paths.apiSocket, {
    method: 'GET',
    path: '/api/v1/cluster',
  })) as { ca: { certificatePem: string } };
  writeFileSync(join(folder, 'ca.pem'), cluster.ca.certificatePem);
  // The first start of PostgreSQL takes seconds, and nothing waits for it but those who ask for history.
  await waitUntil('the history is there', async () => (await curl('/api/v1/audit')).status === 200, {
    timeoutMs: 60_000,
    everyMs: 200,
  });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('README', () => {
  test('every curl example works as written', async () => {
    const env = {
      ...process.env,
      API: 'https://10.88.0.1:8377',
      TOKEN: readFileSync(fixture.report.admin.tokenFile, 'utf8').trim(),
      IMAGE: fixture.image,
    };
    const examples = readmeCurls();
    expect(examples.length).toBeGreaterThan(5);
    for (const example of examples) {
      const result = await run(
        fixture.lab.client(['sh', '-c', example.replace('curl -s', 'curl -sS --fail-with-body')]),
        { env, cwd: folder },
      );
      expect(result.exitCode, `${example}\n${result.stdout}${result.stderr}`).toBe(0);
    }
  });

  test('the OpenAPI document names every path and has its schemas', async () => {
    const { status, body } = await curl('/api/v1/openapi.json');
    expect(status).toBe(200);
    const document = body as unknown as {
      openapi: string;
      paths: Record<string, unknown>;
      components: { schemas: object };
    };
    expect(document.openapi).toMatch(/^3\./);
    expect(Object.keys(document.paths).length).toBeGreaterThan(30);
  });
});

describe('bad input gets a precise error and changes nothing', () => {
  test.each<[string, () => Promise<Answer>, number, RegExp]>([
    ['malformed JSON', () => curl('/api/v1/services', json('{"name": ')), 400, /JSON/],
    ['an unknown field', () => curl('/api/v1/services', json(service({ colour: 'red' }))), 400, /colour/],
    ['a name with blanks', () => curl('/api/v1/services', json(service({ name: 'my web' }))), 400, /name/],
    [
      'negative replicas',
      () => curl('/api/v1/services', json(service({ mode: { type: 'replicated', replicas: -1 } }))),
      400,
      /replicas/,
    ],
    [
      'an unknown network',
      () =>
        curl(
          '/api/v1/services',
          json(service({ task: { container: { image: 'x' }, networks: [{ target: 'nowhere' }] } })),
        ),
      404,
      /network nowhere not found/,
    ],
    [
      'a constraint that is none',
      () =>
        curl(
          '/api/v1/services',
          json(
            service({
              task: { container: { image: 'x' }, placement: { constraints: ['node.colour==red'] } },
            }),
          ),
        ),
      400,
      /node\.colour/,
    ],
    [
      'a body of 10 MB',
      () => {
        writeFileSync(join(folder, 'big'), `{"name":"${'x'.repeat(10_000_000)}"}`);
        return curl('/api/v1/services', [
          '-H',
          'Content-Type: application/json',
          '--data-binary',
          `@${join(folder, 'big')}`,
        ]);
      },
      413,
      /large|limit/i,
    ],
    ['a wrong token', () => curl('/api/v1/nodes', [], 'not-a-token'), 401, /./],
    ['an unknown path', () => curl('/api/v1/nothing'), 404, /./],
    ['an unknown service', () => curl('/api/v1/services/nothing'), 404, /service nothing not found/],
    [
      'a stack with an error',
      () =>
        curl('/api/v1/stacks/bad', [
          '-X',
          'PUT',
          ...json({ source: 'services:\n  web:\n    image: a\n    build: .\n' }),
        ]),
      400,
      /./,
    ],
    [
      'malformed YAML',
      () => curl('/api/v1/stacks/bad', ['-X', 'PUT', ...json({ source: 'services:\n  web: {image: a\n' })]),
      400,
      /./,
    ],
  ])('%s', async (_name, request, status, text) => {
    const answer = await request();
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status });
    expect(answer.type).toContain('application/problem+json');
    expect(`${answer.body.detail ?? ''} ${JSON.stringify(answer.body.errors ?? [])}`).toMatch(text);
  });

  test("a stack's errors come with line and column", async () => {
    const { body } = await curl('/api/v1/stacks/bad', [
      '-X',
      'PUT',
      ...json({ source: 'services:\n  web:\n    image: a\n    build: .\n' }),
    ]);
    expect(body.errors?.[0]).toMatchObject({ line: 4, column: 5 });
  });

  test('a name and a port that are taken', async () => {
    const spec = service({
      name: 'first',
      endpoint: { ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 9090, publishMode: 'ingress' }] },
    });
    expect((await curl('/api/v1/services', json(spec))).status).toBe(201);
    const { endpoint: _ports, ...bare } = spec as typeof spec & { endpoint?: unknown };
    const name = await curl('/api/v1/services', json(bare));
    expect(name.status).toBe(409);
    expect(name.body.detail).toContain('first');
    const port = await curl('/api/v1/services', json({ ...spec, name: 'second' }));
    expect(port.status).toBeGreaterThanOrEqual(400);
    expect(port.status).toBeLessThan(500);
    expect(port.body.detail).toContain('9090');
    expect((await curl('/api/v1/services/second')).status).toBe(404);
    await curl('/api/v1/services/first', ['-X', 'DELETE']);
  });

  test('an impossible constraint and an unknown image: the task says why', async () => {
    await curl(
      '/api/v1/services',
      json(
        service({
          name: 'stuck',
          task: {
            container: { image: fixture.image },
            placement: { constraints: ['node.labels.zone==nowhere'] },
          },
        }),
      ),
    );
    await curl(
      '/api/v1/services',
      json(service({ name: 'missing' }, { image: '10.88.0.250:5000/no/such:image' })),
    );
    const errorOf = async (name: string) => {
      const { body } = await curl(`/api/v1/tasks?service=${name}`);
      return (body as unknown as { items: { status: { state: string; err?: string } }[] }).items
        .map(({ status }) => `${status.state} ${status.err ?? ''}`)
        .join('\n');
    };
    await waitUntil(
      'both say why',
      async () =>
        /pending.*constraint/.test(await errorOf('stuck')) &&
        /rejected.*(not found|No such image)/i.test(await errorOf('missing')),
      { timeoutMs: 30_000, everyMs: 300 },
    );
    for (const name of ['stuck', 'missing']) {
      await curl(`/api/v1/services/${name}`, ['-X', 'DELETE']);
    }
  });

  test('a wrong and a foreign join token', async () => {
    const join_ = async (token: string): Promise<LocalAnswer> => {
      // A swarmd of its own on h2's place is not at hand: h2 is a member, so the first refusal is that one.
      return callSocket(fixture.lab.host('h2').paths.apiSocket, {
        method: 'POST',
        path: '/local/v1/join',
        body: { remoteAddrs: ['10.88.0.1:2377'], token },
      });
    };
    const answer = await join_('SWMTKN-1-nonsense');
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).not.toBe(500);
  });
});

describe('history', () => {
  test('audit says who did what, from where, with what outcome', async () => {
    await curl('/api/v1/services', json(service({ name: 'audited' })));
    await curl('/api/v1/services', json(service({ name: 'audited' })));
    interface Entry {
      readonly action: string;
      readonly outcome: string;
      readonly actor: { readonly name: string; readonly from: string };
    }
    const find = async () =>
      ((await curl('/api/v1/audit?target=audited')).body as unknown as { items?: Entry[] }).items ?? [];
    await waitUntil('two audit entries', async () => (await find()).length >= 2, {
      timeoutMs: 15_000,
      everyMs: 200,
    });
    const entries = await find();
    expect(entries.map(({ outcome }) => outcome).sort()).toEqual(['failed', 'ok']);
    expect(entries[0]?.action).toBe('service.create');
    expect(entries[0]?.actor.from).toBe('10.88.0.200');
  });

  test('with the database stopped the cluster works, and catches up after', async () => {
    const signalPostgres = async (signal: string): Promise<void> => {
      const pidFile = join(fixture.lab.host('h1').paths.dataRoot, 'postgres', 'postmaster.pid');
      const found = await run([
        'find',
        join(fixture.lab.host('h1').paths.dataRoot, 'postgres'),
        '-name',
        'postmaster.pid',
      ]);
      const file = existsSync(pidFile) ? pidFile : found.stdout.trim();
      const script = `P=$(head -1 ${file}); kill -${signal} $P $(ps -o pid= --ppid $P)`;
      const result = await run(fixture.lab.host('h1').enter(['sh', '-c', script]));
      expect(result.exitCode, result.stderr).toBe(0);
    };
    await signalPostgres('STOP');
    try {
      expect((await curl('/api/v1/services', json(service({ name: 'dark' })))).status).toBe(201);
      await waitUntil('audit says that it cannot', async () => (await curl('/api/v1/audit')).status === 503, {
        timeoutMs: 20_000,
        everyMs: 300,
      });
    } finally {
      await signalPostgres('CONT');
    }
    await waitUntil(
      'the entry of the dark time is there',
      async () => {
        const { body } = await curl('/api/v1/audit?target=dark');
        return (body as unknown as { items?: unknown[] }).items?.length === 1;
      },
      { timeoutMs: 30_000, everyMs: 300 },
    );
    await curl('/api/v1/services/dark', ['-X', 'DELETE']);
    await curl('/api/v1/services/audited', ['-X', 'DELETE']);
  });
});
