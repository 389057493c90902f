import { Inject, Injectable } from '@nestjs/common';

import type { FieldProblem } from '@skep/contract';
import type { ControlPlane, WriteTx } from '@skep/controlplane';
import { isSwarmError, type SwarmError } from '@skep/kernel';

import { LEADER_WAIT_MS } from '../common/leader-door.ts';
import type { Caller } from '../common/request-context.ts';
import { CONTROL_PLANE } from '../tokens.ts';

/** Thrown out of a transaction to leave it with what it would have done: nothing is written then. */
class Rehearsed<T> extends Error {
  constructor(readonly value: T) {
    super('the transaction was a rehearsal');
  }
}

/** Runs transactions on the leader's newest state without writing: plans are made by the very code that applies them. */
@Injectable()
export class Planner {
  constructor(@Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane) {}

  async rehearse<T>(caller: Caller, fn: (tx: WriteTx) => T): Promise<T> {
    try {
      await this.controlPlane.update(
        { actor: caller.actor, requestId: caller.requestId, timeoutMs: LEADER_WAIT_MS },
        (tx) => {
          throw new Rehearsed(fn(tx));
        },
      );
    } catch (error: unknown) {
      if (error instanceof Rehearsed) {
        return (error as Rehearsed<T>).value;
      }
      throw error;
    }
    throw new Error('a rehearsal came to an end');
  }
}

/** What stands in the way of a plan: refusals of the request. Conditions of the cluster are thrown on. */
export function toBlockers(error: unknown): FieldProblem[] {
  if (!isSwarmError(error) || !BLOCKING.has(error.code)) {
    throw error;
  }
  if (error.fields.length > 0) {
    return error.fields.map((field) => ({ ...field }));
  }
  return [{ path: '', code: error.code, message: error.message }];
}

const BLOCKING: ReadonlySet<SwarmError['code']> = new Set([
  'invalid_argument',
  'not_found',
  'already_exists',
  'name_conflict',
  'failed_precondition',
  'resource_exhausted',
  'unimplemented',
  'too_large',
]);
