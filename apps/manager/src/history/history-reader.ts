import { Inject, Injectable } from '@nestjs/common';

import type { AuditView, EventView, RequestOf, ResponseOf, ServiceRevisionView } from '@skep/contract';
import type { ControlPlane } from '@skep/controlplane';
import { SwarmError } from '@skep/kernel';
import { Actor, EventRecord, ServiceSpec, type AuditRecord } from '@skep/model';

import { CONTROL_PLANE, DATABASE } from '../tokens.ts';
import { historyId, toEventView } from '../http/views.ts';
import type { Database } from './database.ts';
import type { Prisma } from './generated/client.ts';

const LIMIT_DEFAULT = 100;
/** Records of the store looked at when the database is away. */
const STORE_SCAN_MAX = 10_000;

type HistoryQuery = RequestOf<'listEvents'>['query'] | RequestOf<'listAudit'>['query'];

interface Place {
  readonly logIndex: bigint;
  readonly seq: number;
}

/** Reads the history: from the database, and the latest events from the store while there is none. */
@Injectable()
export class HistoryReader {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(DATABASE) private readonly database: Database,
  ) {}

  async events(query: RequestOf<'listEvents'>['query']): Promise<ResponseOf<'listEvents'>> {
    if (this.database.reason !== undefined) {
      return this.#eventsOfStore(query);
    }
    const limit = query.limit ?? LIMIT_DEFAULT;
    const rows = await this.database.query((client) =>
      client.clusterEvent.findMany({
        where: {
          ...this.#where(query),
          ...(query.severity === undefined ? {} : { severity: query.severity }),
        },
        orderBy: [{ logIndex: 'desc' }, { seq: 'desc' }],
        take: limit + 1,
      }),
    );
    const items = rows.slice(0, limit).map((row): EventView => ({
      id: historyId(Number(row.logIndex), row.seq),
      logIndex: Number(row.logIndex),
      seq: row.seq,
      atMs: row.at.getTime(),
      action: row.action,
      severity: EventRecord.shape.severity.parse(row.severity),
      target: toTarget(row),
      message: row.message,
      ...(row.attributes === null ? {} : { attributes: row.attributes as Record<string, string> }),
    }));
    return { items, ...nextOf(items, rows.length > limit), source: 'database' };
  }

  /** @throws SwarmError `unavailable` while there is no database. */
  async audit(query: RequestOf<'listAudit'>['query']): Promise<ResponseOf<'listAudit'>> {
    const limit = query.limit ?? LIMIT_DEFAULT;
    const rows = await this.database.query((client) =>
      client.auditEntry.findMany({
        where: {
          ...this.#where(query),
          ...(query.actor === undefined ? {} : { actorName: { contains: query.actor } }),
          ...(query.outcome === undefined ? {} : { outcome: query.outcome }),
        },
        orderBy: [{ logIndex: 'desc' }, { seq: 'desc' }],
        take: limit + 1,
      }),
    );
    const items = rows.slice(0, limit).map((row): AuditView => ({
      id: historyId(Number(row.logIndex), row.seq),
      logIndex: Number(row.logIndex),
      seq: row.seq,
      atMs: row.at.getTime(),
      actor: toActor(row),
      action: row.action,
      target: toTarget(row),
      outcome: row.outcome as AuditRecord['outcome'],
      ...(row.detail === null ? {} : { detail: row.detail }),
      requestId: row.requestId,
    }));
    return { items, ...nextOf(items, rows.length > limit), source: 'database' };
  }

  /** Versions of a service's spec, newest first. */
  async serviceRevisions(
    serviceId: string,
    query: RequestOf<'listServiceRevisions'>['query'],
  ): Promise<ResponseOf<'listServiceRevisions'>> {
    const limit = query.limit ?? LIMIT_DEFAULT;
    const before = query.cursor === undefined ? undefined : Number(query.cursor);
    if (before !== undefined && !Number.isSafeInteger(before)) {
      throw badCursor();
    }
    const rows = await this.database.query((client) =>
      client.serviceRevision.findMany({
        where: {
          clusterId: this.#clusterId(),
          serviceId,
          ...(before === undefined ? {} : { revision: { lt: BigInt(before) } }),
        },
        orderBy: { revision: 'desc' },
        take: limit + 1,
      }),
    );
    const items = rows.slice(0, limit).map((row): ServiceRevisionView => ({
      revision: Number(row.revision),
      logIndex: Number(row.logIndex),
      atMs: row.at.getTime(),
      actor: toActor(row),
      spec: ServiceSpec.parse(row.spec),
      ...(row.message === null ? {} : { message: row.message }),
    }));
    const last = items.at(-1);
    const next = rows.length > limit && last !== undefined ? { next: String(last.revision) } : {};
    return { items, ...next, rev: this.controlPlane.appliedRev() };
  }

  /** The spec a service had in a revision. @throws SwarmError `not_found`, `unavailable`. */
  async serviceSpec(serviceId: string, revision: number): Promise<ServiceSpec> {
    const row = await this.database.query((client) =>
      client.serviceRevision.findUnique({
        where: {
          clusterId_serviceId_revision: {
            clusterId: this.#clusterId(),
            serviceId,
            revision: BigInt(revision),
          },
        },
      }),
    );
    if (row === null) {
      throw new SwarmError('not_found', `revision ${String(revision)} of the service is not in the history`);
    }
    return ServiceSpec.parse(row.spec);
  }

  /** A revision of a stack's text. @throws SwarmError `not_found`, `unavailable`. */
  async stackSource(stackId: string, revision: number): Promise<ResponseOf<'getStackSource'>> {
    const row = await this.database.query((client) =>
      client.stackRevision.findUnique({
        where: { clusterId_stackId_revision: { clusterId: this.#clusterId(), stackId, revision } },
      }),
    );
    if (row === null) {
      throw new SwarmError('not_found', `revision ${String(revision)} of the stack is not in the history`);
    }
    return {
      name: row.stackName,
      revision: row.revision,
      source: row.source,
      ...(row.variables === null ? {} : { variables: row.variables as Record<string, string> }),
      deployedBy: row.deployedBy,
      deployedAtMs: row.at.getTime(),
      ...(row.message === null ? {} : { message: row.message }),
    };
  }

  async stackRevisions(
    stackId: string,
    query: RequestOf<'listStackRevisions'>['query'],
  ): Promise<ResponseOf<'listStackRevisions'>> {
    const limit = query.limit ?? LIMIT_DEFAULT;
    const before = query.cursor === undefined ? undefined : Number(query.cursor);
    if (before !== undefined && !Number.isSafeInteger(before)) {
      throw badCursor();
    }
    const rows = await this.database.query((client) =>
      client.stackRevision.findMany({
        where: {
          clusterId: this.#clusterId(),
          stackId,
          ...(before === undefined ? {} : { revision: { lt: before } }),
        },
        omit: { source: true, variables: true },
        orderBy: { revision: 'desc' },
        take: limit + 1,
      }),
    );
    const items = rows.slice(0, limit).map((row) => ({
      name: row.stackName,
      revision: row.revision,
      deployedBy: row.deployedBy,
      deployedAtMs: row.at.getTime(),
      ...(row.message === null ? {} : { message: row.message }),
    }));
    const last = items.at(-1);
    const next = rows.length > limit && last !== undefined ? { next: String(last.revision) } : {};
    return { items, ...next, rev: this.controlPlane.appliedRev() };
  }

  #clusterId(): string {
    return this.controlPlane.status().clusterId;
  }

  #where(query: HistoryQuery): Prisma.ClusterEventWhereInput & Prisma.AuditEntryWhereInput {
    const place = query.cursor === undefined ? undefined : parseCursor(query.cursor);
    const and: (Prisma.ClusterEventWhereInput & Prisma.AuditEntryWhereInput)[] = [];
    if (place !== undefined) {
      and.push({
        OR: [{ logIndex: { lt: place.logIndex } }, { logIndex: place.logIndex, seq: { lt: place.seq } }],
      });
    }
    if (query.action !== undefined) {
      and.push({ OR: query.action.map((action) => ({ action: { startsWith: action } })) });
    }
    if (query.kind !== undefined) {
      and.push({ OR: query.kind.map((targetKind) => ({ targetKind })) });
    }
    if (query.target !== undefined) {
      and.push({ OR: [{ targetName: query.target }, { targetId: { startsWith: query.target } }] });
    }
    const { sinceMs, untilMs } = query;
    if (sinceMs !== undefined || untilMs !== undefined) {
      and.push({
        at: {
          ...(sinceMs === undefined ? {} : { gte: toDate(sinceMs) }),
          ...(untilMs === undefined ? {} : { lt: toDate(untilMs) }),
        },
      });
    }
    return { clusterId: this.#clusterId(), AND: and };
  }

  /** The events that the store still keeps, for the time without a database. */
  #eventsOfStore(query: RequestOf<'listEvents'>['query']): ResponseOf<'listEvents'> {
    const place = query.cursor === undefined ? undefined : parseCursor(query.cursor);
    const limit = query.limit ?? LIMIT_DEFAULT;
    const found = this.controlPlane
      .historyAfter(0, STORE_SCAN_MAX)
      .map(toEventView)
      .filter((event) => event !== undefined)
      .filter((event) => matchesEvent(event, query) && isBefore(event, place))
      .reverse();
    const items = found.slice(0, limit);
    return { items, ...nextOf(items, found.length > limit), source: 'store' };
  }
}

function matchesEvent(event: EventView, query: RequestOf<'listEvents'>['query']): boolean {
  const { action, kind, target, severity, sinceMs, untilMs } = query;
  return (
    (action === undefined || action.some((wanted) => event.action.startsWith(wanted))) &&
    (kind === undefined || kind.includes(event.target.kind)) &&
    (target === undefined || event.target.name === target || event.target.id?.startsWith(target) === true) &&
    (severity === undefined || event.severity === severity) &&
    (sinceMs === undefined || event.atMs >= sinceMs) &&
    (untilMs === undefined || event.atMs < untilMs)
  );
}

function isBefore(event: EventView, place: Place | undefined): boolean {
  if (place === undefined) {
    return true;
  }
  const logIndex = BigInt(event.logIndex);
  return logIndex < place.logIndex || (logIndex === place.logIndex && event.seq < place.seq);
}

function nextOf(items: readonly { readonly id: string }[], hasMore: boolean): { next?: string } {
  const last = items.at(-1);
  return hasMore && last !== undefined ? { next: last.id } : {};
}

function parseCursor(text: string): Place {
  const match = /^(\d{1,18})\.(\d{1,9})$/.exec(text);
  if (match === null) {
    throw badCursor();
  }
  return { logIndex: BigInt(match[1] ?? '0'), seq: Number(match[2]) };
}

function badCursor(): SwarmError {
  return new SwarmError('invalid_argument', 'cursor is not one this list gave');
}

/** Times outside of what a date can hold become its ends. */
function toDate(ms: number): Date {
  return new Date(Math.min(ms, 8.64e15));
}

function toTarget(row: {
  readonly targetKind: string;
  readonly targetId: string | null;
  readonly targetName: string | null;
}): AuditRecord['target'] {
  return {
    kind: row.targetKind,
    ...(row.targetId === null ? {} : { id: row.targetId }),
    ...(row.targetName === null ? {} : { name: row.targetName }),
  };
}

function toActor(row: {
  readonly actorName: string;
  readonly actorFrom: string;
  readonly actorVia: string;
}): Actor {
  return Actor.parse({ name: row.actorName, from: row.actorFrom, via: row.actorVia });
}
