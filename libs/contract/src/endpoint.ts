import { z } from 'zod';

import type { Access } from './permission.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * One operation of the API. `path` stands under `/api/v1`, with `:name` for each key of `params`. Requests are
 * validated with `params`, `query` and `body`; unknown keys are refused by name.
 */
export interface Endpoint<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
> {
  readonly method: Method;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly access: Access;
  /** Whether the operation needs the leader: it writes to the replicated store, or rehearses a write. */
  readonly isWrite: boolean;
  readonly status: 200 | 201 | 204;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly response: R;
  /** A request body as people would write it. */
  readonly example?: z.input<B>;
}

export const NoParams = z.strictObject({});
export const NoQuery = z.strictObject({});
export const NoBody = z.strictObject({}).optional();
export const NoContent = z.undefined();

interface EndpointInit<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType> {
  readonly method: Method;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly access: Access;
  readonly isWrite?: boolean;
  readonly status?: 200 | 201 | 204;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly response: R;
  readonly example?: z.input<B>;
}

/** Completes one row of the table. What is not given is empty; only `GET` is taken for an operation that writes nothing. */
export function endpoint<
  R extends z.ZodType,
  P extends z.ZodType = typeof NoParams,
  Q extends z.ZodType = typeof NoQuery,
  B extends z.ZodType = typeof NoBody,
>(init: EndpointInit<P, Q, B, R>): Endpoint<P, Q, B, R> {
  return {
    method: init.method,
    path: init.path,
    tag: init.tag,
    summary: init.summary,
    access: init.access,
    isWrite: init.isWrite ?? init.method !== 'GET',
    status: init.status ?? 200,
    params: init.params ?? (NoParams as unknown as P),
    query: init.query ?? (NoQuery as unknown as Q),
    body: init.body ?? (NoBody as unknown as B),
    response: init.response,
    ...(init.example === undefined ? {} : { example: init.example }),
  };
}
