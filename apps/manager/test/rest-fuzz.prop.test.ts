import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ENDPOINTS, Problem, type Endpoint, type Operation } from '@skep/contract';

import { FakeCluster } from './fake-cluster.ts';
import { bodyOf } from './schema-arbitrary.ts';
import { TestEdge } from './test-edge.ts';

/** Requests per operation. `SKEP_FUZZ_RUNS=500` looks longer. */
const RUNS = Number(process.env['SKEP_FUZZ_RUNS'] ?? 12);

let edge: TestEdge;
let admin: Record<string, string>;
/** Operations that took at least one request: what is generated is near enough to be more than refused. */
const taken = new Set<string>();

beforeAll(async () => {
  edge = await TestEdge.start(new FakeCluster().first);
  admin = await edge.bearer('admin');
  for (const name of ['web', 'db']) {
    await edge.client(admin).call('createService', {
      body: { name, task: { container: { image: 'busybox' } }, mode: { type: 'replicated', replicas: 1 } },
    });
  }
});

afterAll(async () => {
  await edge.stop();
});

const REFS = fc.oneof(
  fc.constantFrom('web', 'db', 'worker', 'manager', 'admin', 'x', '%2e%2e', '%00', '🐝'),
  fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }),
);

function queryOf(endpoint: Endpoint): fc.Arbitrary<string> {
  const names = Object.keys((endpoint.query as { shape?: object }).shape ?? {});
  const value = fc.oneof(
    fc.constantFrom('1', '0', '-1', 'true', 'web', 'a=b', '1e9', ''),
    fc.string({ maxLength: 8, unit: 'binary' }),
  );
  return fc
    .array(fc.tuple(fc.constantFrom(...names, 'unheardOf'), value), { maxLength: 2 })
    .map((pairs) => new URLSearchParams(pairs).toString());
}

test.each(Object.keys(ENDPOINTS) as Operation[])(
  '%s answers what its schema says, or a problem document, and never 500',
  async (operation) => {
    const endpoint: Endpoint = ENDPOINTS[operation];
    const hasBody = endpoint.method !== 'GET';
    await fc.assert(
      fc.asyncProperty(
        fc.array(REFS, { minLength: 2, maxLength: 2 }),
        queryOf(endpoint),
        hasBody ? bodyOf(endpoint.body) : fc.constant(undefined),
        async (refs, query, body) => {
          const left = [...refs];
          const path = endpoint.path.replace(/:\w+/g, () => encodeURIComponent(left.shift() ?? 'x'));
          const answer = await edge.ask(endpoint.method, `/api/v1${path}${query === '' ? '' : `?${query}`}`, {
            headers: admin,
            ...(body === undefined ? {} : { body }),
          });
          if (answer.status >= 400) {
            expect(answer.headers.get('content-type')).toContain('application/problem+json');
            const problem = Problem.parse(answer.json);
            expect([answer.status, problem.code]).not.toContain('internal');
            expect(answer.status, answer.text).not.toBe(500);
            return;
          }
          expect(answer.status).toBe(endpoint.status);
          taken.add(operation);
          if (answer.status !== 204) {
            const parsed = endpoint.response.safeParse(answer.json);
            expect(parsed.error?.issues ?? []).toEqual([]);
          }
        },
      ),
      { numRuns: RUNS },
    );
  },
  60_000,
);

/** With few requests it is up to chance whether a generated name exists: only a longer look can ask for this. */
test.runIf(RUNS >= 100)('what was generated was also taken: creations, plans, patches', () => {
  for (const operation of ['createService', 'patchService', 'createPlan', 'createNetwork']) {
    expect([...taken]).toContain(operation);
  }
});
