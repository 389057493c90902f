import { z } from 'zod';

import { ERROR_CODES, ERROR_FACES, SwarmError, type ErrorCode } from '@skep/kernel';

/** One refused field. Compose texts add the line and column (1-based) where it stands. */
export const FieldProblem = z.strictObject({
  path: z.string(),
  code: z.string(),
  message: z.string(),
  line: z.int().positive().optional(),
  column: z.int().positive().optional(),
});
export type FieldProblem = z.infer<typeof FieldProblem>;

/** Body of every refused request, `application/problem+json` (RFC 9457). `code` is stable; `detail` is for people. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(ERROR_CODES),
  /** Path of the request that was refused. */
  instance: z.string().optional(),
  requestId: z.string(),
  errors: z.array(FieldProblem).optional(),
  /** Machine-readable particulars. */
  details: z.record(z.string(), z.unknown()).optional(),
  /** Applied log index of the manager that answered. */
  rev: z.int().optional(),
});
export type Problem = z.infer<typeof Problem>;

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The problem body for a refused operation. `details.diagnostics` of a compose error become `errors` with positions. */
export function toProblem(
  error: SwarmError,
  context: { readonly requestId: string; readonly instance?: string; readonly rev?: number },
): Problem {
  const face = ERROR_FACES[error.code];
  const { diagnostics, ...details } = error.details;
  const positions = z.array(FieldProblem).safeParse(diagnostics);
  const errors: readonly FieldProblem[] = positions.success ? positions.data : error.fields;
  return {
    type: `urn:skep:problem:${error.code}`,
    title: face.title,
    status: face.httpStatus,
    detail: error.message,
    code: error.code,
    requestId: context.requestId,
    ...(context.instance === undefined ? {} : { instance: context.instance }),
    ...(errors.length === 0 ? {} : { errors: [...errors] }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
    ...(context.rev === undefined ? {} : { rev: context.rev }),
  };
}

/**
 * The error that an answer with a status over 299 stands for. Bodies that are no problem document (a proxy answered)
 * become the error whose status is nearest.
 */
export function fromProblem(status: number, body: unknown): SwarmError {
  const parsed = Problem.safeParse(body);
  if (!parsed.success) {
    return new SwarmError(codeOfStatus(status), `the manager answered ${String(status)} without a reason`);
  }
  const problem = parsed.data;
  const errors = problem.errors ?? [];
  const hasPositions = errors.some((error) => error.line !== undefined);
  const details = {
    ...problem.details,
    requestId: problem.requestId,
    ...(hasPositions ? { diagnostics: errors } : {}),
  };
  const fields = errors.map(({ path, code, message }) => ({ path, code, message }));
  return new SwarmError(problem.code, problem.detail, { fields, details });
}

const CODE_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_argument',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  409: 'version_conflict',
  412: 'failed_precondition',
  413: 'too_large',
  429: 'resource_exhausted',
  501: 'unimplemented',
  502: 'unavailable',
  503: 'unavailable',
  504: 'deadline_exceeded',
};

function codeOfStatus(status: number): ErrorCode {
  return CODE_BY_STATUS[status] ?? 'internal';
}
