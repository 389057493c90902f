import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Logger } from 'pino';

import { PROBLEM_MEDIA_TYPE, toProblem } from '@skep/contract';
import { InvariantError, SwarmError, errorMessage, isSwarmError } from '@skep/kernel';

import { LOGGER } from '../tokens.ts';
import { RelayedRefusal } from './relayed-refusal.ts';
import { contextOf } from './request-context.ts';

/** Turns everything that is thrown into `application/problem+json`. What is not understood is logged whole and told as `internal`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    if (thrown instanceof RelayedRefusal) {
      relay(http.getResponse<Response>(), thrown);
      return;
    }
    sendProblem(http.getRequest<Request>(), http.getResponse<Response>(), { thrown, logger: this.logger });
  }
}

/** The leader's own words, as they came. */
function relay(response: Response, { answer }: RelayedRefusal): void {
  for (const name of ['content-type', 'retry-after', 'set-cookie']) {
    const value = answer.headers[name];
    if (value !== undefined) {
      response.setHeader(name, value);
    }
  }
  response.status(answer.status).send(Buffer.from(answer.body));
}

/** Answers a request with the problem that `thrown` stands for. */
export function sendProblem(
  request: Request,
  response: Response,
  failure: { readonly thrown: unknown; readonly logger: Logger },
): void {
  const { requestId } = contextOf(request);
  const error = toSwarmError(failure.thrown);
  if (error.code === 'internal' || error.code === 'data_loss') {
    failure.logger.error({ requestId, path: request.path, err: failure.thrown }, 'request failed');
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = toProblem(error, { requestId, instance: request.path });
  if (error.code === 'resource_exhausted' && typeof error.details['retryAfterSeconds'] === 'number') {
    response.setHeader('retry-after', String(error.details['retryAfterSeconds']));
  }
  response.setHeader('cache-control', 'no-store');
  response.status(problem.status).type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(problem));
}

/** The error that something thrown stands for. The text of unknown errors stays in the log. */
export function toSwarmError(thrown: unknown): SwarmError {
  if (isSwarmError(thrown)) {
    return thrown;
  }
  if (thrown instanceof InvariantError) {
    return new SwarmError(
      'internal',
      'the manager found itself in a state that must not be; it is in its log',
    );
  }
  if (thrown instanceof HttpException) {
    return fromHttpException(thrown);
  }
  return new SwarmError('internal', 'the manager failed on this request; the cause is in its log', {
    cause: thrown,
  });
}

function fromHttpException(exception: HttpException): SwarmError {
  const status = exception.getStatus();
  if (status === 404) {
    return new SwarmError('not_found', 'no such address; GET /api/v1/openapi.json lists them');
  }
  return new SwarmError(status >= 500 ? 'internal' : 'invalid_argument', errorMessage(exception));
}
