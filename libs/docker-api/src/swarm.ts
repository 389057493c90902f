import { SwarmError } from '@skep/kernel';
import type { ClusterSpec } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';
import { metaToDocker, type DockerMeta } from './meta.ts';
import type { DockerTlsInfo } from './node.ts';
import { DockerDriver } from './task-spec.ts';

/** Docker's `swarm.Spec`; times in nanoseconds. */
export const DockerSwarmSpec = z.object({
  Name: z.string().optional(),
  Labels: z.record(z.string(), z.string()).optional(),
  Orchestration: z.object({ TaskHistoryRetentionLimit: z.number().optional() }).optional(),
  Raft: z
    .object({
      SnapshotInterval: z.number().optional(),
      KeepOldSnapshots: z.number().optional(),
      LogEntriesForSlowFollowers: z.number().optional(),
      ElectionTick: z.number().optional(),
      HeartbeatTick: z.number().optional(),
    })
    .optional(),
  Dispatcher: z.object({ HeartbeatPeriod: z.number().optional() }).optional(),
  CAConfig: z
    .object({
      NodeCertExpiry: z.number().optional(),
      ExternalCAs: z.array(z.unknown()).optional(),
      SigningCACert: z.string().optional(),
      SigningCAKey: z.string().optional(),
      ForceRotate: z.number().optional(),
    })
    .optional(),
  TaskDefaults: z.object({ LogDriver: DockerDriver.optional() }).optional(),
  EncryptionConfig: z.object({ AutoLockManagers: z.boolean().optional() }).optional(),
});
export type DockerSwarmSpec = z.infer<typeof DockerSwarmSpec>;

/** Body of `POST /swarm/init`. */
export const DockerSwarmInit = z.object({
  ListenAddr: z.string().optional(),
  AdvertiseAddr: z.string().optional(),
  DataPathAddr: z.string().optional(),
  DataPathPort: z.number().int().min(0).max(65_535).optional(),
  ForceNewCluster: z.boolean().optional(),
  Spec: DockerSwarmSpec.optional(),
  AutoLockManagers: z.boolean().optional(),
  Availability: z.enum(['', 'active', 'pause', 'drain']).optional(),
  DefaultAddrPool: z.array(z.string()).optional(),
  SubnetSize: z.number().int().min(0).max(30).optional(),
});
export type DockerSwarmInit = z.infer<typeof DockerSwarmInit>;

/** Body of `POST /swarm/join`. */
export const DockerSwarmJoin = z.object({
  ListenAddr: z.string().optional(),
  AdvertiseAddr: z.string().optional(),
  DataPathAddr: z.string().optional(),
  RemoteAddrs: z.array(z.string()).optional(),
  JoinToken: z.string().optional(),
  Availability: z.enum(['', 'active', 'pause', 'drain']).optional(),
});
export type DockerSwarmJoin = z.infer<typeof DockerSwarmJoin>;

export const DockerSwarmUnlock = z.object({ UnlockKey: z.string().optional() });

/** The cluster as a manager tells it, without its secrets. */
export interface ClusterFacts {
  readonly id: string;
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly spec: ClusterSpec;
  readonly tls: DockerTlsInfo;
  readonly addressPools: readonly string[];
  readonly subnetPrefixLength: number;
  readonly dataPathPort: number;
}

/** `Swarm.Cluster` of `/info`, and `/swarm` without the tokens. */
export interface DockerClusterInfo extends DockerMeta {
  readonly ID: string;
  readonly Spec: DockerSwarmSpec;
  readonly TLSInfo: DockerTlsInfo;
  readonly RootRotationInProgress: boolean;
  readonly DefaultAddrPool: readonly string[];
  readonly SubnetSize: number;
  readonly DataPathPort: number;
}

export function swarmSpecToDocker(spec: ClusterSpec): DockerSwarmSpec {
  return {
    Name: spec.name,
    Labels: spec.labels ?? {},
    Orchestration: { TaskHistoryRetentionLimit: spec.orchestration.taskHistoryRetentionLimit },
    Raft: {
      SnapshotInterval: spec.raft.snapshotInterval,
      KeepOldSnapshots: spec.raft.keepOldSnapshots ?? 0,
      LogEntriesForSlowFollowers: spec.raft.logEntriesForSlowFollowers ?? 0,
      ElectionTick: spec.raft.electionTick,
      HeartbeatTick: spec.raft.heartbeatTick,
    },
    Dispatcher: { HeartbeatPeriod: spec.dispatcher.heartbeatPeriodNs },
    CAConfig: { NodeCertExpiry: spec.ca.nodeCertExpiryNs },
    TaskDefaults: {},
    EncryptionConfig: { AutoLockManagers: spec.autoLockManagers },
  };
}

/**
 * The cluster's settings after `update`: what is absent or zero in it stays as it is, except auto-lock.
 * @throws SwarmError `unimplemented` for external certificate authorities, own CA keys and a default log driver.
 */
export function mergeSwarmSpec(current: ClusterSpec, update: DockerSwarmSpec): ClusterSpec {
  refuseUnsupported(update);
  return compact<ClusterSpec>({
    name: orOmit(update.Name) ?? current.name,
    labels: orOmit(update.Labels) ?? current.labels,
    orchestration: {
      taskHistoryRetentionLimit:
        update.Orchestration?.TaskHistoryRetentionLimit ?? current.orchestration.taskHistoryRetentionLimit,
    },
    raft: mergeRaft(current.raft, update.Raft ?? {}),
    dispatcher: {
      heartbeatPeriodNs: orOmit(update.Dispatcher?.HeartbeatPeriod) ?? current.dispatcher.heartbeatPeriodNs,
    },
    ca: { nodeCertExpiryNs: orOmit(update.CAConfig?.NodeCertExpiry) ?? current.ca.nodeCertExpiryNs },
    autoLockManagers: update.EncryptionConfig?.AutoLockManagers ?? current.autoLockManagers,
  });
}

function mergeRaft(
  current: ClusterSpec['raft'],
  update: NonNullable<DockerSwarmSpec['Raft']>,
): ClusterSpec['raft'] {
  return {
    snapshotInterval: orOmit(update.SnapshotInterval) ?? current.snapshotInterval,
    keepOldSnapshots: update.KeepOldSnapshots ?? current.keepOldSnapshots,
    logEntriesForSlowFollowers:
      orOmit(update.LogEntriesForSlowFollowers) ?? current.logEntriesForSlowFollowers,
    electionTick: orOmit(update.ElectionTick) ?? current.electionTick,
    heartbeatTick: orOmit(update.HeartbeatTick) ?? current.heartbeatTick,
  };
}

function refuseUnsupported(update: DockerSwarmSpec): void {
  const ca = update.CAConfig ?? {};
  if ((ca.ExternalCAs ?? []).length > 0) {
    throw new SwarmError('unimplemented', 'external certificate authorities are not supported');
  }
  if (orOmit(ca.SigningCACert) !== undefined || orOmit(ca.SigningCAKey) !== undefined) {
    throw new SwarmError('unimplemented', 'bringing your own CA certificate and key is not supported');
  }
  if (update.TaskDefaults?.LogDriver?.Name) {
    throw new SwarmError(
      'unimplemented',
      'a default log driver of the swarm is not supported; set one per service',
    );
  }
}

export function clusterToDocker(cluster: ClusterFacts): DockerClusterInfo {
  return {
    ID: cluster.id,
    ...metaToDocker(cluster),
    Spec: swarmSpecToDocker(cluster.spec),
    TLSInfo: cluster.tls,
    RootRotationInProgress: false,
    DefaultAddrPool: cluster.addressPools,
    SubnetSize: cluster.subnetPrefixLength,
    DataPathPort: cluster.dataPathPort,
  };
}
