import { SwarmError } from '@skep/kernel';
import { Store } from '@skep/store';

import type { RootCa } from '../ca/authority.ts';

/** What has to be known of a stored state before a manager can begin with it. */
export interface ClusterImage {
  readonly logIndex: number;
  readonly identity: { readonly clusterId: string; readonly root: RootCa };
  /** The key that managers of the cluster are locked with, when they are. */
  readonly unlockKey: string | undefined;
}

/** @throws SwarmError `data_loss` when the bytes are no state of a cluster. */
export function readClusterImage(data: Uint8Array): ClusterImage {
  const store = new Store();
  store.restore(data);
  const cluster = store.view().cluster();
  if (cluster === undefined) {
    throw new SwarmError('data_loss', 'the state holds no cluster: it was saved before the cluster was made');
  }
  const { certificatePem, keyPem } = cluster.ca;
  return {
    logIndex: store.logIndex,
    identity: { clusterId: cluster.id, root: { certificatePem, keyPem } },
    unlockKey: cluster.unlockKey,
  };
}
