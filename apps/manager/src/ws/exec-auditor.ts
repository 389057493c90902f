import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';

import type { ControlPlane } from '@skep/controlplane';
import { errorMessage } from '@skep/kernel';

import { actorOf, type Principal } from '../auth/principal.ts';
import { LeaderDoor } from '../common/leader-door.ts';
import { FROM_HEADER, type RequestContext } from '../common/request-context.ts';
import { CONTROL_PLANE, LOGGER } from '../tokens.ts';

/** Where followers send what is to be audited of an exec; reached over the local socket only. */
export const EXEC_AUDIT_PATH = '/internal/v1/audit/exec';

const WAIT_MS = 2000;

interface Who {
  readonly principal: Principal;
  readonly context: RequestContext;
}

/** Puts on record who opened a shell where, before it opens. Without a quorum that cannot be written: the shell opens all the same. */
@Injectable()
export class ExecAuditor {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(LeaderDoor) private readonly door: LeaderDoor,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async note({ principal, context }: Who, taskId: string, program: string | undefined): Promise<void> {
    try {
      if (!this.door.hasLeader()) {
        throw new Error('no leader');
      }
      if (this.controlPlane.status().isLeader) {
        await this.write({ principal, context }, taskId, program);
        return;
      }
      await this.controlPlane.forward({
        method: 'POST',
        path: `${EXEC_AUDIT_PATH}/${taskId}?program=${encodeURIComponent(program ?? '')}`,
        headers: { 'x-request-id': context.requestId, [FROM_HEADER]: context.from },
        principal,
      });
    } catch (error: unknown) {
      this.logger.warn({ taskId, user: principal.id, reason: errorMessage(error) }, 'exec not audited');
    }
  }

  async write({ principal, context }: Who, taskId: string, program: string | undefined): Promise<void> {
    const task = this.controlPlane.view((tx) => tx.get('task', taskId));
    const name = task === undefined ? undefined : `${task.serviceName}.${String(task.slot)}`;
    await this.controlPlane.update(
      {
        actor: actorOf(principal),
        requestId: context.requestId,
        timeoutMs: WAIT_MS,
        audit: {
          action: 'task.exec',
          target: { kind: 'task', id: taskId, ...(name === undefined ? {} : { name }) },
          detail: program === undefined || program === '' ? 'a shell' : `the program ${program}`,
        },
      },
      () => undefined,
    );
  }
}
