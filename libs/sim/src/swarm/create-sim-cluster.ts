import { defaultClusterSpec } from '@skep/model';
import { createCluster } from '@skep/orchestrator';
import type { WriteTx } from '@skep/store';

import type { SimHost } from './sim-host.ts';

/** What the first manager writes: the cluster and its nodes. Does nothing when it is there already. */
export function createSimCluster(tx: WriteTx, hosts: readonly SimHost[]): void {
  if (tx.cluster() !== undefined) {
    return;
  }
  createCluster(
    tx,
    {
      id: 'cluster',
      spec: defaultClusterSpec(),
      ca: { certificatePem: '', keyPem: '', fingerprint: '' },
      joinTokens: { worker: '', manager: '' },
      addressPools: ['10.0.0.0/8'],
      subnetPrefixLength: 24,
      dataPathPort: 4789,
    },
    { newId: () => 'ingress' },
  );
  for (const { nodeId, role } of hosts) {
    const spec = { role, availability: 'active', labels: { zone: nodeId } } as const;
    tx.create('node', { id: nodeId, spec, status: { state: 'unknown', addr: '' } });
  }
}
