import { SwarmError } from '@skep/kernel';
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

const NOT_YET =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

const SPEC = {
  Name: 'web',
  TaskTemplate: { ContainerSpec: { Image: 'nginx' } },
  Mode: { Replicated: { Replicas: 2 } },
};

async function createService(body: object = SPEC): Promise<string> {
  const answer = await harness.call('POST', '/services/create', { body });
  expect(answer.status).toBe(201);
  return String(answer.json.ID);
}

describe('outside a swarm', () => {
  test.each([
    ['GET', '/swarm'],
    ['GET', '/nodes'],
    ['GET', '/services'],
    ['GET', '/services/x'],
    ['GET', '/services/x/logs?stdout=1'],
    ['GET', '/tasks'],
    ['GET', '/secrets'],
    ['GET', '/configs'],
    ['GET', '/swarm/unlockkey'],
  ])('%s %s', async (method, path) => {
    const answer = await harness.call(method, path);
    expect([answer.status, answer.json.message]).toEqual([503, NOT_YET]);
  });

  test('leaving is refused', async () => {
    const answer = await harness.call('POST', '/swarm/leave');
    expect([answer.status, answer.json.message]).toEqual([503, 'This node is not part of a swarm']);
  });

  test('joining needs an address and a token', async () => {
    const noAddress = await harness.call('POST', '/swarm/join', { body: { JoinToken: 'SWMTKN-1-x' } });
    expect([noAddress.status, noAddress.json.message]).toEqual([
      400,
      'at least 1 RemoteAddr is required to join',
    ]);
    const noToken = await harness.call('POST', '/swarm/join', { body: { RemoteAddrs: ['h:2377'] } });
    expect(noToken.status).toBe(400);
  });

  test('a worker is told to ask a manager', async () => {
    await harness.node.join({ remoteAddrs: ['h:2377'], joinToken: 'SWMTKN-1-x' });
    const answer = await harness.call('GET', '/services');
    expect(answer.status).toBe(503);
    expect(answer.json.message).toMatch(/Worker nodes can't be used to view or modify cluster state/);
    expect((await harness.call('GET', '/_ping')).headers['swarm']).toBe('active/worker');
    expect((await harness.call('GET', '/networks')).status).toBe(200);
  });
});

describe('membership', () => {
  test('init answers the node id and applies its settings', async () => {
    const answer = await harness.call('POST', '/swarm/init', {
      body: {
        ListenAddr: '0.0.0.0:2377',
        AdvertiseAddr: '10.0.0.1',
        ForceNewCluster: false,
        Spec: { Labels: null, Orchestration: { TaskHistoryRetentionLimit: 2 }, Raft: {}, CAConfig: {} },
        AutoLockManagers: false,
        Availability: 'active',
        DefaultAddrPool: ['10.20.0.0/16'],
        SubnetSize: 26,
      },
    });
    expect([answer.status, answer.json]).toEqual([200, [...harness.swarm.nodes.keys()][0]]);
    expect(harness.node.lastInit).toEqual({
      listenAddr: '0.0.0.0:2377',
      advertiseAddr: '10.0.0.1',
      availability: 'active',
      addressPools: ['10.20.0.0/16'],
      subnetPrefixLength: 26,
    });
    expect((await harness.swarm.getCluster()).spec.orchestration.taskHistoryRetentionLimit).toBe(2);
    expect((await harness.call('GET', '/_ping')).headers['swarm']).toBe('active/manager');
  });

  test('init twice is refused with Docker’s sentence and status', async () => {
    await harness.makeManager();
    const answer = await harness.call('POST', '/swarm/init', { body: {} });
    expect(answer.status).toBe(503);
    expect(answer.json.message).toMatch(/^This node is already part of a swarm\./);
  });

  test('the swarm shows its tokens, and rotates one', async () => {
    await harness.makeManager();
    const { json } = await harness.call('GET', '/swarm');
    expect(json.JoinTokens).toEqual({ Worker: 'SWMTKN-1-w', Manager: 'SWMTKN-1-m' });
    const path = `/swarm/update?version=${String(json.Version.Index)}&rotateWorkerToken=true`;
    expect((await harness.call('POST', path, { body: json.Spec })).status).toBe(200);
    expect((await harness.call('GET', '/swarm')).json.JoinTokens.Worker).toBe('SWMTKN-1-w-rotated');
    expect((await harness.call('POST', '/swarm/update?version=1', { body: json.Spec })).json.message).toBe(
      'update out of sequence',
    );
  });

  test('info tells the swarm to clients that deploy stacks', async () => {
    await harness.makeManager();
    expect((await harness.call('GET', '/info')).json.Swarm).toMatchObject({
      LocalNodeState: 'active',
      ControlAvailable: true,
      Nodes: 1,
      Managers: 1,
      Cluster: { SubnetSize: 24 },
    });
    harness.swarm.failure = new SwarmError('unavailable', 'no quorum');
    const { status, json } = await harness.call('GET', '/info');
    expect([status, json.Swarm.Error]).toEqual([200, 'no quorum']);
  });
});

describe('services', () => {
  beforeEach(async () => {
    await harness.makeManager();
  });

  test('are created, shown and listed with a status on demand', async () => {
    const id = await createService();
    const shown = await harness.call('GET', '/services/web');
    expect(shown.json).toMatchObject({ ID: id, Spec: { Mode: { Replicated: { Replicas: 2 } } } });
    expect(shown.json).not.toHaveProperty('ServiceStatus');
    expect((await harness.call('GET', '/services')).json[0]).not.toHaveProperty('ServiceStatus');
    expect((await harness.call('GET', '/services?status=true')).json[0].ServiceStatus).toEqual({
      RunningTasks: 2,
      DesiredTasks: 2,
      CompletedTasks: 0,
    });
    const filled = await harness.call('GET', '/services/web?insertDefaults=true');
    expect(filled.json.Spec.UpdateConfig.Parallelism).toBe(1);
  });

  test('a taken name', async () => {
    await createService();
    const answer = await harness.call('POST', '/services/create', { body: SPEC });
    expect([answer.status, answer.json.message]).toEqual([
      409,
      'name conflicts with an existing object: service web already exists',
    ]);
  });

  test('no name gets one', async () => {
    const id = await createService({ ...SPEC, Name: '' });
    const { json } = await harness.call('GET', `/services/${id}`);
    expect(json.Spec.Name).toMatch(/^[a-z]+_[a-z]+\d+$/);
  });

  test('an update needs the version that the client has seen', async () => {
    const id = await createService();
    const { json } = await harness.call('GET', `/services/${id}`);
    const version = String(json.Version.Index);
    const body = { ...json.Spec, Mode: { Replicated: { Replicas: 5 } } };
    const path = `/services/${id}/update?version=`;
    expect((await harness.call('POST', path + version, { body })).json).toEqual({ Warnings: null });
    const stale = await harness.call('POST', path + version, { body });
    expect([stale.status, stale.json.message]).toEqual([500, 'update out of sequence']);
    const bad = await harness.call('POST', `${path}latest`, { body });
    expect(bad.status).toBe(400);
    const after = (await harness.call('GET', `/services/${id}`)).json;
    expect(after.PreviousSpec.Mode.Replicated.Replicas).toBe(2);
    const back = await harness.call('POST', `${path}${String(after.Version.Index)}&rollback=previous`, {
      body,
    });
    expect(back.status).toBe(200);
    expect((await harness.call('GET', `/services/${id}`)).json.Spec.Mode.Replicated.Replicas).toBe(2);
  });

  test('networks by name become ids; local and unknown ones are refused', async () => {
    const network = await harness.call('POST', '/networks/create', {
      body: { Name: 'front', Driver: 'overlay', Attachable: true },
    });
    const withNetwork = (Target: string): object => ({
      ...SPEC,
      TaskTemplate: { ...SPEC.TaskTemplate, Networks: [{ Target }] },
    });
    const id = await createService(withNetwork('front'));
    const { json } = await harness.call('GET', `/services/${id}`);
    expect(json.Spec.TaskTemplate.Networks).toEqual([{ Target: network.json.Id }]);
    const unknown = await harness.call('POST', '/services/create', { body: withNetwork('nope') });
    expect([unknown.status, unknown.json.message]).toEqual([404, 'network nope not found']);
    await harness.call('POST', '/networks/create', { body: { Name: 'mine', Driver: 'bridge' } });
    const local = await harness.call('POST', '/services/create', { body: withNetwork('mine') });
    expect(local.status).toBe(403);
    expect(local.json.message).toMatch(/^The network mine cannot be used with services/);
    const task = (await harness.call('GET', '/tasks')).json[0];
    expect(task.NetworksAttachments[0].Network.Spec.Name).toBe('front');
  });

  test('credentials that are not passed on are warned of', async () => {
    const auth = Buffer.from('{"username":"u","password":"hunter2"}').toString('base64url');
    const answer = await harness.call('POST', '/services/create', {
      body: SPEC,
      headers: { 'x-registry-auth': auth },
    });
    expect(answer.json.Warnings[0]).toMatch(/credentials .* not passed on/);
    expect(answer.text).not.toContain('hunter2');
  });

  test('without a leader Docker’s sentence says what to do', async () => {
    harness.swarm.failure = new SwarmError('unavailable', 'no quorum');
    const answer = await harness.call('GET', '/services');
    expect(answer.status).toBe(503);
    expect(answer.json.message).toMatch(/^The swarm does not have a leader\./);
  });

  test('fields that a manager refuses are named', async () => {
    harness.swarm.failure = new SwarmError('invalid_argument', 'the request is invalid', {
      fields: [{ path: 'task.container.image', code: 'x', message: 'image must be provided' }],
    });
    const answer = await harness.call('POST', '/services/create', { body: SPEC });
    expect([answer.status, answer.json.message]).toEqual([
      400,
      'the request is invalid: task.container.image: image must be provided',
    ]);
  });

  test('logs come framed with origin and time', async () => {
    const id = await createService();
    harness.swarm.logLines = [
      { tsNs: '1700000000123456789', stream: 'stdout', text: 'hello', taskId: 't1', node: 'n1' },
      { tsNs: '1700000000223456789', stream: 'stderr', text: 'oops', taskId: 't2', node: 'n2' },
    ];
    const answer = await harness.call(
      'GET',
      '/services/web/logs?stdout=1&stderr=1&timestamps=1&details=1&tail=5&since=1700000000',
    );
    expect(answer.headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
    const frames = new FrameDecoder().push(answer.bytes);
    expect(frames.map(({ stream, payload }) => [stream, Buffer.from(payload).toString()])).toEqual([
      [
        'stdout',
        `2023-11-14T22:13:20.123456789Z com.docker.swarm.node.id=n1,com.docker.swarm.service.id=${id},com.docker.swarm.task.id=t1 hello\n`,
      ],
      [
        'stderr',
        `2023-11-14T22:13:20.223456789Z com.docker.swarm.node.id=n2,com.docker.swarm.service.id=${id},com.docker.swarm.task.id=t2 oops\n`,
      ],
    ]);
    expect(harness.swarm.lastLogOptions).toMatchObject({
      services: [id],
      tail: 5,
      sinceMs: 1_700_000_000_000,
      follow: false,
    });
    const bad = await harness.call('GET', '/services/web/logs?stdout=1&tail=-3');
    expect([bad.status, bad.json.message]).toEqual([400, 'tail value must be a positive integer or "all"']);
  });
});

describe('tasks, nodes, secrets and configs', () => {
  beforeEach(async () => {
    await harness.makeManager();
  });

  test('tasks are found by service, node and state', async () => {
    await createService();
    const count = async (filters: string): Promise<number> =>
      Number((await harness.call('GET', `/tasks?filters=${filters}`)).json.length);
    expect(await count('{"service":{"web":true}}')).toBe(2);
    expect(await count('{"service":["web"],"desired-state":["shutdown"]}')).toBe(0);
    expect(await count('{"node":["h1"]}')).toBe(2);
    const unknown = await harness.call('GET', '/tasks?filters={"service":["nope"]}');
    expect([unknown.status, unknown.json.message]).toEqual([404, 'service nope not found']);
    const state = await harness.call('GET', '/tasks?filters={"desired-state":["asleep"]}');
    expect([state.status, state.json.message]).toEqual([400, "Invalid desired-state filter: 'asleep'"]);
  });

  test('a node is drained with its version', async () => {
    const [node] = (await harness.call('GET', '/nodes')).json;
    const path = `/nodes/${String(node.ID)}/update?version=${String(node.Version.Index)}`;
    const body = { ...node.Spec, Availability: 'drain' };
    expect((await harness.call('POST', path, { body })).status).toBe(200);
    expect((await harness.call('GET', '/nodes/h1')).json.Spec.Availability).toBe('drain');
    expect((await harness.call('POST', path, { body })).json.message).toBe('update out of sequence');
    const missing = await harness.call('GET', '/nodes/nope');
    expect([missing.status, missing.json.message]).toEqual([404, 'node nope not found']);
  });

  test('a secret is never shown, a config is', async () => {
    const Data = Buffer.from('s3cr3t').toString('base64');
    for (const kind of ['secrets', 'configs']) {
      const made = await harness.call('POST', `/${kind}/create`, { body: { Name: 'x', Labels: null, Data } });
      expect(made.status).toBe(201);
    }
    const secret = await harness.call('GET', '/secrets/x');
    expect(secret.text).not.toContain(Data);
    expect((await harness.call('GET', '/configs/x')).json.Spec.Data).toBe(Data);
    const again = await harness.call('POST', '/secrets/create', { body: { Name: 'x', Data } });
    expect([again.status, again.json.message]).toEqual([
      409,
      'name conflicts with an existing object: secret x already exists',
    ]);
    const version = String(secret.json.Version.Index);
    const renamed = await harness.call('POST', `/secrets/x/update?version=${version}`, {
      body: { Name: 'y' },
    });
    expect([renamed.status, renamed.json.message]).toEqual([400, 'only updates to Labels are allowed']);
    const labelled = await harness.call('POST', `/secrets/x/update?version=${version}`, {
      body: { Name: 'x', Labels: { a: 'b' } },
    });
    expect(labelled.status).toBe(200);
    expect((await harness.call('GET', '/secrets?filters={"label":["a=b"]}')).json).toHaveLength(1);
    expect((await harness.call('DELETE', '/secrets/x')).status).toBe(204);
    const gone = await harness.call('GET', '/secrets/x');
    expect([gone.status, gone.json.message]).toEqual([404, 'secret x not found']);
  });
});
