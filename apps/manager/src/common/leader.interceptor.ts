import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { catchError, from, of, switchMap, tap, throwError, type Observable } from 'rxjs';

import { ENDPOINTS, type Endpoint, type Operation } from '@skep/contract';
import type { ControlPlane, ForwardedAnswer } from '@skep/controlplane';
import { SwarmError } from '@skep/kernel';

import { CONTROL_PLANE } from '../tokens.ts';
import { operationOf } from './endpoint.decorator.ts';
import { FailureAudit } from './failure-audit.ts';
import { LeaderDoor } from './leader-door.ts';
import { RelayedRefusal } from './relayed-refusal.ts';
import { FROM_HEADER, SECURE_HEADER, contextOf } from './request-context.ts';

/** Header of answers to changes: the log index that every manager shows them at. */
export const REV_HEADER = 'x-skep-rev';

/**
 * Header of reads: `linearizable` waits until this manager has everything that was acknowledged before the request.
 * Without it a read is answered at once from what this manager has applied.
 */
const CONSISTENCY_HEADER = 'x-skep-consistency';

/** Sends writes to the leader when this manager is not it, and puts the log index of a change in the answer's headers. */
@Injectable()
export class LeaderInterceptor implements NestInterceptor {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(LeaderDoor) private readonly door: LeaderDoor,
    @Inject(FailureAudit) private readonly failures: FailureAudit,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const operation = operationOf(context);
    const http = context.switchToHttp();
    const response = http.getResponse<Response>();
    if (operation === undefined) {
      return next.handle();
    }
    response.setHeader('cache-control', 'no-store');
    const endpoint: Endpoint = ENDPOINTS[operation];
    const request = http.getRequest<Request>();
    if (!endpoint.isWrite) {
      return request.headers[CONSISTENCY_HEADER] === 'linearizable'
        ? from(this.controlPlane.catchUp()).pipe(switchMap(() => next.handle()))
        : next.handle();
    }
    return from(this.#forwardUnlessLeader(request)).pipe(
      switchMap((answer) =>
        answer === undefined ? this.#handle(next, operation, { request, response }) : relay(response, answer),
      ),
    );
  }

  #handle(
    next: CallHandler,
    operation: Operation,
    { request, response }: { readonly request: Request; readonly response: Response },
  ): Observable<unknown> {
    return next.handle().pipe(
      tap((body: unknown) => {
        setRev(response, body);
      }),
      catchError((error: unknown) => {
        this.failures.note(operation, request, error);
        return throwError(() => error);
      }),
    );
  }

  async #forwardUnlessLeader(request: Request): Promise<ForwardedAnswer | undefined> {
    const { principal, requestId, from: address, isSecure, isForwarded } = contextOf(request);
    if (isForwarded) {
      if (!this.controlPlane.status().isLeader) {
        throw new SwarmError('not_leader', 'this manager is not the leader any more');
      }
      return undefined;
    }
    return this.door.forward({
      method: request.method,
      path: request.originalUrl,
      headers: {
        'content-type': 'application/json',
        'x-request-id': requestId,
        [FROM_HEADER]: address,
        [SECURE_HEADER]: isSecure ? '1' : '0',
        ...(typeof request.headers['if-match'] === 'string'
          ? { 'if-match': request.headers['if-match'] }
          : {}),
      },
      ...(request.body === undefined ? {} : { body: Buffer.from(JSON.stringify(request.body), 'utf8') }),
      ...(principal === undefined ? {} : { principal }),
    });
  }
}

function setRev(response: Response, body: unknown): void {
  if (typeof body === 'object' && body !== null && 'rev' in body && typeof body.rev === 'number') {
    response.setHeader(REV_HEADER, String(body.rev));
  }
}

function relay(response: Response, answer: ForwardedAnswer): Observable<unknown> {
  if (answer.status > 299) {
    return throwError(() => new RelayedRefusal(answer));
  }
  for (const name of ['set-cookie', REV_HEADER]) {
    const value = answer.headers[name];
    if (value !== undefined) {
      response.setHeader(name, value);
    }
  }
  const text = Buffer.from(answer.body).toString('utf8');
  return of(text === '' ? undefined : (JSON.parse(text) as unknown));
}
