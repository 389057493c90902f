import { z } from 'zod';

import { DurationNs, Labels, objectMetaShape } from './meta.ts';

export const ClusterSpec = z.strictObject({
  name: z.string().min(1).max(255),
  labels: Labels.optional(),
  orchestration: z.strictObject({ taskHistoryRetentionLimit: z.int().min(0).max(10_000) }),
  raft: z.strictObject({
    snapshotInterval: z.int().min(1),
    keepOldSnapshots: z.int().min(0).max(100).optional(),
    logEntriesForSlowFollowers: z.int().min(0).optional(),
    electionTick: z.int().min(2),
    heartbeatTick: z.int().min(1),
  }),
  dispatcher: z.strictObject({ heartbeatPeriodNs: DurationNs }),
  ca: z.strictObject({ nodeCertExpiryNs: DurationNs }),
  autoLockManagers: z.boolean(),
});
export type ClusterSpec = z.infer<typeof ClusterSpec>;

/** The one cluster object. `joinTokens`, `unlockKey` and `ca.keyPem` are secrets: they never leave the managers unasked. */
export const Cluster = z.strictObject({
  ...objectMetaShape,
  spec: ClusterSpec,
  ca: z.strictObject({ certificatePem: z.string(), keyPem: z.string(), fingerprint: z.string() }),
  joinTokens: z.strictObject({ worker: z.string(), manager: z.string() }),
  /** Wraps the managers' data keys; there while `spec.autoLockManagers` is set. */
  unlockKey: z.string().optional(),
  addressPools: z.array(z.string()),
  subnetPrefixLength: z.int().min(8).max(30),
  dataPathPort: z.int().min(1).max(65_535),
  /** One-time link that lets a browser create the first administrator: SHA-256 of the token, and its end. */
  setup: z.strictObject({ tokenSha256: z.string(), expiresAtMs: z.int() }).optional(),
});
export type Cluster = z.infer<typeof Cluster>;
