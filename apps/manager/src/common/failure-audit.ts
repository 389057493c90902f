import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import type { Logger } from 'pino';

import type { Operation } from '@skep/contract';
import type { ControlPlane } from '@skep/controlplane';
import { errorMessage, isSwarmError } from '@skep/kernel';

import { actorOf } from '../auth/principal.ts';
import { CONTROL_PLANE, LOGGER } from '../tokens.ts';
import { contextOf } from './request-context.ts';

/** Refused changes on their way into the log at a time; above it they are only logged. */
const PENDING_MAX = 8;

/** Writes an audit entry for changes that were refused. Never delays or changes the answer. */
@Injectable()
export class FailureAudit {
  #pending = 0;

  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  note(operation: Operation, request: Request, error: unknown): void {
    const context = contextOf(request);
    const isTold = isSwarmError(error) && !NOT_TOLD.has(error.code);
    if (!isTold || context.principal === undefined || !this.controlPlane.status().isLeader) {
      return;
    }
    const detail = error.message.slice(0, 500);
    this.logger.info({ requestId: context.requestId, op: operation, code: error.code }, 'change refused');
    if (this.#pending >= PENDING_MAX) {
      return;
    }
    this.#pending += 1;
    this.controlPlane
      .update(
        {
          actor: actorOf(context.principal),
          requestId: context.requestId,
          audit: {
            action: actionOf(operation),
            target: targetOf(operation, request),
            outcome: error.code === 'permission_denied' ? 'denied' : 'failed',
            detail,
          },
        },
        () => undefined,
      )
      .catch((failure: unknown) => {
        this.logger.warn({ reason: errorMessage(failure) }, 'refused change not audited');
      })
      .finally(() => {
        this.#pending -= 1;
      });
  }
}

/** Conditions of the cluster rather than decisions about the request. */
const NOT_TOLD: ReadonlySet<string> = new Set([
  'unavailable',
  'not_leader',
  'deadline_exceeded',
  'cancelled',
  'internal',
  'data_loss',
]);

/** What a request was about, as far as it says so in its path or by a name in its body. */
function targetOf(operation: Operation, request: Request): { kind: string; name?: string } {
  const params: Readonly<Record<string, unknown>> = request.params;
  const body: unknown = request.body;
  const kind = actionOf(operation).split('.')[0] ?? 'request';
  const fromBody = typeof body === 'object' && body !== null && 'name' in body ? body.name : undefined;
  const name = Object.values(params)[0] ?? fromBody;
  return { kind, ...(typeof name === 'string' && name !== '' ? { name: name.slice(0, 256) } : {}) };
}

const VERBS: Readonly<Record<string, string>> = { put: 'update', patch: 'update' };

/** The action that an operation's success is recorded as: `createService` is `service.create`. */
function actionOf(operation: Operation): string {
  const match = /^([a-z]+)([A-Z]\w*)$/.exec(operation);
  const [, verb = operation, noun = 'Request'] = match ?? [];
  return `${noun.charAt(0).toLowerCase()}${noun.slice(1)}.${VERBS[verb] ?? verb}`;
}
