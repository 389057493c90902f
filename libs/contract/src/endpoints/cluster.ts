import { z } from 'zod';

import { NodeRole } from '@skep/model';

import { endpoint } from '../endpoint.ts';
import { Version, changed } from '../query.ts';
import { BackupView, ClusterView, JoinTokensView, RaftView, UnlockKeyView } from '../views.ts';

/** A merge patch (RFC 7396): absent keys stay, `null` removes. The result is validated against the object's schema. */
export const MergePatch = z.record(z.string(), z.unknown());
export type MergePatch = z.infer<typeof MergePatch>;

export const clusterEndpoints = {
  getCluster: endpoint({
    method: 'GET',
    path: '/cluster',
    tag: 'cluster',
    summary: 'The cluster object',
    access: 'cluster.read',
    response: ClusterView,
  }),
  patchCluster: endpoint({
    method: 'PATCH',
    path: '/cluster',
    tag: 'cluster',
    summary: 'Change cluster settings (merge patch of spec)',
    access: 'cluster.write',
    query: z.strictObject({ version: Version.optional() }),
    body: MergePatch,
    response: changed(ClusterView),
    example: { orchestration: { taskHistoryRetentionLimit: 3 } },
  }),
  getJoinTokens: endpoint({
    method: 'GET',
    path: '/cluster/join-tokens',
    tag: 'cluster',
    summary: 'The tokens by which hosts join',
    access: 'joinToken.read',
    response: JoinTokensView,
  }),
  rotateJoinToken: endpoint({
    method: 'POST',
    path: '/cluster/join-tokens/rotate',
    tag: 'cluster',
    summary: 'Replace the join token of one role; the old one no longer works',
    access: 'joinToken.rotate',
    body: z.strictObject({ role: NodeRole }),
    response: JoinTokensView,
    example: { role: 'worker' },
  }),
  getUnlockKey: endpoint({
    method: 'GET',
    path: '/cluster/unlock-key',
    tag: 'cluster',
    summary: 'The key by which locked managers are unlocked',
    access: 'unlockKey.read',
    response: UnlockKeyView,
  }),
  rotateUnlockKey: endpoint({
    method: 'POST',
    path: '/cluster/unlock-key/rotate',
    tag: 'cluster',
    summary:
      'Replace the unlock key; managers that are up wrap their data keys anew at once, others when they are back',
    access: 'unlockKey.rotate',
    response: UnlockKeyView,
  }),
  backupCluster: endpoint({
    method: 'POST',
    path: '/cluster/backup',
    tag: 'cluster',
    summary:
      'The whole state (secrets, keys and users too), sealed with a passphrase, as a file for swarm restore',
    access: 'cluster.backup',
    isWrite: false,
    body: z.strictObject({ passphrase: z.string().min(12).max(1024) }),
    response: BackupView,
    example: { passphrase: 'a long sentence that you keep elsewhere' },
  }),
  getRaft: endpoint({
    method: 'GET',
    path: '/cluster/raft',
    tag: 'cluster',
    summary: 'Managers, leader, term and log indexes as this manager sees them',
    access: 'cluster.read',
    response: RaftView,
  }),
  transferLeadership: endpoint({
    method: 'POST',
    path: '/cluster/raft/transfer',
    tag: 'cluster',
    summary: 'Hand leadership to another manager',
    access: 'cluster.write',
    body: z.strictObject({ node: z.string().min(1).max(256) }),
    response: RaftView,
    example: { node: 'manager-2' },
  }),
};
