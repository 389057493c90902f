import { expect, test } from 'vitest';
import { parseAuthChallenges } from './auth-challenge.ts';
import { parseImageConfig, renderImageConfig } from './image-config.ts';

const document = {
  created: '2026-01-01T00:00:00Z',
  architecture: 'amd64',
  os: 'linux',
  config: {
    Env: ['A=1'],
    Cmd: ['sh'],
    Entrypoint: null,
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    Volumes: { '/data': {} },
    Labels: { a: 'b' },
    StopSignal: 'SIGINT',
    Healthcheck: { Test: ['CMD', 'true'], Interval: 5_000_000_000, Retries: 2 },
  },
  rootfs: { type: 'layers', diff_ids: [`sha256:${'1'.repeat(64)}`] },
  history: [{ created_by: 'x', empty_layer: true }],
};

test('a configuration is read, filled in, and written back the same', () => {
  const parsed = parseImageConfig(Buffer.from(JSON.stringify(document)));
  expect(parsed).toMatchObject({
    ok: true,
    value: {
      exposedPorts: ['53/udp', '80/tcp'],
      volumes: ['/data'],
      entrypoint: [],
      healthcheck: { test: ['CMD', 'true'], intervalMs: 5000, retries: 2, timeoutMs: 0 },
      history: [{ createdBy: 'x', isEmptyLayer: true }],
    },
  });
  if (parsed.ok) {
    expect(parseImageConfig(Buffer.from(renderImageConfig(parsed.value)))).toEqual(parsed);
  }
});

test.each([
  ['{', 'not JSON'],
  ['{}', 'rootfs'],
  ['{"rootfs":{"diff_ids":["x"]}}', 'rootfs.diff_ids.0'],
])('refuses %s', (text, message) => {
  const parsed = parseImageConfig(Buffer.from(text));
  expect(parsed.ok ? '' : parsed.error.message).toContain(message);
});

test('authentication challenges are taken apart', () => {
  expect(
    parseAuthChallenges(
      'Bearer realm="https://a/t?x=1,2",service="s \\"q\\"",scope="r:x:pull,push", Basic realm=plain',
    ),
  ).toEqual([
    {
      scheme: 'bearer',
      parameters: { realm: 'https://a/t?x=1,2', service: 's "q"', scope: 'r:x:pull,push' },
    },
    { scheme: 'basic', parameters: { realm: 'plain' } },
  ]);
  expect(parseAuthChallenges('"""')).toEqual([]);
});
