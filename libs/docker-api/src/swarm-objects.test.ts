import { defaultClusterSpec, type Network, type Node, type Task } from '@skep/model';
import { describe, expect, test } from 'vitest';

import { parseBody } from './body.ts';
import { DockerNetworkCreate, networkSpecFromDocker, networkToDocker } from './network.ts';
import { nodeSpecFromDocker, nodeToDocker } from './node.ts';
import { clusterToDocker, mergeSwarmSpec, swarmSpecToDocker } from './swarm.ts';
import { taskToDocker } from './task.ts';

const meta = { id: 'id', version: 5, createdAtMs: 1000, updatedAtMs: 2000 };

const network: Network = {
  ...meta,
  id: 'net1',
  spec: { name: 'front', driver: 'overlay', attachable: true },
  vni: 4097,
  ipam: [{ subnet: '10.0.1.0/24', gateway: '10.0.1.1' }],
};

describe('tasks', () => {
  const task: Task = {
    ...meta,
    serviceId: 'svc',
    serviceName: 'web',
    slot: 1,
    nodeId: 'n1',
    spec: { container: { image: 'nginx' } },
    specVersion: 3,
    status: {
      state: 'running',
      atMs: 3000,
      message: 'started',
      container: { containerId: 'c1', pid: 12 },
      hostPorts: [{ protocol: 'tcp', targetPort: 80, publishedPort: 80, publishMode: 'host' }],
    },
    desiredState: 'running',
    networks: [{ networkId: 'net1', addresses: ['10.0.1.5/24'] }],
  };

  test('are shown with their networks, as Docker does', () => {
    const shown = taskToDocker(task, (id) => (id === 'net1' ? network : undefined));
    expect(shown).toMatchObject({
      ID: 'id',
      Version: { Index: 5 },
      Slot: 1,
      Status: {
        State: 'running',
        ContainerStatus: { ContainerID: 'c1', PID: 12, ExitCode: 0 },
        PortStatus: { Ports: [{ TargetPort: 80 }] },
      },
      NetworksAttachments: [
        { Network: { ID: 'net1', Spec: { Name: 'front', Scope: 'swarm' } }, Addresses: ['10.0.1.5/24'] },
      ],
      Volumes: null,
    });
    expect(shown.Spec).not.toHaveProperty('Runtime');
  });

  test('a network that is gone still shows by its id', () => {
    expect(taskToDocker(task, () => undefined).NetworksAttachments).toEqual([
      { Network: { ID: 'net1' }, Addresses: ['10.0.1.5/24'] },
    ]);
  });

  test('PortStatus is there without ports', () => {
    const { hostPorts: _ports, ...status } = task.status;
    expect(taskToDocker({ ...task, status }, () => undefined).Status.PortStatus).toEqual({});
  });
});

describe('nodes', () => {
  const node: Node = {
    ...meta,
    spec: { role: 'manager', availability: 'active', labels: { zone: 'a' } },
    description: {
      hostname: 'h1',
      platform: { architecture: 'amd64', os: 'linux' },
      resources: { nanoCpus: 2e9, memoryBytes: 1e9 },
      engine: { version: '0.1.0', plugins: [{ type: 'Network', name: 'overlay' }] },
    },
    status: { state: 'ready', addr: '10.88.0.1' },
    manager: { raftId: 1, addr: '10.88.0.1:2377', reachability: 'reachable', isLeader: true },
  };

  test('are shown as Docker does', () => {
    expect(nodeToDocker(node, { TrustRoot: 'PEM' })).toMatchObject({
      Spec: { Role: 'manager', Availability: 'active', Labels: { zone: 'a' } },
      Description: {
        Hostname: 'h1',
        Platform: { Architecture: 'x86_64', OS: 'linux' },
        Resources: { NanoCPUs: 2e9, MemoryBytes: 1e9 },
        TLSInfo: { TrustRoot: 'PEM' },
      },
      Status: { State: 'ready', Addr: '10.88.0.1' },
      ManagerStatus: { Leader: true, Reachability: 'reachable', Addr: '10.88.0.1:2377' },
    });
  });

  test('specs round trip', () => {
    expect(nodeSpecFromDocker(nodeToDocker(node, {}).Spec)).toEqual(node.spec);
  });

  test('unknown words are refused with Docker’s sentence', () => {
    expect(() => nodeSpecFromDocker({ Role: 'boss', Availability: 'active' })).toThrow(
      'invalid Role: "boss"',
    );
    expect(() => nodeSpecFromDocker({ Role: 'worker', Availability: 'nap' })).toThrow(
      'invalid Availability: "nap"',
    );
  });
});

describe('networks', () => {
  test('what the CLI sends for an overlay network', () => {
    const body = {
      Name: 'front',
      Driver: 'overlay',
      Scope: '',
      EnableIPv6: false,
      IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }] },
      Internal: true,
      Attachable: true,
      Ingress: false,
      ConfigOnly: false,
      ConfigFrom: { Network: '' },
      Options: { encrypted: '' },
      Labels: { a: 'b' },
    };
    expect(networkSpecFromDocker(parseBody(DockerNetworkCreate, body))).toEqual({
      name: 'front',
      labels: { a: 'b' },
      driver: 'overlay',
      driverOpts: { encrypted: '' },
      internal: true,
      attachable: true,
      ipam: { driver: 'default', configs: [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1' }] },
    });
  });

  test('are shown with subnet and VXLAN number', () => {
    expect(networkToDocker(network)).toMatchObject({
      Id: 'net1',
      Name: 'front',
      Scope: 'swarm',
      Driver: 'overlay',
      Attachable: true,
      IPAM: { Config: [{ Subnet: '10.0.1.0/24', Gateway: '10.0.1.1' }] },
      Options: { 'com.docker.network.driver.overlay.vxlanid_list': '4097' },
    });
  });

  test('other drivers cannot span a swarm', () => {
    expect(() => networkSpecFromDocker({ Name: 'x', Driver: 'macvlan' })).toThrow(/macvlan/);
  });
});

describe('the cluster', () => {
  test('settings round trip', () => {
    const spec = defaultClusterSpec();
    expect(mergeSwarmSpec(spec, swarmSpecToDocker(spec))).toEqual({ ...spec, labels: undefined });
  });

  test('zeros and absent parts change nothing', () => {
    const spec = defaultClusterSpec();
    const merged = mergeSwarmSpec(spec, {
      Raft: { SnapshotInterval: 0 },
      Dispatcher: { HeartbeatPeriod: 0 },
      CAConfig: {},
    });
    expect(merged).toEqual(spec);
    expect(
      mergeSwarmSpec(spec, { Orchestration: { TaskHistoryRetentionLimit: 0 } }).orchestration
        .taskHistoryRetentionLimit,
    ).toBe(0);
  });

  test('what is not supported is refused by name', () => {
    const spec = defaultClusterSpec();
    expect(() => mergeSwarmSpec(spec, { CAConfig: { SigningCAKey: 'x' } })).toThrow(/CA certificate and key/);
    expect(() => mergeSwarmSpec(spec, { TaskDefaults: { LogDriver: { Name: 'gelf' } } })).toThrow(
      /log driver/,
    );
  });

  test('is shown without secrets', () => {
    const shown = clusterToDocker({
      ...meta,
      spec: defaultClusterSpec(),
      tls: { TrustRoot: 'PEM' },
      addressPools: ['10.0.0.0/8'],
      subnetPrefixLength: 24,
      dataPathPort: 4789,
    });
    expect(shown).toMatchObject({ DefaultAddrPool: ['10.0.0.0/8'], SubnetSize: 24, DataPathPort: 4789 });
    expect(JSON.stringify(shown)).not.toMatch(/SWMTKN|KeyPem/i);
  });
});
