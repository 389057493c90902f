import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';

import { PROBLEM_MEDIA_TYPE, toProblem } from '@skep/contract';
import { ERROR_FACES, SwarmError, errorMessage, type ErrorCode } from '@skep/kernel';

/** Ends a response with an RFC 9457 problem. */
export function sendProblem(response: ServerResponse, code: ErrorCode, detail: string): void {
  sendError(response, new SwarmError(code, detail));
}

/** Ends a response with the problem that an error is; anything unknown is `internal`. */
export function sendError(response: ServerResponse, error: unknown): void {
  const known =
    error instanceof SwarmError ? error : new SwarmError('internal', errorMessage(error), { cause: error });
  const problem = toProblem(known, { requestId: randomUUID(), instance: response.req.url ?? '' });
  response.writeHead(ERROR_FACES[known.code].httpStatus, { 'content-type': PROBLEM_MEDIA_TYPE });
  response.end(JSON.stringify(problem));
}
