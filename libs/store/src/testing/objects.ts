import { defaultClusterSpec, type Cluster, type Node, type Service, type Task } from '@skep/model';

import type { NewObject } from '../tx.ts';

/** Small valid objects for tests. */
export function aService(id: string, changes: Partial<Service> = {}): NewObject<Service> {
  return {
    id,
    spec: {
      name: `name-${id}`,
      task: { container: { image: 'sample' } },
      mode: { type: 'replicated', replicas: 1 },
    },
    specVersion: 1,
    ...changes,
  };
}

export function aTask(id: string, serviceId: string, changes: Partial<Task> = {}): NewObject<Task> {
  return {
    id,
    serviceId,
    serviceName: `name-${serviceId}`,
    slot: 1,
    spec: { container: { image: 'sample' } },
    specVersion: 1,
    status: { state: 'new', atMs: 1, message: 'created' },
    desiredState: 'running',
    networks: [],
    ...changes,
  };
}

export function aNode(id: string, changes: Partial<Node> = {}): NewObject<Node> {
  return {
    id,
    spec: { role: 'worker', availability: 'active' },
    description: {
      hostname: `host-${id}`,
      platform: { os: 'linux', architecture: 'x86_64' },
      resources: { nanoCpus: 4_000_000_000, memoryBytes: 8 * 1024 ** 3 },
      engine: { version: '1' },
    },
    status: { state: 'ready', addr: '10.0.0.1' },
    ...changes,
  };
}

export function aCluster(): NewObject<Cluster> {
  return {
    id: 'cluster',
    spec: defaultClusterSpec(),
    ca: { certificatePem: '', keyPem: '', fingerprint: '' },
    joinTokens: { worker: 'w', manager: 'm' },
    addressPools: ['10.0.0.0/8'],
    subnetPrefixLength: 24,
    dataPathPort: 4789,
  };
}
