import { SwarmError } from '@skep/kernel';

import type { Endpoint, Method } from './endpoint.ts';
import {
  API_PREFIX,
  ENDPOINTS,
  type BodyOf,
  type Operation,
  type ParamsOf,
  type QueryOf,
  type ResponseOf,
} from './endpoints.ts';
import { fromProblem } from './problem.ts';

export interface HttpRequest {
  readonly method: Method;
  /** Path with query, beginning with `/api/v1`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly body: string;
}

/**
 * Carries one request to a manager: over TCP, TLS or a unix socket. It rejects only when no answer came, with a
 * SwarmError `unavailable` or `deadline_exceeded`; statuses over 299 are answers.
 */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

/** Fits every object type without required keys. */
type Nothing = Record<string, never>;

/** Keys of `T` that may be left out altogether become optional as a whole. */
type Part<Name extends string, T> = undefined extends T
  ? { readonly [K in Name]?: T }
  : Nothing extends T
    ? { readonly [K in Name]?: T }
    : { readonly [K in Name]: T };

export type CallInput<O extends Operation> = Part<'params', ParamsOf<O>> &
  Part<'query', QueryOf<O>> &
  Part<'body', BodyOf<O>> & {
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
  };

type CallArguments<O extends Operation> =
  Nothing extends CallInput<O> ? [input?: CallInput<O>] : [input: CallInput<O>];

/** One method for every operation of the table: `client.call('scaleService', {params, body})`. */
export interface Client {
  /**
   * @throws SwarmError with the manager's code, message and refused fields; `unavailable` when no manager answered;
   * `data_loss` when the answer does not have the form the table promises.
   */
  call<O extends Operation>(operation: O, ...input: CallArguments<O>): Promise<ResponseOf<O>>;
}

interface AnyInput {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A client over `transport`. `headers` go with each request (for example `authorization`). */
export function createClient(transport: Transport, headers: Readonly<Record<string, string>> = {}): Client {
  return {
    call<O extends Operation>(operation: O, ...[input]: CallArguments<O>): Promise<ResponseOf<O>> {
      const endpoint: Endpoint = ENDPOINTS[operation];
      return new Promise<HttpResponse>((resolve) => {
        resolve(transport(toHttpRequest(endpoint, input ?? {}, headers)));
      }).then((response) => fromHttpResponse(endpoint, response) as ResponseOf<O>);
    },
  };
}

/** The request for an operation: path with its parameters filled in, query, JSON body. */
export function toHttpRequest(
  endpoint: Endpoint,
  input: AnyInput,
  headers: Readonly<Record<string, string>> = {},
): HttpRequest {
  const hasBody = input.body !== undefined;
  return {
    method: endpoint.method,
    path: API_PREFIX + fillPath(endpoint.path, input.params ?? {}) + toQueryString(input.query ?? {}),
    headers: {
      accept: 'application/json',
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
      ...headers,
      ...input.headers,
    },
    ...(hasBody ? { body: JSON.stringify(input.body) } : {}),
    ...(input.signal === undefined ? {} : { signal: input.signal }),
  };
}

function fillPath(path: string, params: Readonly<Record<string, unknown>>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => {
    const value = params[name];
    if (typeof value !== 'string' || value === '') {
      throw new SwarmError('invalid_argument', `${name} must be given`, {
        fields: [{ path: name, code: 'required', message: 'must be given' }],
      });
    }
    return encodeURIComponent(value);
  });
}

function toQueryString(query: Readonly<Record<string, unknown>>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const one of values) {
      if (typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean') {
        search.append(key, String(one));
      }
    }
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

function fromHttpResponse(endpoint: Endpoint, response: HttpResponse): unknown {
  if (response.status < 200 || response.status > 299) {
    throw fromProblem(response.status, parseJson(response.body));
  }
  if (endpoint.status === 204) {
    return undefined;
  }
  const body = parseJson(response.body);
  const parsed = endpoint.response.safeParse(body);
  if (!parsed.success) {
    // A newer manager may say more than this build knows: that is no reason to refuse what it does know.
    if (parsed.error.issues.every((one) => one.code === 'unrecognized_keys')) {
      return body;
    }
    const issue = parsed.error.issues[0];
    throw new SwarmError(
      'data_loss',
      `the manager's answer is not understood: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    );
  }
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
