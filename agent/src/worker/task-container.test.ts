import { describe, expect, test } from 'vitest';

import type { ContainerSpec, Task, TaskSpec } from '@skep/model';

import { containerNameOf, toContainerConfig, type Payloads } from './task-container.ts';

const node = { id: 'n1', hostname: 'host1', os: 'linux', architecture: 'x86_64' };
const nothing: Payloads = { secrets: new Map(), configs: new Map() };

function task(
  container: Partial<ContainerSpec>,
  extra: Partial<Task> = {},
  spec: Partial<TaskSpec> = {},
): Task {
  return {
    id: 't1',
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    serviceId: 's1',
    serviceName: 'web',
    slot: 3,
    nodeId: 'n1',
    spec: { ...spec, container: { image: 'busybox', ...container } },
    specVersion: 1,
    status: { state: 'assigned', atMs: 0, message: '' },
    desiredState: 'running',
    networks: [],
    ...extra,
  };
}

describe('toContainerConfig', () => {
  test('names and labels the container as Docker does', () => {
    const config = toContainerConfig(
      task({ labels: { mine: 'x', 'com.docker.swarm.task.id': 'forged' } }),
      node,
      nothing,
    );
    expect(config.name).toBe('web.3.t1');
    expect(config.labels).toEqual({
      mine: 'x',
      'com.docker.swarm.node.id': 'n1',
      'com.docker.swarm.service.id': 's1',
      'com.docker.swarm.service.name': 'web',
      'com.docker.swarm.task': '',
      'com.docker.swarm.task.id': 't1',
      'com.docker.swarm.task.name': 'web.3.t1',
    });
    expect(containerNameOf(task({}, { slot: 0 }))).toBe('web.n1.t1');
  });

  test('expands templates in env, host name and mounts', () => {
    const config = toContainerConfig(
      task(
        {
          env: ['A={{.Node.Hostname}}-{{ .Task.Slot }}', 'B={{index .Service.Labels "x.y"}}', 'C=plain'],
          hostname: '{{.Service.Name}}-{{.Task.Slot}}',
          mounts: [{ type: 'volume', source: 'data-{{.Task.Slot}}', target: '/data' }],
        },
        { labels: { 'x.y': 'z' } },
      ),
      node,
      nothing,
    );
    expect(config.env).toEqual(['A=host1-3', 'B=z', 'C=plain']);
    expect(config.hostname).toBe('web-3');
    expect(config.mounts).toEqual([{ type: 'volume', source: 'data-3', target: '/data' }]);
  });

  test('refuses a placeholder that Docker does not know', () => {
    expect(() => toContainerConfig(task({ env: ['A={{.Node.Password}}'] }), node, nothing)).toThrow(
      'unknown template placeholder {{.Node.Password}}',
    );
  });

  test('secrets and configs become files, and are waited for', () => {
    const spec = task({
      secrets: [
        { secretId: 'x1', secretName: 'key', file: { name: 'key', uid: '1000', gid: '0', mode: 0o400 } },
      ],
    });
    expect(() => toContainerConfig(spec, node, nothing)).toThrow('secret key is not on this node yet');
    const data = new Uint8Array([1, 2]);
    const payloads: Payloads = {
      secrets: new Map([['x1', { id: 'x1', name: 'key', data }]]),
      configs: new Map(),
    };
    expect(toContainerConfig(spec, node, payloads).files).toEqual([
      { kind: 'secret', target: 'key', content: data, uid: 1000, gid: 0, mode: 0o400 },
    ]);
  });

  test('networks, host ports, limits and health check', () => {
    const config = toContainerConfig(
      task(
        {
          healthcheck: { test: ['CMD', 'true'], intervalNs: 1_500_000_000, retries: 0 },
          hosts: ['10.0.0.9 db db.local'],
          stopGracePeriodNs: 2_500_000_000,
        },
        {
          networks: [{ networkId: 'net1', addresses: ['10.0.1.7/24'], aliases: ['w'] }],
          endpointPorts: [
            { protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'host' },
            { protocol: 'tcp', targetPort: 81, publishedPort: 8081, publishMode: 'ingress' },
          ],
        },
        { resources: { limits: { nanoCpus: 500_000_000, memoryBytes: 64 * 2 ** 20, pids: 0 } } },
      ),
      node,
      nothing,
    );
    expect(config.network).toEqual({
      mode: 'net1',
      attachments: [{ network: 'net1', aliases: ['w'], ipv4Address: '10.0.1.7' }],
      publications: [{ containerPort: 80, protocol: 'tcp', hostPort: 8080 }],
      extraHosts: ['db:10.0.0.9', 'db.local:10.0.0.9'],
    });
    expect(config.resources).toEqual({ nanoCpus: 500_000_000, memoryBytes: 64 * 2 ** 20 });
    expect(config.healthcheck).toEqual({ test: ['CMD', 'true'], intervalMs: 1500 });
    expect(config.stopTimeoutSeconds).toBe(3);
  });
});
