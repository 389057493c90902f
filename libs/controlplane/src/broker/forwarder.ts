import { SwarmError, isSwarmError, type Timers } from '@skep/kernel';

import type { ForwardedAnswer, ForwardedRequest } from '../control-plane-api.ts';
import { processTimers } from '../process-timers.ts';
import type { LeaderLink } from './leader-link.ts';
import type { RequestFate, RequestFates, WatchedRequest } from './request-fates.ts';

/** How long the log is asked what became of a request; without a majority it would never tell. */
export const FATE_WAIT_MS = 5000;

export interface ForwarderPorts {
  readonly link: Pick<LeaderLink, 'forward'>;
  readonly fates: RequestFates;
  /** Raft's term as this manager knows it. */
  term(): number;
  newId(): string;
}

/** Sends requests to the leader, and finds out what became of one whose leader was lost before it answered. */
export class Forwarder {
  readonly #ports: ForwarderPorts;
  readonly #timers: Timers;

  constructor(ports: ForwarderPorts, timers: Timers = processTimers) {
    this.#ports = ports;
    this.#timers = timers;
  }

  /** @throws SwarmError as {@link LeaderLink.forward}; `details.isSent` is false when it may be sent again. */
  async forward(request: ForwardedRequest): Promise<ForwardedAnswer> {
    const term = this.#ports.term();
    const requestId = request.headers['x-request-id'] ?? this.#ports.newId();
    // The leader writes the id that it is sent into the log; without it the log would say that nothing was made.
    const sent = { ...request, headers: { ...request.headers, 'x-request-id': requestId } };
    const watched = this.#ports.fates.watch(requestId, term);
    try {
      return await this.#ports.link.forward(sent, term);
    } catch (error) {
      if (isSwarmError(error, 'unavailable') && error.details['isSent'] === true) {
        throw lostAnswerError(await this.#fateOf(watched), error);
      }
      throw error;
    } finally {
      watched.end();
    }
  }

  async #fateOf(watched: WatchedRequest): Promise<RequestFate> {
    const cancel = this.#timers.after(FATE_WAIT_MS, () => {
      watched.end();
    });
    try {
      return await watched.fate();
    } finally {
      cancel();
    }
  }
}

/** What the caller is told; `details.isSent` is false when the request may be sent again. */
function lostAnswerError(fate: RequestFate, cause: SwarmError): SwarmError {
  switch (fate) {
    case 'notMade':
      return new SwarmError('unavailable', 'the leader was lost and the change was not made; try again', {
        cause,
        details: { isSent: false },
      });
    case 'made':
      return new SwarmError(
        'unavailable',
        'the leader was lost before it answered; the change was made at least in part, so look before trying again',
        { cause },
      );
    case 'unknown':
      return new SwarmError(
        'unavailable',
        'the leader was lost before it answered; the change may or may not have been made, so look before trying again',
        { cause },
      );
  }
}
