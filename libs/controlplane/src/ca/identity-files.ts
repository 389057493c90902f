import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { z } from 'zod';

import { SwarmError, errorMessage } from '@skep/kernel';

import type { TlsMaterial } from '../driver/raft-handle.ts';
import { readIdentity } from './authority.ts';

/**
 * Settings of a new cluster: `<data root>/node/bootstrap.json`, written by `swarmd` before it starts the manager with
 * `--bootstrap`.
 */
export const BootstrapSettings = z.strictObject({
  clusterName: z.string().min(1).max(255).default('default'),
  addressPools: z.array(z.string()).optional(),
  subnetPrefixLength: z.int().min(8).max(30).optional(),
  dataPathPort: z.int().min(1).max(65_535).optional(),
  dataPathAddr: z.string().optional(),
  availability: z.enum(['active', 'pause', 'drain']).optional(),
  hostname: z.string().optional(),
});
export type BootstrapSettings = z.infer<typeof BootstrapSettings>;

/**
 * The answer of a bootstrap: `<data root>/raft/identity.json`, mode 0600, owned by the manager. `swarmd` copies
 * certificate and root to its own folder once `isCommitted` is set. Until then it also holds the root key, so that a
 * crash before the first Raft entry loses nothing; the committed file does not.
 */
export const BootstrapIdentity = z.strictObject({
  nodeId: z.string(),
  clusterId: z.string(),
  certificatePem: z.string(),
  caPem: z.string(),
  caKeyPem: z.string().optional(),
  issuedAtMs: z.int(),
  expiresAtMs: z.int(),
  fingerprint: z.string(),
  isCommitted: z.boolean(),
});
export type BootstrapIdentity = z.infer<typeof BootstrapIdentity>;

/** A node's identity as the manager uses it. */
export interface NodeIdentity {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly tls: TlsMaterial;
  readonly expiresAtMs: number;
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw new SwarmError('failed_precondition', `${path} cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/** @throws SwarmError `failed_precondition` when the key is not there. */
export async function readNodeKey(nodeDir: string): Promise<string> {
  const key = await readOptional(join(nodeDir, 'node.key'));
  if (key === undefined) {
    throw new SwarmError('failed_precondition', `${join(nodeDir, 'node.key')} is missing: swarmd makes it`);
  }
  return key;
}

/** The identity in `<data root>/node`; undefined while there is no certificate. */
export async function readNodeIdentity(nodeDir: string): Promise<NodeIdentity | undefined> {
  const certificatePem = await readOptional(join(nodeDir, 'node.crt'));
  const caPem = await readOptional(join(nodeDir, 'ca.crt'));
  if (certificatePem === undefined || caPem === undefined) {
    return undefined;
  }
  return toNodeIdentity({ certificatePem, caPem, keyPem: await readNodeKey(nodeDir) });
}

/** The root goes with the certificate, so that a node that joins can compare its digest with its token. */
export function toNodeIdentity(tls: TlsMaterial): NodeIdentity {
  const { nodeId, clusterId, expiresAtMs } = readIdentity(tls.certificatePem);
  const leaf = tls.certificatePem.split('-----END CERTIFICATE-----')[0] ?? '';
  const certificatePem = `${leaf}-----END CERTIFICATE-----\n${tls.caPem}`;
  return { nodeId, clusterId, expiresAtMs, tls: { ...tls, certificatePem } };
}

async function readJson<S extends z.ZodType>(path: string, schema: S): Promise<z.infer<S> | undefined> {
  const text = await readOptional(path);
  if (text === undefined) {
    return undefined;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new SwarmError('data_loss', `${path} is damaged: ${errorMessage(error)}`, { cause: error });
  }
}

export async function readBootstrapSettings(nodeDir: string): Promise<BootstrapSettings> {
  return (await readJson(join(nodeDir, 'bootstrap.json'), BootstrapSettings)) ?? { clusterName: 'default' };
}

const identityPath = (raftDir: string): string => join(raftDir, 'identity.json');

export async function readBootstrapIdentity(raftDir: string): Promise<BootstrapIdentity | undefined> {
  return readJson(identityPath(raftDir), BootstrapIdentity);
}

/** Writes durably: temporary file, fsync, rename. */
export async function writeBootstrapIdentity(raftDir: string, identity: BootstrapIdentity): Promise<void> {
  const path = identityPath(raftDir);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(identity));
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}
