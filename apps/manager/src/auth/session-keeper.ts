import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';

import { API_PREFIX } from '@skep/contract';
import { errorMessage } from '@skep/kernel';

import { LeaderDoor } from '../common/leader-door.ts';
import { FROM_HEADER, type RequestContext } from '../common/request-context.ts';
import { LOGGER } from '../tokens.ts';
import { SessionService } from './session.service.ts';

/** Moves the end of a session that is in use, in the background; a failure costs nothing, the next request tries again. */
@Injectable()
export class SessionKeeper {
  readonly #underway = new Set<string>();

  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(LeaderDoor) private readonly door: LeaderDoor,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  used(context: RequestContext): void {
    const { principal } = context;
    const sessionId = principal?.sessionId;
    if (
      principal === undefined ||
      sessionId === undefined ||
      this.#underway.has(sessionId) ||
      context.isForwarded ||
      !this.door.hasLeader() ||
      !this.sessions.needsExtension(principal)
    ) {
      return;
    }
    this.#underway.add(sessionId);
    this.#extend(context)
      .catch((error: unknown) => {
        this.logger.debug({ reason: errorMessage(error) }, 'session not extended');
      })
      .finally(() => {
        this.#underway.delete(sessionId);
      });
  }

  async #extend({ principal, requestId, from }: RequestContext): Promise<void> {
    if (principal === undefined) {
      return;
    }
    const answer = await this.door.forward({
      method: 'POST',
      path: `${API_PREFIX}/session/extend`,
      headers: { [FROM_HEADER]: from, 'x-request-id': requestId },
      principal,
    });
    if (answer === undefined) {
      await this.sessions.extend(principal, requestId);
    }
  }
}
