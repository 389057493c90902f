import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';

import type { Logger } from 'pino';

import { SwarmError, present, type Clock } from '@skep/kernel';
import {
  DEFAULT_ADDRESS_POOLS,
  DEFAULT_DATA_PATH_PORT,
  DEFAULT_NODE_CERT_EXPIRY_NS,
  DEFAULT_SUBNET_PREFIX_LENGTH,
  defaultClusterSpec,
} from '@skep/model';
import { createCluster } from '@skep/orchestrator';
import type { WriteTx } from '@skep/store';

import { createRootCa, issueCertificateFor, type RootCa } from './ca/authority.ts';
import { managerHosts } from './ca/certificate-service.ts';
import {
  readBootstrapIdentity,
  readBootstrapSettings,
  readNodeIdentity,
  readNodeKey,
  toNodeIdentity,
  writeBootstrapIdentity,
  type BootstrapIdentity,
  type BootstrapSettings,
  type NodeIdentity,
} from './ca/identity-files.ts';
import { caFingerprint, newJoinToken } from './ca/join-token.ts';
import type { ControlPlane } from './control-plane-api.ts';
import type { ControlPlaneOptions } from './control-plane-options.ts';
import { hostOf } from './dispatcher/wire-objects.ts';
import { demoteLostManagers } from './recovery/lost-managers.ts';
import { readClusterImage } from './recovery/cluster-image.ts';
import { untilLeading } from './recovery/until-leading.ts';

const bytes = (count: number): Uint8Array => randomBytes(count);

export interface BootstrapOptions {
  readonly nodeDir: string;
  readonly raftDir: string;
  readonly advertiseAddr: string;
  readonly settings: BootstrapSettings;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** What a restored cluster keeps of its former self. */
interface FormerIdentity {
  readonly clusterId: string;
  readonly root: RootCa;
}

/**
 * Makes the identity of a cluster's first node (certificate, node id) and, unless it is a restored one, of the cluster
 * (root certificate, cluster id). A second call, after a crash, answers what the first has written.
 */
async function ensureBootstrapIdentity(
  options: BootstrapOptions,
  former: FormerIdentity | undefined,
): Promise<BootstrapIdentity> {
  const existing = await readBootstrapIdentity(options.raftDir);
  if (existing !== undefined) {
    return existing;
  }
  const nowMs = options.clock.nowMs();
  const root = former?.root ?? (await createRootCa(nowMs));
  const nodeId = options.newId();
  const clusterId = former?.clusterId ?? options.newId();
  const keyPem = await readNodeKey(options.nodeDir);
  const publicKeyDer = createPublicKey(createPrivateKey(keyPem)).export({ format: 'der', type: 'spki' });
  const issued = await issueCertificateFor(root, publicKeyDer, {
    nodeId,
    clusterId,
    role: 'manager',
    nowMs,
    validMs: DEFAULT_NODE_CERT_EXPIRY_NS / 1_000_000,
    hosts: managerHosts(hostOf(options.advertiseAddr), options.settings.hostname),
  });
  const identity: BootstrapIdentity = {
    ...issued,
    nodeId,
    clusterId,
    caPem: root.certificatePem,
    ...(former === undefined ? { caKeyPem: root.keyPem } : {}),
    isCommitted: false,
  };
  await writeBootstrapIdentity(options.raftDir, identity);
  return identity;
}

/** A new cluster that is being made. */
export interface Bootstrap {
  readonly identity: BootstrapIdentity;
  readonly settings: BootstrapSettings;
}

/**
 * The identity a manager starts with: what swarmd has put into the node folder, or, for a new cluster, one of its own
 * making until swarmd has taken it over.
 * @throws SwarmError `failed_precondition` when there is none.
 */
export async function readOrMakeIdentity(
  options: Pick<ControlPlaneOptions, 'nodeDir' | 'raftDir' | 'advertiseAddr' | 'origin' | 'bootstrap'> &
    Pick<BootstrapOptions, 'clock' | 'newId'>,
): Promise<{ readonly identity: NodeIdentity; readonly bootstrap: Bootstrap | undefined }> {
  const { nodeDir, raftDir, origin } = options;
  const onDisk = await readNodeIdentity(nodeDir);
  const isNew = origin.kind === 'bootstrap' || origin.kind === 'restore';
  if (onDisk !== undefined && !isNew) {
    return { identity: onDisk, bootstrap: undefined };
  }
  const settings = options.bootstrap ?? (await readBootstrapSettings(nodeDir));
  const former = origin.kind === 'restore' ? readClusterImage(origin.data).identity : undefined;
  const made = isNew
    ? await ensureBootstrapIdentity({ ...options, settings }, former)
    : await readBootstrapIdentity(raftDir);
  if (made === undefined) {
    throw new SwarmError('failed_precondition', `${nodeDir} holds no node certificate: init or join first`);
  }
  const { certificatePem, caPem } = made;
  const identity = onDisk ?? toNodeIdentity({ certificatePem, caPem, keyPem: await readNodeKey(nodeDir) });
  return { identity, bootstrap: { identity: made, settings } };
}

/** Says in the identity file that the cluster exists, and takes the root key away from it. */
async function markBootstrapCommitted(raftDir: string, identity: BootstrapIdentity): Promise<void> {
  const { caKeyPem: _committed, ...rest } = identity;
  await writeBootstrapIdentity(raftDir, { ...rest, isCommitted: true });
}

/** Writes the first objects of a cluster: the cluster itself with its tokens, the ingress network, the first node. */
function createFirstObjects(
  tx: WriteTx,
  options: Pick<BootstrapOptions, 'advertiseAddr' | 'settings' | 'newId'> & {
    readonly identity: BootstrapIdentity & { readonly caKeyPem: string };
  },
): void {
  const { identity, settings } = options;
  createCluster(
    tx,
    {
      id: identity.clusterId,
      spec: defaultClusterSpec(settings.clusterName),
      ca: {
        certificatePem: identity.caPem,
        keyPem: identity.caKeyPem,
        fingerprint: caFingerprint(identity.caPem),
      },
      joinTokens: {
        worker: newJoinToken(identity.caPem, bytes),
        manager: newJoinToken(identity.caPem, bytes),
      },
      addressPools: settings.addressPools ?? [...DEFAULT_ADDRESS_POOLS],
      subnetPrefixLength: settings.subnetPrefixLength ?? DEFAULT_SUBNET_PREFIX_LENGTH,
      dataPathPort: settings.dataPathPort ?? DEFAULT_DATA_PATH_PORT,
    },
    { newId: options.newId },
  );
  createFirstNode(tx, options);
}

/** The node object of this manager's host. */
function createFirstNode(
  tx: WriteTx,
  options: Pick<BootstrapOptions, 'advertiseAddr' | 'settings'> & { readonly identity: BootstrapIdentity },
): void {
  const { identity, settings } = options;
  tx.create('node', {
    id: identity.nodeId,
    spec: { role: 'manager', availability: settings.availability ?? 'active' },
    status: { state: 'unknown', addr: hostOf(options.advertiseAddr), sinceMs: tx.nowMs },
    ...(settings.dataPathAddr === undefined ? {} : { dataPathAddr: settings.dataPathAddr }),
    certificate: {
      issuedAtMs: identity.issuedAtMs,
      expiresAtMs: identity.expiresAtMs,
      fingerprint: identity.fingerprint,
    },
  });
}

/**
 * Creates the cluster once this manager leads, unless an earlier start has done so, and says so in the identity file.
 * @throws SwarmError `unavailable` when the first election does not come to an end.
 */
export async function finishBootstrap(
  manager: Pick<ControlPlane, 'status' | 'view' | 'update'>,
  options: Pick<BootstrapOptions, 'raftDir' | 'advertiseAddr' | 'settings' | 'newId'> & {
    readonly identity: BootstrapIdentity;
    readonly log: Logger;
  },
): Promise<void> {
  const { identity, settings, newId } = options;
  await untilLeading(manager);
  if (manager.view((tx) => tx.cluster()) === undefined) {
    const caKeyPem = present(identity.caKeyPem, 'root key of the new cluster');
    await manager.update(
      {
        actor: { name: 'system', from: settings.hostname ?? identity.nodeId, via: 'system' },
        requestId: newId(),
        audit: {
          action: 'cluster.init',
          target: { kind: 'cluster', id: identity.clusterId, name: settings.clusterName },
        },
      },
      (tx) => {
        createFirstObjects(tx, { ...options, identity: { ...identity, caKeyPem } });
      },
    );
    options.log.info({ clusterId: identity.clusterId }, 'cluster was created');
  } else if (manager.view((tx) => tx.get('node', identity.nodeId)) === undefined) {
    await takeOverRestored(manager, options);
  }
  if (!identity.isCommitted) {
    await markBootstrapCommitted(options.raftDir, identity);
  }
}

/** Makes this manager the one of a restored cluster: its node comes in, the managers of old become workers. */
async function takeOverRestored(
  manager: Pick<ControlPlane, 'update'>,
  options: Pick<BootstrapOptions, 'advertiseAddr' | 'settings' | 'newId'> & {
    readonly identity: BootstrapIdentity;
    readonly log: Logger;
  },
): Promise<void> {
  const { identity, settings } = options;
  await manager.update(
    {
      actor: { name: 'system', from: settings.hostname ?? identity.nodeId, via: 'system' },
      requestId: options.newId(),
      audit: { action: 'cluster.restore', target: { kind: 'cluster', id: identity.clusterId } },
    },
    (tx) => {
      demoteLostManagers(tx, identity.nodeId);
      createFirstNode(tx, options);
    },
  );
  options.log.warn({ clusterId: identity.clusterId }, 'cluster was restored from a backup');
}
