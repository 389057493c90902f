import { SwarmError } from '@skep/kernel';
import type { Cluster, ClusterSpec, Network } from '@skep/model';
import type { NewObject, ReadTx, WriteTx } from '@skep/store';

import { chooseSubnets } from '../allocator/ipam.ts';
import { parseSubnet } from '../allocator/ipv4.ts';
import { chooseVni } from '../allocator/vni.ts';
import { assertVersion, invalidField, type ControlEnv } from './env.ts';

/**
 * Creates the cluster object and the ingress network of the routing mesh, which exists from the first moment.
 * @throws SwarmError `invalid_argument` for a bad address pool, `already_exists`.
 */
export function createCluster(
  tx: WriteTx,
  cluster: NewObject<Cluster>,
  env: ControlEnv,
): { readonly cluster: Cluster; readonly ingress: Network } {
  cluster.addressPools.forEach((pool, index) => {
    const subnet = parseSubnet(pool);
    if (subnet === undefined || subnet.prefixLength > cluster.subnetPrefixLength) {
      throw invalidField(`addressPools[${String(index)}]`, `invalid default address pool: ${pool}`);
    }
  });
  const created = tx.create('cluster', cluster);
  const id = env.newId();
  const spec = {
    name: 'ingress',
    driver: 'overlay' as const,
    ingress: true,
    labels: { 'com.docker.swarm.internal': 'true' },
  };
  const ipam = chooseSubnets(tx, { id, spec });
  const vni = chooseVni(tx, undefined);
  if (!ipam.ok || !vni.ok) {
    throw new SwarmError('invalid_argument', 'the address pools are too small for the ingress network');
  }
  const ingress = tx.create('network', { id, spec, ipam: ipam.value, vni: vni.value });
  return { cluster: created, ingress };
}

/** The cluster object. @throws SwarmError `failed_precondition` before `init`. */
export function theCluster(tx: ReadTx): Cluster {
  const cluster = tx.cluster();
  if (cluster === undefined) {
    throw new SwarmError('failed_precondition', 'the cluster is not set up yet');
  }
  return cluster;
}

export interface UpdateClusterInput {
  readonly spec: ClusterSpec;
  readonly version?: number;
}

/** @throws SwarmError `version_conflict`, `invalid_argument` when the election would not outlast the heartbeat. */
export function updateCluster(tx: WriteTx, input: UpdateClusterInput): Cluster {
  const cluster = theCluster(tx);
  assertVersion(cluster, input.version);
  if (input.spec.raft.electionTick <= input.spec.raft.heartbeatTick) {
    throw invalidField('raft.electionTick', 'election tick must be greater than heartbeat tick');
  }
  return tx.update('cluster', { ...cluster, spec: input.spec });
}

/** Replaces join tokens; what is not given stays. */
export function setJoinTokens(
  tx: WriteTx,
  tokens: { readonly worker?: string; readonly manager?: string },
): Cluster {
  const cluster = theCluster(tx);
  return tx.update('cluster', { ...cluster, joinTokens: { ...cluster.joinTokens, ...tokens } });
}

/** Sets or (undefined) ends the one-time link by which a browser creates the first administrator. */
export function setSetupLink(tx: WriteTx, setup: Cluster['setup']): Cluster {
  return tx.patch('cluster', theCluster(tx).id, { setup });
}
