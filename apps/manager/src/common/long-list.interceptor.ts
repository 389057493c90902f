import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { from, switchMap, type Observable } from 'rxjs';

import type { ControlPlane } from '@skep/controlplane';

import { CONTROL_PLANE } from '../tokens.ts';
import { operationOf } from './endpoint.decorator.ts';
import { ListTurns } from './list-turns.ts';

/** From so many tasks on, a list of them takes a turn. */
const LONG_TASKS = 2000;
/** A client that reads slowly holds up the next one no longer than this. */
const TURN_MS = 5000;

/** Gives lists of many tasks one after the other to those who ask: the only lists that grow with the cluster's work. */
@Injectable()
export class LongListInterceptor implements NestInterceptor {
  readonly #turns = new ListTurns({ running: 2, waiting: 100 });

  constructor(@Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const isLong =
      operationOf(context) === 'listTasks' && this.controlPlane.view((tx) => tx.count('task')) >= LONG_TASKS;
    if (!isLong || isNarrow(context.switchToHttp().getRequest<Request>())) {
      return next.handle();
    }
    const response = context.switchToHttp().getResponse<Response>();
    return from(this.#take(response)).pipe(switchMap(() => next.handle()));
  }

  async #take(response: Response): Promise<void> {
    const end = await this.#turns.take();
    if (response.destroyed) {
      end();
      return;
    }
    const timer = setTimeout(end, TURN_MS);
    response.once('close', () => {
      clearTimeout(timer);
      end();
    });
  }
}

/** Whether an index finds the few tasks that are asked for. */
function isNarrow({ query }: Request): boolean {
  return query['slot'] !== undefined || query['node'] !== undefined || query['id'] !== undefined;
}
