import type { z } from 'zod';

import { SwarmError, type FieldError } from '@skep/kernel';
import type { Endpoint } from '@skep/contract';

interface RawRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly body?: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface Validated {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/**
 * Validates a request against its row of the table. Every refused field is named by its path; unknown keys too.
 * `If-Match: "<version>"` counts as the query's `version` where the operation has one.
 * @throws SwarmError `invalid_argument`.
 */
export function validate(endpoint: Endpoint, request: RawRequest): Validated {
  const query = withIfMatch(endpoint, request);
  const parts = [
    ['params', endpoint.params.safeParse(request.params ?? {})],
    ['query', endpoint.query.safeParse(query)],
    ['body', endpoint.body.safeParse(request.body)],
  ] as const;
  const errors = parts.flatMap(([part, result]) =>
    result.success ? [] : toFieldErrors(result.error, part === 'body' ? '' : part),
  );
  if (errors.length > 0) {
    throw invalid(errors, request.body === undefined && !parts[2][1].success);
  }
  const [params, parsedQuery, body] = parts.map(([, result]) => result.data);
  return { params, query: parsedQuery, body };
}

/** Validates one value, for merge patches whose result must still fit. @throws SwarmError `invalid_argument`. */
export function validateValue<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (!result.success) {
    throw invalid(toFieldErrors(result.error, ''), false);
  }
  return result.data;
}

function invalid(errors: readonly FieldError[], isBodyMissing: boolean): SwarmError {
  if (isBodyMissing) {
    return new SwarmError('invalid_argument', 'the request needs a JSON body', { fields: errors });
  }
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${String(errors.length - 1)} more)` : '';
  const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
  return new SwarmError('invalid_argument', `${where}${first?.message ?? 'invalid'}${more}`, {
    fields: errors.slice(0, 100),
  });
}

function withIfMatch(endpoint: Endpoint, request: RawRequest): unknown {
  const header = request.headers['if-match'];
  const hasVersion = 'shape' in endpoint.query && 'version' in (endpoint.query.shape as object);
  if (typeof header !== 'string' || !hasVersion || typeof request.query !== 'object') {
    return request.query ?? {};
  }
  return { version: header.replace(/^(?:W\/)?"(.*)"$/, '$1'), ...request.query };
}

/** Field errors in the words of people: the deepest alternative of a union, one error for each unknown key. */
function toFieldErrors(error: z.ZodError, root: string): FieldError[] {
  return error.issues.flatMap((issue) => issueErrors(issue, root === '' ? [] : [root]));
}

function issueErrors(issue: z.core.$ZodIssue, before: readonly PropertyKey[]): FieldError[] {
  const path = [...before, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: formatPath([...path, key]),
      code: 'unknown_key',
      message: `unknown key "${key}"`,
    }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const depth = (issues: readonly z.core.$ZodIssue[]): number =>
      Math.max(0, ...issues.map((inner) => inner.path.length));
    const closest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0] ?? [];
    if (depth(closest) > 0) {
      return closest.flatMap((inner) => issueErrors(inner, path));
    }
  }
  const isMissing = issue.code === 'invalid_type' && /received undefined$/.test(issue.message);
  return [
    {
      path: formatPath(path),
      code: isMissing ? 'required' : issue.code,
      message: isMissing ? 'must be given' : lowerFirst(issue.message),
    },
  ];
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** `spec.ports[0].target`. */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') {
      return `${text}[${String(step)}]`;
    }
    return text === '' ? String(step) : `${text}.${String(step)}`;
  }, '');
}
