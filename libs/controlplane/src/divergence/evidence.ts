import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { SwarmError } from '@skep/kernel';
import { EMPTY_MEMBERSHIP } from '@skep/raft';
import type { Store } from '@skep/store';

import { DataKeys } from '../wal/data-key.ts';
import { ensureFolder, writeFileDurably } from '../wal/durable-file.ts';
import { SnapshotFolder } from '../wal/snapshot-file.ts';

const FOLDER = 'diverged';
const REPORT = 'report.json';

export interface Divergence {
  readonly raftDir: string;
  readonly keyEncryptionKey: Uint8Array | undefined;
  readonly nodeId: string;
  /** Where the difference was seen. */
  readonly logIndex: number;
  readonly ownDigest: string | undefined;
  readonly digestOfOthers: string;
  readonly atMs: number;
}

/**
 * Keeps what is needed to find out why this manager's state differs: a report with a digest of each table, the whole
 * state (sealed like any snapshot), and the log as it is, for a manager that has such a report does not start.
 */
export async function keepEvidence(divergence: Divergence, store: Store): Promise<SwarmError> {
  const folder = join(divergence.raftDir, FOLDER);
  ensureFolder(folder);
  const keys = DataKeys.openOrCreate(divergence.raftDir, divergence.keyEncryptionKey);
  const meta = { logIndex: store.logIndex, term: 0, membership: EMPTY_MEMBERSHIP };
  await new SnapshotFolder(folder, keys).save({ meta, data: store.snapshot() });
  const { nodeId, logIndex, ownDigest, digestOfOthers, atMs } = divergence;
  const report = {
    version: 1,
    nodeId,
    logIndex,
    ownDigest,
    digestOfOthers,
    at: new Date(atMs).toISOString(),
    state: { logIndex: store.logIndex, digest: store.digest(), tables: store.tableDigests() },
    message: messageOf(divergence),
  };
  writeFileDurably(join(folder, REPORT), [Buffer.from(`${JSON.stringify(report, null, 2)}\n`)]);
  return refusal(report.message);
}

/** @throws SwarmError `data_loss` when this manager was stopped because its state differs. */
export function assertNotDiverged(raftDir: string): void {
  const path = join(raftDir, FOLDER, REPORT);
  if (existsSync(path)) {
    const { message } = JSON.parse(readFileSync(path, 'utf8')) as { readonly message: string };
    throw refusal(message);
  }
}

function refusal(message: string): SwarmError {
  return new SwarmError('data_loss', message);
}

function messageOf({ raftDir, nodeId, logIndex }: Divergence): string {
  const folder = join(raftDir, FOLDER);
  return (
    `the state of this manager differs from that of the others at log index ${String(logIndex)}, so it has stopped. ` +
    `Nothing of the cluster is lost: the others go on. The evidence is in ${folder} (${REPORT} and the state), the log in ` +
    `${join(raftDir, 'wal')}; keep a copy for a bug report. To make this host a manager again: on another manager ` +
    `"swarm node rm --force ${nodeId}", here "swarm leave --force", then join with a manager token`
  );
}
