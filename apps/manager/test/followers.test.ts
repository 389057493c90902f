import { afterEach, beforeEach, expect, test } from 'vitest';

import { SwarmError } from '@skep/kernel';

import { answerForwarded } from '../src/forwarded.ts';
import { FakeCluster } from './fake-cluster.ts';
import { TestEdge } from './test-edge.ts';

const SECRET = { name: 's', data: 'eA==' };

let cluster: FakeCluster;
let leader: TestEdge;
let follower: TestEdge;

beforeEach(async () => {
  cluster = new FakeCluster(2);
  const [first, second] = cluster.managers;
  leader = await TestEdge.start(first!);
  follower = await TestEdge.start(second!);
});

afterEach(async () => {
  await Promise.all([leader.stop(), follower.stop()]);
});

test('a follower sends changes to the leader as the same principal, and answers reads itself', async () => {
  const headers = await leader.bearer('deployer');
  const created = await follower.ask('POST', '/api/v1/secrets', { headers, body: SECRET });
  expect(created.status).toBe(201);
  expect(Number(created.headers.get('x-skep-rev'))).toBe(cluster.logIndex);
  expect(cluster.managers[1]!.forwarded).toHaveLength(1);
  const read = await follower.ask('GET', '/api/v1/secrets/s', { headers });
  expect(read.json).toMatchObject({ spec: { name: 's' } });
  expect(cluster.managers[1]!.forwarded).toHaveLength(1);
  const audit = cluster.first
    .historyAfter(0)
    .find(({ record }) => record.type === 'audit' && record.action === 'secret.create');
  expect(audit?.record).toMatchObject({ actor: { from: '127.0.0.1', via: 'api' } });
});

test('refusals of the leader arrive as they are', async () => {
  const headers = await leader.bearer('deployer');
  await follower.ask('POST', '/api/v1/secrets', { headers, body: SECRET });
  const taken = await follower.ask('POST', '/api/v1/secrets', { headers, body: SECRET });
  expect([taken.status, follower.problem(taken).code]).toEqual([409, 'name_conflict']);
  expect(taken.headers.get('content-type')).toContain('application/problem+json');
  const denied = await follower.ask('POST', '/api/v1/users', {
    headers,
    body: { name: 'x', role: 'admin', password: 'correct horse battery' },
  });
  expect(denied.status).toBe(403);
});

test('sign-in works on any manager', async () => {
  await follower.local().call('createUser', {
    body: { name: 'ada', role: 'admin', password: 'correct horse battery' },
  });
  const signedIn = await follower.ask('POST', '/api/v1/session', {
    body: { username: 'ada', password: 'correct horse battery' },
  });
  expect(signedIn.status).toBe(201);
  const cookie = signedIn.headers.getSetCookie()[0]!.split(';')[0]!;
  const elsewhere = await leader.ask('GET', '/api/v1/me', { headers: { cookie } });
  expect(elsewhere.json).toMatchObject({ principal: 'user:ada' });
});

test('a client cannot pretend to be forwarded', async () => {
  const forged = Buffer.from(
    JSON.stringify({ kind: 'local', id: 'x', name: 'x', role: 'admin', from: 'x', via: 'api' }),
  );
  const answer = await leader.ask('GET', '/api/v1/me', {
    headers: { 'x-skep-principal': forged.toString('base64url'), 'x-skep-from': '10.0.0.1' },
  });
  expect(answer.status).toBe(401);
  const internal = await leader.ask('POST', '/internal/v1/audit/exec/t', {
    headers: { ...(await leader.bearer()), 'x-skep-from': '10.0.0.1' },
  });
  expect(internal.status).toBe(404);
});

test('without a leader changes are refused in a sentence within five seconds, and reads go on', async () => {
  const headers = await leader.bearer('admin');
  cluster.elect(undefined);
  const start = performance.now();
  const [write, read] = await Promise.all([
    follower.ask('POST', '/api/v1/secrets', { headers, body: SECRET }),
    follower.ask('GET', '/api/v1/secrets', { headers }),
  ]);
  expect(performance.now() - start).toBeLessThan(6500);
  expect([write.status, follower.problem(write).code]).toEqual([503, 'unavailable']);
  expect(follower.problem(write).detail).toContain('no leader');
  expect(read.status).toBe(200);
  expect((await follower.ask('GET', '/readyz')).status).toBe(503);
});

test('a change waits through an election', async () => {
  const headers = await leader.bearer('admin');
  cluster.elect(undefined);
  const write = follower.ask('POST', '/api/v1/secrets', { headers, body: SECRET });
  setTimeout(() => {
    cluster.elect(cluster.managers[1]);
  }, 300);
  expect((await write).status).toBe(201);
});

test('a request that did not reach the leader is sent again; one that may have is not', async () => {
  const headers = await leader.bearer('admin');
  const manager = cluster.managers[1]!;
  const forward = manager.forward.bind(manager);
  const failures = [
    new SwarmError('unavailable', 'not dialled', { details: { isSent: false } }),
    new SwarmError('unavailable', 'not dialled', { details: { isSent: false } }),
    new SwarmError('not_leader', 'this manager is not the leader any more'),
  ];
  manager.forward = (request) => {
    const failure = failures.shift();
    return failure === undefined ? forward(request) : Promise.reject(failure);
  };
  expect((await follower.ask('POST', '/api/v1/secrets', { headers, body: SECRET })).status).toBe(201);
  failures.push(new SwarmError('unavailable', 'the answer of the leader is unknown'));
  const unknown = await follower.ask('POST', '/api/v1/configs', { headers, body: SECRET });
  expect([unknown.status, follower.problem(unknown).detail]).toEqual([
    503,
    'the answer of the leader is unknown',
  ]);
  expect(failures).toEqual([]);
});

test('a manager says of itself that its disk is full, and what to do', async () => {
  const headers = await leader.bearer('admin');
  cluster.managers[1]!.disk = 'full';
  const raft = await follower.ask('GET', '/api/v1/cluster/raft', { headers });
  expect(raft.json).toMatchObject({
    disk: 'full',
    advice: expect.arrayContaining([
      'the disk of this manager is full: it waits, and leads no more if another can. Make room on it',
    ]) as unknown,
  });
  cluster.managers[1]!.disk = 'ok';
  expect((await leader.ask('GET', '/api/v1/cluster/raft', { headers })).json).toMatchObject({ disk: 'ok' });
});

test('the local socket sets no end to a kept connection: its client does', async () => {
  const answer = await answerForwarded(leader.config.socketPath, {
    method: 'GET',
    path: '/api/v1/cluster/raft',
    headers: { connection: 'keep-alive' },
  });
  expect(answer.headers).toMatchObject({ connection: 'keep-alive' });
  expect(answer.headers).not.toHaveProperty('keep-alive');
});
