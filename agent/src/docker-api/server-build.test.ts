import { afterEach, beforeEach, expect, test } from 'vitest';

import { Harness } from './testing/harness.ts';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  await harness.stop();
});

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const query = (values: Record<string, string>): string => new URLSearchParams(values).toString();

async function build(
  parameters: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; lines: Record<string, unknown>[] }> {
  const answer = await harness.call('POST', `/v1.44/build?${parameters}`, {
    raw: 'tar',
    headers: { 'content-type': 'application/x-tar', ...headers },
  });
  const lines = answer.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { status: answer.status, lines };
}

test('output, id and tags come in Docker’s stream', async () => {
  const { status, lines } = await build('t=a:1&t=b');
  expect(status).toBe(200);
  expect(lines).toEqual([
    { stream: 'Step 1/1 : FROM scratch\n' },
    { aux: { ID: `sha256:${'ab'.repeat(32)}` } },
    { stream: 'Successfully built abababababab\n' },
    { stream: 'Successfully tagged a:1\n' },
    { stream: 'Successfully tagged b\n' },
  ]);
});

test('a quiet build tells its id only', async () => {
  const { lines } = await build('q=1');
  expect(lines).toEqual([
    { aux: { ID: `sha256:${'ab'.repeat(32)}` } },
    { stream: `sha256:${'ab'.repeat(32)}\n` },
  ]);
});

test('a failure carries the code of the command', async () => {
  const { lines } = await build('target=broken');
  expect(lines.at(-1)).toEqual({ errorDetail: { code: 7, message: 'it broke' }, error: 'it broke' });
});

test('every parameter reaches the engine', async () => {
  const parameters = query({
    ...{
      dockerfile: 'sub/D',
      target: 'x',
      platform: 'linux/arm64',
      networkmode: 'none',
      nocache: '1',
      pull: '1',
    },
    ...{ memory: '100', memswap: '200', cpushares: '3', cpuperiod: '4', cpuquota: '5', shmsize: '6' },
    ...{ cpusetcpus: '0', cpusetmems: '0', extrahosts: 'a:1.2.3.4', remote: 'https://h/r.git#m:d' },
    ...{
      buildargs: '{"A":"1"}',
      labels: '{"l":"v"}',
      cachefrom: '["c:1","d"]',
      ulimits: '[{"Name":"nofile","Soft":1,"Hard":2}]',
    },
  });
  await build(parameters, { 'x-registry-config': encode({ 'r:5000': { username: 'u', password: 'p' } }) });
  const request = harness.engine.builds.requests[0];
  expect(request).toMatchObject({
    source: { kind: 'git', url: 'https://h/r.git#m:d' },
    ...{
      dockerfile: 'sub/D',
      target: 'x',
      platform: 'linux/arm64',
      networkMode: 'none',
      noCache: true,
      pull: true,
    },
    resources: {
      ...{ memoryBytes: 100, memorySwapBytes: 200, cpuShares: 3, cpuPeriodUs: 4, cpuQuotaUs: 5, shmBytes: 6 },
      ...{ cpusetCpus: '0', cpusetMems: '0', ulimits: [{ name: 'nofile', soft: 1, hard: 2 }] },
    },
    ...{ buildArgs: { A: '1' }, labels: { l: 'v' }, extraHosts: ['a:1.2.3.4'] },
    cacheFrom: ['c:1', 'd'],
  });
  expect(request?.credentials?.('r:5000')).toEqual({ username: 'u', password: 'p' });
  expect(request?.credentials?.('other')).toBeUndefined();
});

test.each([
  ['version=2', 501, /BuildKit is not supported/],
  ['squash=1', 400, /squash is only supported/],
  ['buildargs=%7B', 400, /error reading buildargs/],
  ['memory=much', 400, /invalid value for memory/],
  ['cachefrom=x', 400, /error reading cachefrom/],
])('%s is refused', async (parameters, status, message) => {
  const answer = await build(parameters);
  expect(answer.status).toBe(status);
  expect(String(answer.lines[0]?.['message'])).toMatch(message);
});

test('the cache is listed and pruned', async () => {
  const usage = await harness.call('GET', '/v1.44/system/df?type=build-cache');
  expect(usage.json.BuildCache).toEqual([
    expect.objectContaining({ Size: 12, UsageCount: 3, Type: 'regular' }),
  ]);
  expect((await harness.call('GET', '/v1.41/system/df')).json.BuilderSize).toBe(12);
  const prune = (filters: object): Promise<{ json: { CachesDeleted: unknown } }> =>
    harness.call(
      'POST',
      `/v1.44/build/prune?all=1&keep-storage=9&filters=${encodeURIComponent(JSON.stringify(filters))}`,
    );
  expect((await prune({})).json).toEqual({ CachesDeleted: ['cd'.repeat(32)], SpaceReclaimed: 12 });
  expect(harness.engine.builds.prunes[0]).toMatchObject({ all: true, keepBytes: 9 });
  expect((await prune({ until: { '1970-01-01T00:00:01Z': true } })).json.CachesDeleted).toBeNull();
  expect((await prune({ id: { ef: true } })).json.CachesDeleted).toBeNull();
});
