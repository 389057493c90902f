import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { FakeCluster } from './fake-cluster.ts';
import { TestEdge } from './test-edge.ts';

const root = mkdtempSync(join(tmpdir(), 'skep-console-'));
const FILES: Readonly<Record<string, string>> = {
  'out/index.html': '<p>home</p>',
  'out/services.html': '<p>services</p>',
  'out/services.html.br': 'brotli',
  'out/services.html.gz': 'gzip',
  'out/404.html': '<p>no such page</p>',
  'out/_next/static/app.js': 'new()',
  'out/csp.json': JSON.stringify({ build: 'b42', pages: { 'services.html': ['sha256-abc='] } }),
  'prev/_next/static/old.js': 'old()',
  'secret.txt': 'CANARY',
};

let edge: TestEdge;

beforeAll(async () => {
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  edge = await TestEdge.start(new FakeCluster().first, {
    config: { consoleDir: join(root, 'out'), consolePrevDir: join(root, 'prev') },
  });
});

afterAll(async () => {
  await edge.stop();
  rmSync(root, { recursive: true, force: true });
});

test('pages have clean addresses, a policy with their scripts, and are asked for anew', async () => {
  const page = await edge.ask('GET', '/services', { headers: { 'accept-encoding': 'identity' } });
  expect([page.status, page.text]).toEqual([200, FILES['out/services.html']]);
  expect(page.headers.get('cache-control')).toBe('no-cache');
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self' 'sha256-abc='; ");
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  const etag = page.headers.get('etag') ?? '';
  const again = await edge.ask('GET', '/services', { headers: { 'if-none-match': etag } });
  expect(again.status).toBe(304);
  expect((await edge.ask('GET', '/')).text).toBe(FILES['out/index.html']);
});

test('what is not there is the page 404.html with the status 404', async () => {
  const missing = await edge.ask('GET', '/nowhere');
  expect([missing.status, missing.text]).toEqual([404, FILES['out/404.html']]);
});

test.each([
  ['br, gzip', 'br'],
  ['gzip', 'gzip'],
  ['br;q=0, gzip', 'gzip'],
  ['identity', null],
])('for %s the compressed copy %s is sent', async (accepted, encoding) => {
  const { request } = await import('node:http');
  const got = await new Promise<string | undefined>((resolve) => {
    request(`${edge.origin}/services`, { headers: { 'accept-encoding': accepted } }, (response) => {
      response.resume();
      resolve(response.headers['content-encoding']);
    }).end();
  });
  expect(got ?? null).toBe(encoding);
});

test('built files are kept for ever, those of the build before too', async () => {
  const script = await edge.ask('GET', '/_next/static/app.js');
  expect(script.headers.get('cache-control')).toContain('immutable');
  expect((await edge.ask('GET', '/_next/static/old.js')).text).toBe('old()');
});

test.each([
  '/../secret.txt',
  '/..%2fsecret.txt',
  '/%2e%2e/secret.txt',
  '//secret.txt',
  '/services/../../secret.txt',
  '/%00',
  '/%ff',
])('no path leads out: %s', async (path) => {
  const { request } = await import('node:http');
  const text = await new Promise<string>((resolve) => {
    request({ host: '127.0.0.1', port: edge.edge.port, path }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        resolve(body);
      });
    }).end();
  });
  expect(text).not.toContain('CANARY');
});

test('the API is not hidden by the console, and the stream tells its build', async () => {
  expect((await edge.ask('GET', '/api/v1/bootstrap')).status).toBe(200);
  const socket = await edge.socket('/stream', await edge.bearer()).open();
  socket.send({ t: 'hello', v: 1, topics: [] });
  expect(await socket.frame('welcome')).toMatchObject({ build: 'b42' });
});
