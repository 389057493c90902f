import { z } from 'zod';

import { endpoint } from '../endpoint.ts';
import { QueryList, queryInt } from '../query.ts';
import { AuditView, EventView, HealthView } from '../views.ts';

const historyShape = {
  limit: queryInt(1, 1000).optional(),
  /** `next` of the page before. */
  cursor: z.string().max(64).optional(),
  /** Only records at or after, and before, these times. */
  sinceMs: queryInt(0, Number.MAX_SAFE_INTEGER).optional(),
  untilMs: queryInt(0, Number.MAX_SAFE_INTEGER).optional(),
  /** `service.update`, or a beginning such as `service.`. */
  action: QueryList.optional(),
  kind: QueryList.optional(),
  /** Name or id of the object. */
  target: z.string().max(256).optional(),
};

/** A page of history, newest first. `source` tells where it was read: the events in the store reach back less far. */
function historyPage<T extends z.ZodType>(
  item: T,
): z.ZodObject<{
  items: z.ZodArray<T>;
  next: z.ZodOptional<z.ZodString>;
  source: z.ZodEnum<{ database: 'database'; store: 'store' }>;
}> {
  return z.object({
    items: z.array(item),
    next: z.string().optional(),
    source: z.enum(['database', 'store']),
  });
}

export const systemEndpoints = {
  listEvents: endpoint({
    method: 'GET',
    path: '/events',
    tag: 'history',
    summary: 'Cluster events, newest first',
    access: 'event.read',
    query: z.strictObject({
      ...historyShape,
      severity: z.enum(['info', 'warning', 'error']).optional(),
    }),
    response: historyPage(EventView),
  }),
  listAudit: endpoint({
    method: 'GET',
    path: '/audit',
    tag: 'history',
    summary: 'Who changed what, from where, with what outcome, newest first (needs the history database)',
    access: 'audit.read',
    query: z.strictObject({
      ...historyShape,
      actor: z.string().max(256).optional(),
      outcome: z.enum(['ok', 'denied', 'failed']).optional(),
    }),
    response: historyPage(AuditView),
  }),
  getHealth: endpoint({
    method: 'GET',
    path: '/health',
    tag: 'system',
    summary: 'State of the manager that answers: quorum, lag, database',
    access: 'signed-in',
    response: HealthView,
  }),
};
