import type { Logger } from 'pino';

import type { Subscription } from '@skep/controlplane';
import { assertNever, errorMessage } from '@skep/kernel';
import type { HistoryEntry, HistoryRecord } from '@skep/model';

import type { Database } from './database.ts';
import type { Prisma, PrismaClient } from './generated/client.ts';

/** Records written in one transaction. */
const BATCH_MAX = 500;
const RETRY_MS = 2000;

/** What the projector needs of the control plane. */
export interface HistorySource {
  historyAfter(afterIndex: number, limit?: number): readonly HistoryEntry[];
  watch(options: { readonly onReady: () => void }): Subscription;
}

export interface ProjectorOptions {
  readonly source: HistorySource;
  readonly database: Database;
  readonly clusterId: () => string;
  readonly logger: Logger;
}

/**
 * Writes the history records of the Raft log into the database. The cursor moves in the same transaction as the rows,
 * and a row's key is its place in the log, so that each record is there exactly once however often the projector, the
 * manager or the database is killed, and however many managers share the database. After an outage it goes on where it
 * was, as far back as the store still keeps the records.
 */
export class Projector {
  readonly #options: ProjectorOptions;
  #isClosed = false;
  #isRunning = false;
  #isWanted = false;
  #timer: NodeJS.Timeout | undefined;
  #projectedIndex = 0;
  #subscription: Subscription | undefined;
  #stopListening: (() => void) | undefined;

  constructor(options: ProjectorOptions) {
    this.#options = options;
  }

  /** Last log index whose records are in the database. */
  get projectedIndex(): number {
    return this.#projectedIndex;
  }

  start(): void {
    this.#subscription = this.#options.source.watch({
      onReady: () => {
        this.#look();
      },
    });
    this.#look();
    this.#stopListening = this.#options.database.onChange((isUp) => {
      if (isUp) {
        this.wake();
      }
    });
    this.wake();
  }

  async stop(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#subscription?.close();
    this.#stopListening?.();
    while (this.#isRunning) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Projects what is new, soon. */
  wake(): void {
    this.#isWanted = true;
    if (!this.#isRunning && !this.#isClosed && this.#options.database.reason === undefined) {
      this.#isRunning = true;
      void this.#run().finally(() => {
        this.#isRunning = false;
        if (this.#isWanted && this.#timer === undefined) {
          this.wake();
        }
      });
    }
  }

  /** Most entries tell nothing: only those with history are worth a query. */
  #look(): void {
    for (;;) {
      const result = this.#subscription?.poll();
      if (result === undefined || (result.type === 'entries' && result.entries.length === 0)) {
        return;
      }
      if (result.type === 'resync' || result.entries.some(({ history }) => history.length > 0)) {
        this.wake();
      }
    }
  }

  async #run(): Promise<void> {
    const { logger } = this.#options;
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      try {
        let count: number;
        do {
          count = await this.projectBatch();
        } while (count > 0);
      } catch (error: unknown) {
        logger.warn({ reason: errorMessage(error) }, 'history not projected');
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.wake();
        }, RETRY_MS);
        return;
      }
    }
  }

  /** Writes the next records after the cursor; answers how many there were. */
  async projectBatch(): Promise<number> {
    const { source, database } = this.#options;
    const clusterId = this.#options.clusterId();
    return database.query(async (client) => {
      const cursor = await client.projectionCursor.findUnique({ where: { clusterId } });
      const doneIndex = Number(cursor?.logIndex ?? 0n);
      const entries = wholeEntries(source.historyAfter(doneIndex, BATCH_MAX + 1));
      const last = entries.at(-1);
      if (last === undefined) {
        this.#projectedIndex = doneIndex;
        return 0;
      }
      await client.$transaction([
        ...toStatements(client, clusterId, entries),
        moveCursor(client, clusterId, last),
      ]);
      this.#projectedIndex = last.logIndex;
      return entries.length;
    });
  }
}

/** Cuts a full batch at the end of a log entry, so that the cursor can be a log index. */
function wholeEntries(entries: readonly HistoryEntry[]): readonly HistoryEntry[] {
  if (entries.length <= BATCH_MAX) {
    return entries;
  }
  const cut = entries.at(-1)?.logIndex;
  const whole = entries.filter(({ logIndex }) => logIndex !== cut);
  return whole.length > 0 ? whole : entries;
}

function toStatements(
  client: PrismaClient,
  clusterId: string,
  entries: readonly HistoryEntry[],
): Prisma.PrismaPromise<unknown>[] {
  const audits: Prisma.AuditEntryCreateManyInput[] = [];
  const events: Prisma.ClusterEventCreateManyInput[] = [];
  const others: Prisma.PrismaPromise<unknown>[] = [];
  for (const entry of entries) {
    const { record } = entry;
    switch (record.type) {
      case 'audit':
        audits.push(toAuditRow(clusterId, entry, record));
        break;
      case 'event':
        events.push(toEventRow(clusterId, entry, record));
        break;
      case 'serviceRevision':
        others.push(putServiceRevision(client, clusterId, { logIndex: entry.logIndex, record }));
        break;
      case 'stackRevision':
        others.push(putStackRevision(client, clusterId, { logIndex: entry.logIndex, record }));
        break;
      default:
        assertNever(record, 'history record');
    }
  }
  return [
    client.auditEntry.createMany({ data: audits, skipDuplicates: true }),
    client.clusterEvent.createMany({ data: events, skipDuplicates: true }),
    ...others,
  ];
}

type RecordOf<T extends HistoryRecord['type']> = Extract<HistoryRecord, { type: T }>;

function toAuditRow(
  clusterId: string,
  { logIndex, seq }: HistoryEntry,
  record: RecordOf<'audit'>,
): Prisma.AuditEntryCreateManyInput {
  return {
    clusterId,
    logIndex: BigInt(logIndex),
    seq,
    at: new Date(record.atMs),
    actorName: record.actor.name,
    actorFrom: record.actor.from,
    actorVia: record.actor.via,
    action: record.action,
    targetKind: record.target.kind,
    targetId: record.target.id ?? null,
    targetName: record.target.name ?? null,
    outcome: record.outcome,
    detail: record.detail ?? null,
    requestId: record.requestId,
  };
}

function toEventRow(
  clusterId: string,
  { logIndex, seq }: HistoryEntry,
  record: RecordOf<'event'>,
): Prisma.ClusterEventCreateManyInput {
  return {
    clusterId,
    logIndex: BigInt(logIndex),
    seq,
    at: new Date(record.atMs),
    action: record.action,
    severity: record.severity,
    targetKind: record.target.kind,
    targetId: record.target.id ?? null,
    targetName: record.target.name ?? null,
    message: record.message,
    ...(record.attributes === undefined ? {} : { attributes: record.attributes }),
  };
}

/** A revision may be written again by a later entry (a scale within one version of the task): the latest stays. */
function putServiceRevision(
  client: PrismaClient,
  clusterId: string,
  { logIndex, record }: { readonly logIndex: number; readonly record: RecordOf<'serviceRevision'> },
): Prisma.PrismaPromise<unknown> {
  const { actor, spec } = record;
  return client.$executeRaw`
    INSERT INTO service_revision
      (cluster_id, service_id, revision, service_name, log_index, at, actor_name, actor_from, actor_via, spec, message)
    VALUES
      (${clusterId}, ${record.serviceId}, ${BigInt(record.revision)}, ${spec.name}, ${BigInt(logIndex)},
       ${new Date(record.atMs)}, ${actor.name}, ${actor.from}, ${actor.via},
       ${JSON.stringify(spec)}::jsonb, ${record.message ?? null})
    ON CONFLICT (cluster_id, service_id, revision) DO UPDATE SET
      service_name = EXCLUDED.service_name, log_index = EXCLUDED.log_index, at = EXCLUDED.at,
      actor_name = EXCLUDED.actor_name, actor_from = EXCLUDED.actor_from, actor_via = EXCLUDED.actor_via,
      spec = EXCLUDED.spec, message = EXCLUDED.message
    WHERE service_revision.log_index < EXCLUDED.log_index`;
}

function putStackRevision(
  client: PrismaClient,
  clusterId: string,
  { logIndex, record }: { readonly logIndex: number; readonly record: RecordOf<'stackRevision'> },
): Prisma.PrismaPromise<unknown> {
  return client.stackRevision.createMany({
    skipDuplicates: true,
    data: {
      clusterId,
      stackId: record.stackId,
      revision: record.revision,
      stackName: record.stackName,
      logIndex: BigInt(logIndex),
      at: new Date(record.atMs),
      deployedBy: record.deployedBy,
      source: record.source,
      ...(record.variables === undefined ? {} : { variables: record.variables }),
      message: record.message ?? null,
    },
  });
}

/** The cursor never goes back, even when a slower manager shares the database. */
function moveCursor(
  client: PrismaClient,
  clusterId: string,
  last: HistoryEntry,
): Prisma.PrismaPromise<unknown> {
  return client.$executeRaw`
    INSERT INTO projection_cursor (cluster_id, log_index, seq, updated_at)
    VALUES (${clusterId}, ${BigInt(last.logIndex)}, ${last.seq}, now())
    ON CONFLICT (cluster_id) DO UPDATE SET
      log_index = EXCLUDED.log_index, seq = EXCLUDED.seq, updated_at = now()
    WHERE projection_cursor.log_index < EXCLUDED.log_index`;
}
