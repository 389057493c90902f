import { Inject, Injectable } from '@nestjs/common';

import type { ControlPlane, ForwardedAnswer, ForwardedRequest } from '@skep/controlplane';
import { SwarmError, isSwarmError } from '@skep/kernel';

import { CONTROL_PLANE } from '../tokens.ts';

/** How long a change waits for a leader. */
export const LEADER_WAIT_MS = 5000;
/** Before the next leader is tried: one that is just elected still makes its state current. */
const RETRY_MS = 30;

/** The way to the leader for changes that arrive on any manager. */
@Injectable()
export class LeaderDoor {
  constructor(@Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane) {}

  hasLeader(): boolean {
    const status = this.controlPlane.status();
    return status.isLeader ? status.isReady : status.leader !== undefined;
  }

  /** Resolves when a leader is known. @throws SwarmError `unavailable` after five seconds without one. */
  async waitForLeader(timeoutMs: number = LEADER_WAIT_MS): Promise<void> {
    if (this.hasLeader()) {
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(noLeader());
      }, timeoutMs);
      const stop = this.controlPlane.onStatus(() => {
        if (this.hasLeader()) {
          clearTimeout(timer);
          stop();
          resolve();
        }
      });
    });
  }

  /**
   * Sends a request to the leader. When the one it was sent to turns out not to be it any more (nothing was done then),
   * the next leader is tried, within five seconds.
   * @throws SwarmError `unavailable`.
   */
  async forward(request: ForwardedRequest): Promise<ForwardedAnswer | undefined> {
    const endMs = performance.now() + LEADER_WAIT_MS;
    for (;;) {
      await this.waitForLeader(Math.max(1, endMs - performance.now()));
      if (this.controlPlane.status().isLeader) {
        return undefined;
      }
      const answer = await this.#tryForward(request);
      const isSettled = answer !== undefined && !isMoved(answer);
      if (isSettled) {
        return answer;
      }
      if (performance.now() >= endMs) {
        throw noLeader();
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** The leader's answer; undefined when nothing was done and it may be sent again. */
  async #tryForward(request: ForwardedRequest): Promise<ForwardedAnswer | undefined> {
    try {
      return await this.controlPlane.forward(request);
    } catch (error: unknown) {
      const isNotMade =
        isSwarmError(error, 'not_leader') ||
        (isSwarmError(error, 'unavailable') && error.details['isSent'] === false);
      if (isNotMade) {
        return undefined;
      }
      throw error;
    }
  }
}

function noLeader(): SwarmError {
  return new SwarmError(
    'unavailable',
    'the managers have no leader, because fewer than a majority of them answer; running tasks continue, but nothing can be changed until they return',
  );
}

/** The one it was sent to turned out not to be the leader any more: nothing was done. */
function isMoved(answer: ForwardedAnswer): boolean {
  return answer.status === 503 && codeOf(answer) === 'not_leader';
}

function codeOf(answer: ForwardedAnswer): unknown {
  try {
    const body: unknown = JSON.parse(Buffer.from(answer.body).toString('utf8'));
    return typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined;
  } catch {
    return undefined;
  }
}
