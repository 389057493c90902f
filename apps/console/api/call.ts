import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@skep/contract';

import { request } from './http.ts';
import { OPERATIONS } from './operations.ts';
import type { UsedOperation } from './operations.ts';

export interface CallOptions<O extends UsedOperation> {
  readonly params?: ParamsOf<O>;
  readonly query?: QueryOf<O>;
  readonly body?: BodyOf<O>;
  /** Version of the object the change was made against. */
  readonly ifMatch?: number;
  readonly signal?: AbortSignal;
}

function fillPath(path: string, params: Readonly<Record<string, unknown>>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
}

/** Calls one operation of the REST API with the types of the contract. Throws ApiError. */
export async function call<O extends UsedOperation>(
  operation: O,
  options: CallOptions<O> = {},
): Promise<ResponseOf<O>> {
  const [method, path] = OPERATIONS[operation];
  return request<ResponseOf<O>>(method, fillPath(path, options.params ?? {}), {
    ...(options.query === undefined
      ? {}
      : { query: options.query as Readonly<Record<string, string | number | boolean | undefined>> }),
    ...(options.body === undefined ? {} : { body: options.body }),
    ...(options.ifMatch === undefined ? {} : { ifMatch: options.ifMatch }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}
