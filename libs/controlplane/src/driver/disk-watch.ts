import type { Logger } from 'pino';

import type { RaftNode } from '@skep/raft';

import type { DiskHealth, DiskState } from './disk-health.ts';

export interface DiskWatchOptions {
  readonly node: RaftNode;
  readonly health: DiskHealth;
  readonly logger: Logger;
  readonly electionTicks: number;
  readonly nowMs: () => number;
  /** The state has changed. */
  readonly onChange: () => void;
}

/** A leader on a slow disk asks again after this many ticks when nobody took over. */
const ASK_AGAIN_TICKS = 600;

const SAID: Readonly<Record<DiskState, string>> = {
  ok: 'the disk of the log takes writes again; this manager may lead again',
  slow: 'the disk of the log stalls; this manager hands its leadership over if another one keeps up',
  full: 'the disk of the log is full; this manager cannot lead until there is room',
};

/**
 * Keeps a manager whose disk is in trouble from leading. Full: it hands its leadership over, steps down when nobody
 * takes it, and does not campaign until a write succeeds. Slow: it hands over once, and goes on when nobody keeps up: a
 * slow leader is better than none.
 */
export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #state: DiskState = 'ok';
  #ticksSinceAsked = Number.MAX_SAFE_INTEGER;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  get state(): DiskState {
    return this.#state;
  }

  tick(): void {
    const { health, nowMs } = this.#options;
    this.#ticksSinceAsked += 1;
    this.#note(health.stateAt(nowMs()));
    if (this.#options.node.isLeader && this.#state !== 'ok') {
      this.#leadNoLonger();
    }
  }

  #note(state: DiskState): void {
    const { node, logger, onChange } = this.#options;
    if (state === this.#state) {
      return;
    }
    logger[state === 'ok' ? 'info' : 'error']({ disk: state, was: this.#state }, SAID[state]);
    this.#state = state;
    this.#ticksSinceAsked = Number.MAX_SAFE_INTEGER;
    node.holdBack(state === 'full');
    onChange();
  }

  #leadNoLonger(): void {
    const { node, electionTicks } = this.#options;
    const isFirst = this.#ticksSinceAsked > ASK_AGAIN_TICKS;
    if (isFirst) {
      const successor = successorOf(node);
      this.#ticksSinceAsked = 0;
      if (successor !== undefined) {
        node.transferLeadership(successor);
        return;
      }
    }
    const isUnheard = this.#ticksSinceAsked === 0 || this.#ticksSinceAsked > electionTicks;
    if (this.#state === 'full' && isUnheard) {
      node.stepDown();
    }
  }
}

/** The voter that has most of the log, among those that answer. */
function successorOf(node: RaftNode): number | undefined {
  const { followers, membership } = node.status();
  const able = followers.filter(
    (item) => item.raftId !== node.raftId && item.isRecentlyActive && membership.voters.includes(item.raftId),
  );
  return able.sort((a, b) => b.match - a.match)[0]?.raftId;
}
