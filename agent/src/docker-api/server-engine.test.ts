import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { FrameDecoder } from '@skep/docker-api';

import { Harness } from './testing/harness.ts';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  await harness.stop();
});

async function create(body: object, name = 'box'): Promise<string> {
  const answer = await harness.call('POST', `/v1.44/containers/create?name=${name}`, {
    body: { Image: 'busybox', ...body },
  });
  expect(answer.status).toBe(201);
  return String(answer.json.Id);
}

describe('containers', () => {
  test('inspect gives back what create was told, over Docker’s defaults', async () => {
    const id = await create({
      Cmd: ['sleep', '9'],
      Env: ['A=1'],
      Labels: { x: 'y' },
      ExposedPorts: { '80/tcp': {} },
      HostConfig: {
        Binds: ['/etc:/e:ro', 'data:/data'],
        PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
        Memory: 67_108_864,
        CapAdd: ['NET_ADMIN'],
      },
    });
    const { json } = await harness.call('GET', `/containers/${id}/json`);
    expect(json).toMatchObject({
      Id: id,
      Name: '/box',
      Path: 'sleep',
      Args: ['9'],
      State: { Status: 'created', Running: false, StartedAt: '0001-01-01T00:00:00Z' },
      Config: {
        Image: 'busybox',
        Cmd: ['sleep', '9'],
        Env: ['PATH=/bin', 'A=1'],
        Labels: { x: 'y' },
        Entrypoint: null,
        AttachStdin: false,
        ExposedPorts: { '80/tcp': {} },
      },
      HostConfig: {
        Binds: ['/etc:/e:ro', 'data:/data'],
        NetworkMode: 'bridge',
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
        Memory: 67_108_864,
        CapAdd: ['NET_ADMIN'],
        CapDrop: null,
        ShmSize: 67_108_864,
        PidsLimit: null,
      },
      NetworkSettings: { Ports: {} },
    });
  });

  test('limits show as they are after an update', async () => {
    await create({ HostConfig: { Memory: 1 << 27 } });
    const answer = await harness.call('POST', '/containers/box/update', { body: { Memory: 1 << 28 } });
    expect(answer.json).toEqual({ Warnings: null });
    const { json } = await harness.call('GET', '/containers/box/json');
    expect(json.HostConfig.Memory).toBe(1 << 28);
  });

  test('start and stop answer 304 when there is nothing to do', async () => {
    await create({ Cmd: ['sleep'] });
    expect((await harness.call('POST', '/containers/box/stop')).status).toBe(304);
    expect((await harness.call('POST', '/containers/box/start')).status).toBe(204);
    expect((await harness.call('POST', '/containers/box/start')).status).toBe(304);
    expect((await harness.call('POST', '/containers/box/stop?t=1')).status).toBe(204);
  });

  test('a taken name is a conflict, a running container is not removed', async () => {
    await create({ Cmd: ['sleep'] });
    const again = await harness.call('POST', '/containers/create?name=box', { body: { Image: 'busybox' } });
    expect(again.status).toBe(409);
    expect(again.json.message).toMatch(/^Conflict\. The container name "\/box" is already in use/);
    await harness.call('POST', '/containers/box/start');
    expect((await harness.call('DELETE', '/containers/box')).status).toBe(409);
    expect((await harness.call('DELETE', '/containers/box?force=1')).status).toBe(204);
  });

  test('lists by status, name, label and limit', async () => {
    await create({ Cmd: ['sleep'], Labels: { tier: 'a' } }, 'one');
    await create({ Cmd: ['echo'], Labels: { tier: 'b' } }, 'two');
    await harness.call('POST', '/containers/one/start');
    const names = async (query: string): Promise<string[]> => {
      const { json } = await harness.call('GET', `/containers/json?${query}`);
      return (json as { Names: string[] }[]).map((one) => one.Names[0] ?? '');
    };
    expect(await names('')).toEqual(['/one']);
    expect(await names('all=1')).toEqual(['/two', '/one']);
    expect(await names('limit=1')).toEqual(['/two']);
    expect(await names('filters={"status":["created"]}')).toEqual(['/two']);
    expect(await names('all=true&filters={"label":{"tier=b":true}}')).toEqual(['/two']);
    expect(await names('all=1&filters={"name":["^/one$"]}')).toEqual(['/one']);
    expect(await names('all=1&filters={"before":["two"]}')).toEqual(['/one']);
    expect(await names('filters={"ancestor":["busybox"]}')).toEqual(['/one']);
    expect(await names('filters={"ancestor":["alpine"]}')).toEqual([]);
  });

  test('wait answers its headers before the container ends', async () => {
    await create({ Cmd: ['sleep'] });
    const waiting = harness.call('POST', '/containers/box/wait?condition=next-exit');
    await expect.poll(() => [...harness.engine.containers.entries.values()][0]?.waiters.length).toBe(1);
    await harness.call('POST', '/containers/box/start');
    await harness.call('POST', '/containers/box/stop');
    expect((await waiting).json).toEqual({ StatusCode: 143 });
  });

  test('logs are framed, and raw for a terminal', async () => {
    await create({ Cmd: ['echo', 'hi'] });
    await create({ Cmd: ['echo', 'hi'], Tty: true }, 'term');
    await harness.call('POST', '/containers/box/start');
    await harness.call('POST', '/containers/term/start');
    const framed = await harness.call('GET', '/containers/box/logs?stdout=1&timestamps=1');
    expect(framed.headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
    const frames = new FrameDecoder().push(framed.bytes);
    expect(frames.map(({ stream, payload }) => [stream, Buffer.from(payload).toString()])).toEqual([
      ['stdout', '2026-01-02T03:04:05.000000006Z hi\n'],
    ]);
    const raw = await harness.call('GET', '/containers/term/logs?stdout=1');
    expect(raw.headers['content-type']).toBe('application/vnd.docker.raw-stream');
    expect(raw.text).toBe('hi\n');
    const old = await harness.call('GET', '/v1.41/containers/box/logs?stdout=1');
    expect(old.headers['content-type']).toBe('application/vnd.docker.raw-stream');
  });

  test('logs without a stream are refused', async () => {
    await create({});
    const answer = await harness.call('GET', '/containers/box/logs');
    expect([answer.status, answer.json.message]).toEqual([
      400,
      "must specify at least one of 'stdout' or 'stderr'",
    ]);
  });

  test('archives go in and out, with the file’s facts in Go’s bits', async () => {
    await create({});
    const put = await harness.call('PUT', '/containers/box/archive?path=/tmp', { raw: 'tarbytes' });
    expect(put.status).toBe(200);
    const got = await harness.call('GET', '/containers/box/archive?path=/tmp');
    expect(got.text).toBe('tarbytes');
    const head = await harness.call('HEAD', '/containers/box/archive?path=/tmp');
    const stat = JSON.parse(
      Buffer.from(String(head.headers['x-docker-container-path-stat']), 'base64').toString(),
    );
    expect(stat).toEqual({
      name: 'tmp',
      size: 5,
      mode: 2 ** 31 + 0o755,
      mtime: '2023-11-14T22:13:20.000Z',
      linkTarget: '',
    });
    expect((await harness.call('HEAD', '/containers/box/archive?path=/missing')).status).toBe(404);
  });

  test('stats without streaming take two samples, so that a share of CPU can be told', async () => {
    await create({ Cmd: ['sleep'] });
    await harness.call('POST', '/containers/box/start');
    const { json } = await harness.call('GET', '/containers/box/stats?stream=false');
    expect(json.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(json.precpu_stats.cpu_usage.total_usage);
    expect(json.memory_stats).toMatchObject({ usage: 3 * 1024 * 1024, limit: 100 * 1024 * 1024 });
    const once = await harness.call('GET', '/containers/box/stats?stream=false&one-shot=true');
    expect(once.json.precpu_stats.cpu_usage.total_usage).toBe(0);
  });

  test('a network of the swarm is refused before anything is made; an unknown one is left to the start', async () => {
    const body = { Image: 'busybox', HostConfig: { NetworkMode: 'front' } };
    await harness.makeManager();
    await harness.swarm.createNetwork({ name: 'front', driver: 'overlay' });
    const known = await harness.call('POST', '/containers/create', { body });
    expect(known.status).toBe(501);
    expect(harness.engine.containers.entries.size).toBe(0);
    await harness.swarm.removeNetwork('front');
    expect((await harness.call('POST', '/containers/create', { body })).status).toBe(201);
  });
});

describe('images', () => {
  test('a pull tells its steps and its end', async () => {
    const auth = Buffer.from('{"username":"u","password":"p"}').toString('base64url');
    const answer = await harness.call('POST', '/images/create?fromImage=alpine&tag=3', {
      headers: { 'x-registry-auth': auth },
    });
    const lines = answer.text
      .trim()
      .split('\r\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines[0]).toEqual({ status: 'Pulling from alpine', id: '3' });
    expect(lines.at(-2)).toEqual({ status: `Digest: sha256:${'d'.repeat(64)}` });
    expect(lines.at(-1)).toEqual({ status: 'Status: Downloaded newer image for alpine:3' });
    expect(harness.engine.images.lastPull?.credentials).toEqual({ username: 'u', password: 'p' });
  });

  test('a pull that fails at once has a status; one that fails later says so in the stream', async () => {
    const missing = await harness.call('POST', '/images/create?fromImage=missing&tag=1');
    expect([missing.status, missing.json.message]).toEqual([
      404,
      'manifest for missing:1 not found: manifest unknown',
    ]);
    const broken = await harness.call('POST', '/images/create?fromImage=broken&tag=1');
    expect(broken.status).toBe(200);
    expect(JSON.parse(broken.text.trim().split('\r\n').at(-1) ?? '')).toEqual({
      errorDetail: { message: 'connection reset by peer' },
      error: 'connection reset by peer',
    });
  });

  test('names with slashes and ports find their way', async () => {
    await harness.engine.images.tag('busybox', 'host:5000/a/b/c:1');
    const answer = await harness.call('GET', '/images/host:5000/a/b/c:1/json');
    expect(answer.json.RepoTags).toEqual(['host:5000/a/b/c:1']);
    expect((await harness.call('GET', '/images/host:5000/a/b/c:1/history')).status).toBe(200);
    expect((await harness.call('GET', '/images/host:5000/a/b/c:1/get')).text).toContain('tar of');
    expect((await harness.call('DELETE', '/images/host:5000/a/b/c:1')).json).toEqual([
      { Untagged: 'host:5000/a/b/c:1' },
    ]);
  });

  test('search finds the images of this host by a part of their names', async () => {
    await harness.engine.images.tag('busybox', 'host:5000/search/me:1');
    await harness.engine.images.tag('busybox', 'host:5000/search/me:2');
    const found = [
      {
        name: 'host:5000/search/me',
        description: 'on this host: 1, 2',
        star_count: 0,
        is_official: false,
        is_automated: false,
      },
    ];
    expect((await harness.call('GET', '/images/search?term=search')).json).toEqual(found);
    expect((await harness.call('GET', '/images/search?term=nosuch')).json).toEqual([]);
    const stars = encodeURIComponent('{"stars":["3"]}');
    expect((await harness.call('GET', `/images/search?term=search&filters=${stars}`)).json).toEqual([]);
    await harness.call('DELETE', '/images/host:5000/search/me:1');
    await harness.call('DELETE', '/images/host:5000/search/me:2');
  });

  test('VirtualSize is there for clients before 1.44 only', async () => {
    expect((await harness.call('GET', '/v1.43/images/json')).json[0]).toHaveProperty('VirtualSize');
    expect((await harness.call('GET', '/v1.44/images/json')).json[0]).not.toHaveProperty('VirtualSize');
  });

  test('the digest of a remote image', async () => {
    const answer = await harness.call('GET', '/distribution/library/nginx:1/json');
    expect(answer.json).toEqual({
      Descriptor: {
        mediaType: 'application/vnd.oci.image.index.v1+json',
        digest: `sha256:${'d'.repeat(64)}`,
        size: 528,
      },
      Platforms: [{ architecture: 'amd64', os: 'linux' }],
    });
  });
});

describe('events', () => {
  test('come as they happen, with exact nanoseconds, and the listener ends with the client', async () => {
    const until = Date.now() / 1000 + 0.6;
    const listening = harness.call('GET', `/events?until=${String(until)}&filters={"type":["container"]}`);
    await expect.poll(() => harness.engine.events.listenerCount).toBe(1);
    harness.engine.events.publish({
      kind: 'container',
      action: 'start',
      actorId: 'c1',
      attributes: { image: 'busybox', name: 'box' },
    });
    harness.engine.events.publish({ kind: 'volume', action: 'create', actorId: 'v1', attributes: {} });
    const { text } = await listening;
    const lines = text.trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      Type: 'container',
      Action: 'start',
      status: 'start',
      id: 'c1',
      from: 'busybox',
      Actor: { ID: 'c1', Attributes: { name: 'box' } },
      scope: 'local',
    });
    expect(lines[0]).toMatch(/"timeNano":\d{12,}000007\}$/);
    await expect.poll(() => harness.engine.events.listenerCount).toBe(0);
  });
});

describe('volumes and local networks', () => {
  test('a volume is made, listed, and gone', async () => {
    const made = await harness.call('POST', '/volumes/create', { body: { Name: 'data', Labels: null } });
    expect([made.status, made.json.Name, made.json.Labels]).toEqual([201, 'data', null]);
    const { json } = await harness.call('GET', '/volumes?filters={"name":["dat"]}');
    expect((json.Volumes as { Name: string }[]).map((one) => one.Name)).toEqual(['data']);
    expect((await harness.call('DELETE', '/volumes/data')).status).toBe(204);
  });

  test('a network name is taken once, and predefined networks stay', async () => {
    const body = { Name: 'front', Driver: 'bridge' };
    expect((await harness.call('POST', '/networks/create', { body })).status).toBe(201);
    const again = await harness.call('POST', '/networks/create', { body });
    expect([again.status, again.json.message]).toEqual([409, 'network with name front already exists']);
    expect((await harness.call('DELETE', '/networks/bridge')).status).toBe(403);
    expect((await harness.call('DELETE', '/networks/front')).status).toBe(204);
  });
});
