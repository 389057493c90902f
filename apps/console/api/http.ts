export interface FieldProblem {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** RFC 9457 body of a refused request. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly requestId?: string;
  readonly errors?: readonly FieldProblem[];
  readonly rev?: number;
  readonly [extension: string]: unknown;
}

/** A request that was refused or never arrived. `problem.code` is stable and translated; see `features/shell/problem.tsx`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Revision the change was made against; the manager refuses when the object moved on. */
  readonly ifMatch?: number;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

let signIn: (() => Promise<void>) | undefined;

/** Sets what happens when the session ended: a promise that resolves when someone signed in again. */
export function onUnauthenticated(ask: (() => Promise<void>) | undefined): void {
  signIn = ask;
}

function address(path: string, query: RequestOptions['query'] = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) {
      search.set(key, String(value));
    }
  }
  const text = search.toString();
  return `/api/v1${path}${text === '' ? '' : `?${text}`}`;
}

async function send(method: Method, path: string, options: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = {
    accept: 'application/json',
    'x-requested-with': 'console',
  };
  if (options.body !== undefined) {
    headers['content-type'] = options.contentType ?? 'application/json';
  }
  if (options.ifMatch !== undefined) {
    headers['if-match'] = `"${String(options.ifMatch)}"`;
  }
  try {
    return await fetch(address(path, options.query), {
      method,
      headers,
      credentials: 'same-origin',
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (error: unknown) {
    if (error instanceof DOMException && error.name === 'AbortError') {
      throw error;
    }
    throw new ApiError({ title: 'No answer', status: 0, code: 'unreachable' });
  }
}

async function toProblem(response: Response): Promise<Problem> {
  const fallback: Problem = {
    title: response.statusText === '' ? `HTTP ${String(response.status)}` : response.statusText,
    status: response.status,
    code: response.status === 401 ? 'unauthenticated' : 'internal',
  };
  const requestId = response.headers.get('x-request-id');
  try {
    const body: unknown = await response.json();
    const found = typeof body === 'object' && body !== null ? (body as Partial<Problem>) : {};
    return { ...fallback, ...(requestId === null ? {} : { requestId }), ...found };
  } catch {
    return requestId === null ? fallback : { ...fallback, requestId };
  }
}

/**
 * One request to the manager that served this page. A session that ended is asked for again in place and the request
 * is sent once more, so nothing typed is lost. Throws {@link ApiError}.
 */
export async function request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
  let response = await send(method, path, options);
  if (response.status === 401 && signIn !== undefined && path !== '/session') {
    await signIn();
    response = await send(method, path, options);
  }
  if (!response.ok) {
    throw new ApiError(await toProblem(response));
  }
  if (response.status === 204 || response.headers.get('content-length') === '0') {
    return undefined as T;
  }
  return (await response.json()) as T;
}
