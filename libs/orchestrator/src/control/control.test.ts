import { describe, expect, test } from 'vitest';

import type { PortConfig, ServiceSpec } from '@skep/model';

import { TestStore, aSpec } from '../testing/test-store.ts';
import { createNetwork, removeNetwork } from './network.ts';
import { removeNode, updateNode } from './node.ts';
import { createConfig, createSecret, removeConfig, removeSecret, updateSecret } from './payload.ts';
import { resolveNode, resolveService } from './resolve.ts';
import {
  createService,
  removeService,
  restartService,
  rollbackService,
  scaleService,
  updateService,
} from './service.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const port = (publishedPort: number, changes: Partial<PortConfig> = {}): PortConfig => ({
  protocol: 'tcp',
  targetPort: 80,
  publishedPort,
  publishMode: 'ingress',
  ...changes,
});
const withPorts = (name: string, ...ports: PortConfig[]): ServiceSpec => aSpec(name, { endpoint: { ports } });
const file = { name: 'f', uid: '0', gid: '0', mode: 0o444 };

describe('services', () => {
  test('references are resolved to ids, and the rest of the spec stays as written', () => {
    const store = new TestStore();
    const network = store.run((tx) => createNetwork(tx, { name: 'net' }, store));
    const secret = store.run((tx) => createSecret(tx, { spec: { name: 'pw' }, data: bytes('x') }, store));
    const spec = aSpec('web', {
      task: {
        container: { image: 'sample', secrets: [{ secretId: '', secretName: 'pw', file }] },
        networks: [{ target: 'net', aliases: ['w'] }, { target: 'host' }],
      },
    });
    const service = store.run((tx) => createService(tx, spec, store));
    expect(service.spec.task.networks).toEqual([{ target: network.id, aliases: ['w'] }, { target: 'host' }]);
    expect(service.spec.task.container.secrets).toEqual([{ secretId: secret.id, secretName: 'pw', file }]);
    expect(resolveService(store.view, 'WEB').id).toBe(service.id);
    expect(resolveService(store.view, service.id.slice(0, 25)).id).toBe(service.id);
  });

  test.each<[string, (store: TestStore) => ServiceSpec, string]>([
    [
      'a name in use',
      () => aSpec('taken'),
      'name_conflict: name conflicts with an existing object: service taken already exists',
    ],
    [
      'an ingress port in use',
      () => withPorts('b', port(8080)),
      "invalid_argument: port '8080' is already in use by service 'taken' (id00000000000000000000003) as an ingress port",
    ],
    [
      'a host port against an ingress port',
      () => withPorts('b', port(8080, { publishMode: 'host' })),
      "invalid_argument: port '8080' is already in use by service 'taken' (id00000000000000000000003) as an ingress port",
    ],
    [
      'an ingress port against a host port',
      () => withPorts('b', port(9090)),
      "invalid_argument: port '9090' is already in use by service 'taken' (id00000000000000000000003) as a host-published port",
    ],
    [
      'the same port twice',
      () => withPorts('b', port(1), port(1, { targetPort: 81 })),
      'invalid_argument: EndpointSpec: duplicate published ports provided',
    ],
    [
      'dnsrr with ingress',
      () => aSpec('b', { endpoint: { mode: 'dnsrr', ports: [port(1)] } }),
      "invalid_argument: EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ],
    [
      'an unknown network',
      () => aSpec('b', { task: { container: { image: 'x' }, networks: [{ target: 'nope' }] } }),
      'not_found: network nope not found',
    ],
    [
      'the ingress network',
      () => aSpec('b', { task: { container: { image: 'x' }, networks: [{ target: 'ingress' }] } }),
      'invalid_argument: Service cannot be explicitly attached to the ingress network "ingress"',
    ],
    [
      'unknown secrets',
      () =>
        aSpec('b', {
          task: {
            container: {
              image: 'x',
              secrets: [
                { secretId: '', secretName: 'p', file },
                { secretId: 'q', secretName: 'q', file },
              ],
            },
          },
        }),
      'invalid_argument: secrets not found: p, q',
    ],
    [
      'an unknown config',
      () =>
        aSpec('b', {
          task: { container: { image: 'x', configs: [{ configId: '', configName: 'c', file }] } },
        }),
      'invalid_argument: config not found: c',
    ],
    [
      'two mounts at one place',
      () =>
        aSpec('b', {
          task: {
            container: {
              image: 'x',
              mounts: [
                { type: 'volume', target: '/a' },
                { type: 'tmpfs', target: '/a' },
              ],
            },
          },
        }),
      'invalid_argument: ContainerSpec: duplicate mount point: /a',
    ],
    [
      'a bad constraint',
      () =>
        aSpec('b', { task: { container: { image: 'x' }, placement: { constraints: ['node.colour==red'] } } }),
      'invalid_argument: constraint "node.colour==red": unknown key "node.colour"; use node.id, node.hostname, node.role, node.ip, node.platform.os, node.platform.arch, node.labels.<key> or engine.labels.<key>',
    ],
  ])('refused: %s', (_name, spec, refusal) => {
    const store = new TestStore();
    store.run((tx) =>
      createService(tx, withPorts('taken', port(8080), port(9090, { publishMode: 'host' })), store),
    );
    expect(store.refusal((tx) => createService(tx, spec(store), store))).toBe(refusal);
  });

  test('host ports of different services may meet, and ports come free with the service', () => {
    const store = new TestStore();
    const hostPort = port(9090, { publishMode: 'host' });
    store.run((tx) => createService(tx, withPorts('a', hostPort, port(8080)), store));
    store.run((tx) => createService(tx, withPorts('b', hostPort), store));
    store.run((tx) => removeService(tx, 'a'));
    store.run((tx) => createService(tx, withPorts('c', port(8080)), store));
    expect(store.refusal((tx) => removeService(tx, 'a'))).toBe('not_found: service a not found');
  });

  test('updates: versions, name, mode, and what starts a rollout', () => {
    const store = new TestStore();
    const service = store.run((tx) => createService(tx, aSpec('web'), store));
    const update = (changes: Partial<ServiceSpec>, version?: number) =>
      store.refusal((tx) =>
        updateService(tx, {
          service: 'web',
          spec: { ...resolveService(tx, 'web').spec, ...changes },
          ...(version === undefined ? {} : { version }),
        }),
      );
    expect(update({ name: 'other' })).toBe('unimplemented: renaming services is not supported');
    expect(update({ mode: { type: 'global' } })).toBe('unimplemented: service mode change is not allowed');
    expect(update({ labels: { a: 'b' } }, 1)).toBe('version_conflict: update out of sequence');
    expect(update({ labels: { a: 'b' } }, store.view.get('service', service.id)!.version)).toBe(
      'not refused',
    );
    const relabelled = store.view.get('service', service.id)!;
    expect(relabelled.specVersion).toBe(service.specVersion);
    expect(relabelled.previousSpec).toEqual(service.spec);
    expect(relabelled.updateStatus).toBeUndefined();
    update({ task: { container: { image: 'other' } } });
    const updated = store.view.get('service', service.id)!;
    expect(updated.specVersion).toBeGreaterThan(service.specVersion);
    expect(updated.updateStatus?.state).toBe('updating');
    update({ endpoint: { ports: [port(80, { publishMode: 'host' })] } });
    expect(store.view.get('service', service.id)!.specVersion).toBeGreaterThan(updated.specVersion);
  });

  test('ingress ports, restart policy and placement change in place', () => {
    const store = new TestStore();
    const service = store.run((tx) => createService(tx, withPorts('web', port(8080)), store));
    store.run((tx) =>
      updateService(tx, {
        service: 'web',
        spec: {
          ...service.spec,
          endpoint: { ports: [port(8081)] },
          task: {
            ...service.spec.task,
            restart: { condition: 'none' },
            placement: { constraints: ['node.role==worker'] },
          },
        },
      }),
    );
    expect(store.view.get('service', service.id)).toMatchObject({ specVersion: service.specVersion });
    expect(store.view.ownerOfIngressPort('tcp', 8080)).toBeUndefined();
    expect(store.view.ownerOfIngressPort('tcp', 8081)?.id).toBe(service.id);
  });

  test('a rollback goes back and forth; without a previous spec it is refused', () => {
    const store = new TestStore();
    store.run((tx) => createService(tx, aSpec('web'), store));
    expect(store.refusal((tx) => rollbackService(tx, { service: 'web' }))).toBe(
      'failed_precondition: service web does not have a previous spec',
    );
    store.run((tx) => scaleService(tx, { service: 'web', replicas: 4 }));
    const back = store.run((tx) => rollbackService(tx, { service: 'web' }));
    expect(back.spec.mode).toEqual({ type: 'replicated', replicas: 1 });
    expect(back.updateStatus).toMatchObject({
      state: 'rollback_started',
      message: 'manually requested rollback',
    });
    const forth = store.run((tx) => rollbackService(tx, { service: 'web' }));
    expect(forth.spec.mode).toEqual({ type: 'replicated', replicas: 4 });
  });

  test('scale and restart', () => {
    const store = new TestStore();
    store.run((tx) => createService(tx, aSpec('agent', { mode: { type: 'global' } }), store));
    expect(store.refusal((tx) => scaleService(tx, { service: 'agent', replicas: 2 }))).toBe(
      'invalid_argument: scale can only be used with replicated or replicated-job mode',
    );
    const restarted = store.run((tx) => restartService(tx, { service: 'agent' }));
    expect(restarted.spec.task.forceUpdate).toBe(1);
    expect(restarted.updateStatus?.state).toBe('updating');
  });
});

describe('networks', () => {
  test.each([
    [
      'a bridge',
      { name: 'n', driver: 'bridge' as const },
      'invalid_argument: invalid driver specified: bridge; cluster networks are overlay',
    ],
    [
      'IPv6',
      { name: 'n', ipv6: true },
      'unimplemented: IPv6 networks are not supported yet; leave out enable_ipv6',
    ],
    ['a name in use', { name: 'Taken' }, 'name_conflict: network with name Taken already exists'],
    [
      'a second ingress',
      { name: 'n', ingress: true },
      'already_exists: ingress network (ingress) is already present',
    ],
    [
      'no subnet',
      { name: 'n', ipam: { configs: [{ subnet: 'x' }] } },
      'invalid_argument: ipam configuration: invalid subnet x',
    ],
    [
      'a foreign gateway',
      { name: 'n', ipam: { configs: [{ subnet: '10.9.0.0/24', gateway: '10.8.0.1' }] } },
      'invalid_argument: ipam configuration: subnet 10.9.0.0/24 does not contain gateway 10.8.0.1',
    ],
    [
      'an overlap',
      { name: 'n', ipam: { configs: [{ subnet: '10.0.0.0/16' }] } },
      'failed_precondition: Pool overlaps with other one on this address space',
    ],
  ])('refused: %s', (_name, spec, refusal) => {
    const store = new TestStore();
    store.run((tx) => createNetwork(tx, { name: 'taken' }, store));
    expect(store.refusal((tx) => createNetwork(tx, spec, store))).toBe(refusal);
  });

  test('one in use cannot be removed; ingress only without users', () => {
    const store = new TestStore();
    const network = store.run((tx) => createNetwork(tx, { name: 'net' }, store));
    const spec = aSpec('web', { task: { container: { image: 'x' }, networks: [{ target: 'net' }] } });
    const web = store.run((tx) => createService(tx, spec, store));
    expect(store.refusal((tx) => removeNetwork(tx, 'net'))).toBe(
      `failed_precondition: network ${network.id} is in use by service ${web.id}`,
    );
    const api = store.run((tx) => createService(tx, withPorts('api', port(80)), store));
    expect(store.refusal((tx) => removeNetwork(tx, 'ingress'))).toBe(
      `failed_precondition: ingress network cannot be removed because service ${api.id} depends on it`,
    );
    store.run((tx) => {
      removeService(tx, 'api');
      removeService(tx, 'web');
      removeNetwork(tx, 'net');
      removeNetwork(tx, 'ingress');
    });
    expect(store.refusal((tx) => createService(tx, withPorts('api', port(80)), store))).toBe(
      'failed_precondition: service needs ingress network, but no ingress network is present',
    );
  });
});

describe('secrets and configs', () => {
  test('sizes, names, labels and use', () => {
    const store = new TestStore();
    expect(
      store.refusal((tx) => createSecret(tx, { spec: { name: 's' }, data: new Uint8Array(512_000) }, store)),
    ).toBe('invalid_argument: secret data must be larger than 0 and less than 512000 bytes');
    expect(
      store.refusal((tx) => createConfig(tx, { spec: { name: 's' }, data: new Uint8Array(0) }, store)),
    ).toBe('invalid_argument: config data must be larger than 0 and less than 1024000 bytes');
    const secret = store.run((tx) => createSecret(tx, { spec: { name: 's' }, data: bytes('a') }, store));
    expect(store.refusal((tx) => createSecret(tx, { spec: { name: 'S' }, data: bytes('a') }, store))).toBe(
      'name_conflict: secret S already exists',
    );
    expect(store.refusal((tx) => updateSecret(tx, { ref: 's', spec: { name: 't' } }))).toBe(
      'invalid_argument: only updates to Labels are allowed',
    );
    store.run((tx) =>
      updateSecret(tx, { ref: 's', spec: { name: 's', labels: { a: 'b' } }, data: bytes('a') }),
    );
    const container = { image: 'x', secrets: [{ secretId: secret.id, secretName: 's', file }] };
    store.run((tx) => {
      createService(tx, aSpec('b', { task: { container } }), store);
      createService(tx, aSpec('a', { task: { container } }), store);
    });
    expect(store.refusal((tx) => removeSecret(tx, 's'))).toBe(
      "invalid_argument: secret 's' is in use by the following services: a, b",
    );
    store.run((tx) => removeService(tx, 'a'));
    expect(store.refusal((tx) => removeSecret(tx, 's'))).toBe(
      "invalid_argument: secret 's' is in use by the following service: b",
    );
    expect(store.refusal((tx) => removeConfig(tx, 's'))).toBe('not_found: config s not found');
  });
});

describe('nodes', () => {
  test('the last manager stays, a member and a living node are not removed', () => {
    const store = new TestStore();
    const node = store.addNode('n1', { role: 'manager' });
    store.addNode('n2');
    expect(
      store.refusal((tx) => updateNode(tx, { node: 'n1', spec: { ...node.spec, role: 'worker' } })),
    ).toBe('failed_precondition: attempting to demote the last manager of the swarm');
    expect(store.refusal((tx) => removeNode(tx, { node: 'host-n2' }))).toBe(
      "failed_precondition: node n2 is not down and can't be removed",
    );
    store.run((tx) =>
      tx.patch('node', 'n1', {
        manager: { raftId: 1, addr: 'a:1', reachability: 'reachable', isLeader: true },
      }),
    );
    expect(store.refusal((tx) => removeNode(tx, { node: 'n1', force: true }))).toMatch(
      /^failed_precondition: node n1 is a cluster manager and is a member of the raft cluster/,
    );
    store.run((tx) => removeNode(tx, { node: 'n2', force: true }));
    expect(() => resolveNode(store.view, 'n2')).toThrow('node n2 not found');
  });

  test('a name that several nodes have is ambiguous', () => {
    const store = new TestStore();
    store.addNode('n1', { name: 'x' });
    store.addNode('n2', { name: 'x' });
    expect(() => resolveNode(store.view, 'x')).toThrow('node x is ambiguous (2 matches found)');
  });
});
