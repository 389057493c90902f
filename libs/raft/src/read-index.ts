/** One linearizable read that waits for confirmation. */
export interface ReadRequest {
  /** The member that asked. */
  readonly from: number;
  /** The asker's name for the request. */
  readonly context: number;
}

/** A confirmed read: safe to answer from local state once `logIndex` is applied. */
export interface ReadState {
  readonly context: number;
  readonly logIndex: number;
}

interface Round {
  readonly number: number;
  readonly logIndex: number;
  readonly sentTick: number;
  readonly requests: readonly ReadRequest[];
  readonly acks: Set<number>;
}

/** Requests confirmed together, with the index they may read at. */
export interface ConfirmedReads {
  readonly logIndex: number;
  /** The leader's tick at which the question left: a quorum followed it then or later. */
  readonly sentTick: number;
  readonly requests: readonly ReadRequest[];
}

/**
 * Reads that wait until a quorum confirms that this leader still leads (thesis, section 6.4). All requests that
 * arrive between two rounds of heartbeats share one round, so reads cost messages per round and not per read.
 */
export class ReadIndexQueue {
  #waiting: ReadRequest[] = [];
  #rounds: Round[] = [];
  #lastRound = 0;

  get size(): number {
    return this.#rounds.reduce((sum, round) => sum + round.requests.length, this.#waiting.length);
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** The newest round without an answer yet, 0 when there is none: what the next heartbeat asks about. */
  get pendingRound(): number {
    return this.#rounds.at(-1)?.number ?? 0;
  }

  add(request: ReadRequest): void {
    this.#waiting.push(request);
  }

  /** Starts a round for everything that waits. `logIndex` is the commit index now, `sentTick` the leader's tick. */
  startRound(round: { readonly logIndex: number; readonly self: number; readonly sentTick: number }): void {
    this.#lastRound += 1;
    this.#rounds.push({
      number: this.#lastRound,
      logIndex: round.logIndex,
      sentTick: round.sentTick,
      requests: this.#waiting,
      acks: new Set([round.self]),
    });
    this.#waiting = [];
  }

  /** Notes that `from` still followed when it answered `round`, and so in all earlier rounds too. */
  acknowledge(round: number, from: number): void {
    for (const item of this.#rounds) {
      if (item.number <= round) {
        item.acks.add(from);
      }
    }
  }

  /** Takes out the rounds that `isQuorum` holds for; a confirmed round confirms all before it. */
  takeConfirmed(isQuorum: (acks: ReadonlySet<number>) => boolean): readonly ConfirmedReads[] {
    const index = this.#rounds.findLastIndex((round) => isQuorum(round.acks));
    return this.#rounds.splice(0, index + 1);
  }

  /** Takes out everything that waits for a round. */
  takeWaiting(): readonly ReadRequest[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  /** Forgets all requests: the leadership that should confirm them is over. Round numbers go on. */
  clear(): void {
    this.#waiting = [];
    this.#rounds = [];
  }
}
