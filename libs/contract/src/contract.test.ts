import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';
import type { z } from 'zod';

import { ERROR_CODES, SwarmError, isSwarmError } from '@skep/kernel';

import {
  API_PREFIX,
  ENDPOINTS,
  PERMISSIONS,
  ROLE_PERMISSIONS,
  createClient,
  fromProblem,
  toOpenApi,
  toProblem,
  type Endpoint,
  type HttpRequest,
} from './index.ts';

const rows = Object.entries<Endpoint>(ENDPOINTS);

describe('the table', () => {
  test('has each method and path once', () => {
    const keys = rows.map(([, { method, path }]) => `${method} ${path.replace(/:\w+/g, ':')}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.each(rows)('%s names the parameters of its path, and its example is valid', (_name, endpoint) => {
    const named = [...endpoint.path.matchAll(/:(\w+)/g)].map(([, name]) => name);
    expect(Object.keys((endpoint.params as z.ZodObject).shape)).toEqual(named);
    if (endpoint.example !== undefined) {
      expect(endpoint.body.safeParse(endpoint.example).error?.issues).toBeUndefined();
    }
  });

  test.each(rows)('%s refuses unknown keys', (_name, endpoint) => {
    expect(endpoint.query.safeParse({ nonsense: '1' }).success).toBe(false);
    expect(endpoint.params.safeParse({ nonsense: '1' }).success).toBe(false);
  });
});

test('the checked-in OpenAPI document is the one of the table', () => {
  const path = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));
  const text = `${JSON.stringify(toOpenApi(), null, 2)}\n`;
  if (process.env['UPDATE_GOLDEN'] === '1' || !existsSync(path)) {
    writeFileSync(path, text);
  }
  expect(readFileSync(path, 'utf8') === text, 'run UPDATE_GOLDEN=1 vitest run libs/contract').toBe(true);
});

test('every reference of the OpenAPI document points at a schema', () => {
  const document = toOpenApi() as { components: { schemas: Record<string, unknown> } };
  const references = JSON.stringify(document).match(/"#\/components\/schemas\/[^"]+"/g) ?? [];
  expect(references.length).toBeGreaterThan(20);
  for (const reference of references) {
    expect(Object.keys(document.components.schemas)).toContain(reference.slice(22, -1));
  }
});

describe('roles', () => {
  test('grow from viewer to admin, and admin holds everything', () => {
    const { viewer, operator, deployer, admin } = ROLE_PERMISSIONS;
    expect(operator).toEqual(expect.arrayContaining([...viewer]));
    expect(deployer).toEqual(expect.arrayContaining([...operator]));
    expect([...admin].sort()).toEqual([...PERMISSIONS].sort());
  });

  test.each(['joinToken.read', 'user.write', 'audit.read', 'secret.write'] as const)(
    'a viewer does not hold %s',
    (permission) => {
      expect(ROLE_PERMISSIONS.viewer).not.toContain(permission);
    },
  );
});

describe('problems', () => {
  test.each(ERROR_CODES)('%s crosses the wire whole', (code) => {
    const error = new SwarmError(code, 'what is wrong', {
      fields: [{ path: 'spec.name', code: 'required', message: 'must be given' }],
      details: { serviceId: 'x' },
    });
    const problem = toProblem(error, { requestId: 'r1', instance: '/api/v1/services', rev: 5 });
    const back = fromProblem(problem.status, JSON.parse(JSON.stringify(problem)));
    expect([back.code, back.message, back.fields]).toEqual([code, error.message, error.fields]);
    expect(back.details).toEqual({ serviceId: 'x', requestId: 'r1' });
  });

  test('diagnostics of a text keep line and column', () => {
    const diagnostics = [{ path: 'services.web', code: 'compose', message: 'no', line: 3, column: 5 }];
    const problem = toProblem(new SwarmError('invalid_argument', 'no', { details: { diagnostics } }), {
      requestId: 'r',
    });
    expect(problem.errors).toEqual(diagnostics);
    expect(problem.details).toBeUndefined();
    expect(fromProblem(400, problem).details['diagnostics']).toEqual(diagnostics);
  });

  test.each([
    [502, 'unavailable'],
    [404, 'not_found'],
    [418, 'internal'],
  ] as const)('an answer %i that is no problem document becomes %s', (status, code) => {
    expect(fromProblem(status, '<html>').code).toBe(code);
  });
});

describe('the client', () => {
  function recording(
    status: number,
    body: unknown,
  ): { requests: HttpRequest[]; client: ReturnType<typeof createClient> } {
    const requests: HttpRequest[] = [];
    const client = createClient(
      (request) => {
        requests.push(request);
        return Promise.resolve({ status, body: typeof body === 'string' ? body : JSON.stringify(body) });
      },
      { authorization: 'Bearer x' },
    );
    return { requests, client };
  }

  test('fills in path, query and body', async () => {
    const { requests, client } = recording(200, { items: [], rev: 3 });
    await client.call('listTasks', { query: { service: ['a', 'b'], upToDate: true, limit: 5 } });
    expect(requests[0]).toMatchObject({
      method: 'GET',
      path: `${API_PREFIX}/tasks?service=a&service=b&upToDate=true&limit=5`,
      headers: { authorization: 'Bearer x' },
    });
    const removal = recording(200, { rev: 4 });
    await removal.client.call('removeService', { params: { service: 'a/b c' } });
    expect(removal.requests[0]?.path).toBe(`${API_PREFIX}/services/a%2Fb%20c`);
  });

  test('refuses an empty path parameter before anything is sent', async () => {
    const { requests, client } = recording(200, {});
    await expect(client.call('getService', { params: { service: '' } })).rejects.toThrow(
      /service must be given/,
    );
    expect(requests).toEqual([]);
  });

  test('accepts what a newer manager adds, and refuses what is not the promised form', async () => {
    const newer = recording(200, { rev: 4, item: undefined, extra: 1 });
    expect(await newer.client.call('removeService', { params: { service: 'a' } })).toMatchObject({ rev: 4 });
    const me = {
      principal: 'user:a',
      name: 'a',
      role: 'admin',
      via: 'session',
      permissions: [],
      addedLater: true,
    };
    expect(await recording(200, me).client.call('getMe')).toMatchObject({ name: 'a' });
    const broken: unknown = await recording(200, { nothing: 1 })
      .client.call('getMe')
      .catch((error: unknown) => error);
    expect(isSwarmError(broken, 'data_loss')).toBe(true);
  });

  test('answers nothing for "no content"', async () => {
    await expect(recording(204, '').client.call('signOut')).resolves.toBeUndefined();
  });
});
