import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { run, waitUntil } from '@skep/lab';

import { LabFixture } from './lab-fixture.ts';

/** The part of `docker service inspect` that is looked at here. */
interface InspectedService {
  readonly Spec: {
    readonly TaskTemplate: {
      readonly ContainerSpec: { readonly Env: unknown; readonly Mounts: unknown };
      readonly Resources: { readonly Limits: { readonly MemoryBytes: number } };
    };
  };
  readonly Endpoint: { readonly Ports: readonly unknown[]; readonly VirtualIPs: readonly unknown[] };
}

/** The unmodified docker CLI against a manager of a real four-host swarm. */
const fixture = new LabFixture({ hosts: 4, managers: 3 });
const docker = (...args: string[]) => fixture.dockerOk('h1', ...args);

async function noContainersLeft(): Promise<void> {
  await waitUntil(
    'no container left',
    async () => {
      const counts = await Promise.all(
        ['h1', 'h2', 'h3', 'h4'].map((host) => fixture.dockerOk(host, 'ps', '--all', '--quiet')),
      );
      return counts.every((list) => list === '');
    },
    { timeoutMs: 40_000, everyMs: 300 },
  );
}

describe('docker CLI: the cluster', () => {
  test('version, info and node ls speak of the swarm', async () => {
    expect(await docker('version', '--format', '{{.Server.APIVersion}}')).toMatch(/^1\.\d+$/);
    const info = JSON.parse(await docker('info', '--format', '{{json .Swarm}}')) as Record<string, unknown>;
    expect(info).toMatchObject({ LocalNodeState: 'active', ControlAvailable: true, Nodes: 4, Managers: 3 });
    const nodes = (
      await docker('node', 'ls', '--format', '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}')
    )
      .split('\n')
      .sort();
    expect(nodes).toHaveLength(4);
    expect(nodes.filter((line) => line.includes('Ready Active'))).toHaveLength(4);
    expect(nodes.filter((line) => line.endsWith('Leader'))).toHaveLength(1);
    expect(nodes.filter((line) => line.endsWith('Reachable'))).toHaveLength(2);
  });

  test("a worker answers swarm commands with Docker's own sentence", async () => {
    const result = await fixture.docker('h4', 'node', 'ls');
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('This node is not a swarm manager');
  });

  test('node labels and availability are set and shown', async () => {
    await docker('node', 'update', '--label-add', 'zone=east', 'h4');
    expect(await docker('node', 'inspect', 'h4', '--format', '{{.Spec.Labels.zone}}')).toBe('east');
  });
});

describe('docker CLI: a service', () => {
  test('is created with everything the issue names, and runs', async () => {
    await docker('network', 'create', '-d', 'overlay', 'front');
    await docker(
      'service',
      'create',
      '--stop-grace-period',
      '1s',
      '--detach=false',
      '--quiet',
      '--name',
      'web',
      '--replicas',
      '6',
      '--network',
      'front',
      '--publish',
      '8080:80',
      '--constraint',
      'node.role==manager',
      '--env',
      'GREETING=hello',
      '--mount',
      'type=volume,source=data,target=/data',
      '--limit-memory',
      '64m',
      fixture.image,
      'sh',
      '-c',
      'mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 80 -h /www',
    );
    await fixture.waitReplicas('h1', 'web', '6/6');
    const tasks = (
      await docker('service', 'ps', 'web', '--no-trunc', '--format', '{{.Node}} {{.CurrentState}} {{.Error}}')
    ).split('\n');
    expect(tasks, tasks.join('\n')).toHaveLength(6);
    for (const line of tasks) {
      expect(line).toMatch(/^h[123] Running/);
    }
  });

  test('inspect gives back what was asked for', async () => {
    const [service] = JSON.parse(await docker('service', 'inspect', 'web')) as [InspectedService];
    const container = service.Spec.TaskTemplate.ContainerSpec;
    expect(container.Env).toEqual(['GREETING=hello']);
    expect(container.Mounts).toEqual([{ Type: 'volume', Source: 'data', Target: '/data' }]);
    expect(service.Spec.TaskTemplate.Resources.Limits.MemoryBytes).toBe(64 * 1024 ** 2);
    expect(service.Endpoint.Ports[0]).toMatchObject({
      PublishedPort: 8080,
      TargetPort: 80,
      PublishMode: 'ingress',
    });
    expect(service.Endpoint.VirtualIPs.length).toBeGreaterThan(0);
    expect(await docker('service', 'inspect', '--pretty', 'web')).toContain('Replicas:\t6');
  });

  test('scales, updates its image and rolls back', async () => {
    await docker('service', 'scale', '--detach=false', 'web=3');
    await fixture.waitReplicas('h1', 'web', '3/3');
    await docker(
      'service',
      'update',
      '--quiet',
      '--detach=false',
      '--update-parallelism',
      '0',
      '--env-add',
      'VERSION=2',
      'web',
    );
    expect(await docker('service', 'inspect', 'web', '--format', '{{.UpdateStatus.State}}')).toBe(
      'completed',
    );
    await docker(
      'service',
      'update',
      '--quiet',
      '--detach=false',
      '--image',
      fixture.image,
      '--force',
      'web',
    );
    await docker('service', 'rollback', '--quiet', '--detach=false', 'web');
    await fixture.waitReplicas('h1', 'web', '3/3');
  });

  test('its logs come from every host', async () => {
    await docker(
      'service',
      'create',
      '--stop-grace-period',
      '1s',
      '--quiet',
      '--detach=false',
      '--name',
      'talk',
      '--mode',
      'global',
      fixture.image,
      'sh',
      '-c',
      'echo started on $(hostname); exec sleep 1000',
    );
    await waitUntil(
      'four lines',
      async () =>
        (await docker('service', 'logs', 'talk')).split('\n').filter((line) => line.includes('started on'))
          .length === 4,
      { timeoutMs: 30_000, everyMs: 300 },
    );
    const hosts = new Set((await docker('service', 'logs', 'talk')).match(/@h\d/g));
    expect([...hosts].sort()).toEqual(['@h1', '@h2', '@h3', '@h4']);
  });

  test('rm removes it with its tasks', async () => {
    await docker('service', 'rm', 'web', 'talk');
    expect(await docker('service', 'ls', '--quiet')).toBe('');
    await noContainersLeft();
    await docker('network', 'rm', 'front');
  });
});

describe('docker CLI: a stack', () => {
  test('deploys, lists and removes a compose file with a secret and a config', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'skep-stack-'));
    writeFileSync(join(folder, 'key.txt'), 's3cret');
    writeFileSync(
      join(folder, 'stack.yml'),
      [
        'version: "3.8"',
        'services:',
        '  app:',
        `    image: ${fixture.image}`,
        '    command: ["sh", "-c", "cat /run/secrets/key /site.conf; exec sleep 1000"]',
        '    networks: [back]',
        '    secrets: [key]',
        '    configs: [{source: site, target: /site.conf}]',
        '    deploy: {replicas: 2, update_config: {parallelism: 1, order: start-first}}',
        'networks: {back: {driver: overlay}}',
        'secrets: {key: {file: ./key.txt}}',
        'configs: {site: {file: ./key.txt}}',
        '',
      ].join('\n'),
    );
    try {
      await docker('stack', 'deploy', '--compose-file', join(folder, 'stack.yml'), 'demo');
      await fixture.waitReplicas('h1', 'demo_app', '2/2');
      expect(await docker('stack', 'services', 'demo', '--format', '{{.Name}} {{.Replicas}}')).toBe(
        'demo_app 2/2',
      );
      expect((await docker('stack', 'ps', 'demo', '--format', '{{.Name}}')).split('\n')).toHaveLength(2);
      expect(await docker('service', 'logs', '--raw', 'demo_app')).toContain('s3crets3cret');
      await docker('stack', 'rm', 'demo');
      await waitUntil(
        'the stack is gone',
        async () => (await docker('network', 'ls', '--filter', 'name=demo_back', '--quiet')) === '',
        { timeoutMs: 40_000, everyMs: 300 },
      );
      expect(await docker('secret', 'ls', '--quiet')).toBe('');
      expect(await docker('config', 'ls', '--quiet')).toBe('');
      // The stack is gone before its containers have stopped; what follows counts the containers of a host.
      await noContainersLeft();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('secret create and config create take standard input and refuse a second one of that name', async () => {
    const socket = fixture.lab.host('h1').paths.dockerSocket;
    for (const kind of ['secret', 'config']) {
      const create = () =>
        run(['docker', '--host', `unix://${socket}`, kind, 'create', 'twice', '-'], { input: 'value' });
      expect((await create()).stdout.trim()).toMatch(/^[0-9a-z]{25}$/);
      expect((await create()).stderr).toMatch(/already exists/);
      await docker(kind, 'rm', 'twice');
    }
  });
});

describe('docker CLI: containers of one host', () => {
  test('run, ps, exec and logs', async () => {
    expect(await fixture.dockerOk('h4', 'run', '--rm', fixture.image, 'echo', 'hello')).toBe('hello');
    const id = await fixture.dockerOk(
      'h4',
      'run',
      '-d',
      '--name',
      'box',
      fixture.image,
      'sh',
      '-c',
      'echo up; exec sleep 1000',
    );
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await fixture.dockerOk('h4', 'ps', '--format', '{{.Names}}')).toBe('box');
    expect(await fixture.dockerOk('h4', 'exec', 'box', 'sh', '-c', 'echo $((6*7))')).toBe('42');
    expect((await fixture.docker('h4', 'exec', 'box', 'sh', '-c', 'exit 7')).exitCode).toBe(7);
    expect(await fixture.dockerOk('h4', 'logs', 'box')).toBe('up');
    await fixture.dockerOk('h4', 'rm', '--force', 'box');
    expect(await fixture.dockerOk('h4', 'ps', '--all', '--quiet')).toBe('');
  });
});
