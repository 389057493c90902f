import { SwarmError } from '@skep/kernel';
import { defaultClusterSpec, type Node, type NodeSpec, type ServiceSpec } from '@skep/model';
import { Store, encodeEntry, toEntry, type ReadTx, type WriteTx } from '@skep/store';

import { createCluster } from '../control/cluster.ts';
import type { ControlEnv } from '../control/env.ts';

/** One store with a cluster object, changed as Raft would, and ids that count up. */
export class TestStore implements ControlEnv {
  readonly store = new Store();
  nowMs = 1000;
  #ids = 0;

  constructor(addressPools: string[] = ['10.0.0.0/8']) {
    this.run((tx) =>
      createCluster(
        tx,
        {
          id: 'cluster',
          spec: defaultClusterSpec(),
          ca: { certificatePem: '', keyPem: '', fingerprint: '' },
          joinTokens: { worker: 'w', manager: 'm' },
          addressPools,
          subnetPrefixLength: 24,
          dataPathPort: 4789,
        },
        this,
      ),
    );
  }

  readonly newId = (): string => `id${String((this.#ids += 1)).padStart(23, '0')}`;

  get view(): ReadTx {
    return this.store.view();
  }

  /** Plans and applies a change in one entry; throws the refusal. */
  run<T>(fn: (tx: WriteTx) => T): T {
    this.nowMs += 1;
    const planned = this.store.plan(fn, { nowMs: this.nowMs });
    const entry = encodeEntry(toEntry(planned, { newId: this.newId }));
    const { error } = this.store.apply(entry, this.store.logIndex + 1);
    if (error !== undefined) {
      throw error;
    }
    return planned.value;
  }

  /** What a change that is refused says: its code and message. */
  refusal(fn: (tx: WriteTx) => unknown): string {
    try {
      this.run(fn);
    } catch (error) {
      if (error instanceof SwarmError) {
        return `${error.code}: ${error.message}`;
      }
      throw error;
    }
    return 'not refused';
  }

  addNode(id: string, changes: Partial<NodeSpec> = {}, resources: Partial<Resources> = {}): Node {
    return this.run((tx) =>
      tx.create('node', {
        id,
        spec: { role: 'worker', availability: 'active', ...changes },
        description: {
          hostname: `host-${id}`,
          platform: { os: 'linux', architecture: 'x86_64' },
          resources: { nanoCpus: 4e9, memoryBytes: 8 * 1024 ** 3, ...resources },
          engine: { version: '1' },
        },
        status: { state: 'ready', addr: '10.1.0.1:2377' },
      }),
    );
  }
}

type Resources = NonNullable<Node['description']>['resources'];

export function aSpec(name: string, changes: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name,
    task: { container: { image: 'sample' } },
    mode: { type: 'replicated', replicas: 1 },
    ...changes,
  };
}
