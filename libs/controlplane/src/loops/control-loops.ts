import type { Clock, Timers } from '@skep/kernel';
import { AddressPicker, ORPHAN_AFTER_MS, removeEndedAccess } from '@skep/orchestrator';
import type { AppliedEntry, ReadTx, WriteTx } from '@skep/store';

import { runTurn, type TurnResult } from './turn.ts';
import { WakeTimes } from './wake-times.ts';
import { WorkList } from './work-list.ts';

export interface LoopLog {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

/** All that the loops touch. */
export interface ControlLoopPorts {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers: Timers;
  readonly log: LoopLog;
  /** A new 25-character object id. */
  readonly newId: () => string;
  view<T>(fn: (tx: ReadTx) => T): T;
  /**
   * Plans on the newest applied state and proposes what comes of it, in as many entries as needed. Calls `onDone` once,
   * when all of them are applied (false: one was refused, or its fate is unknown).
   */
  change(fn: (tx: WriteTx) => void, onDone: (isOk: boolean) => void): void;
  /** Called after each applied entry. Returns the function that ends it. */
  onApplied(callback: (applied: AppliedEntry) => void): () => void;
  /** Called after a snapshot replaced the state. Returns the function that ends it. */
  onRestored(callback: () => void): () => void;
}

/** How often at most tasks that found no node are tried again. */
const RETRY_INTERVAL_MS = 100;

/** Waiting time after a refused change: from the first to the last. */
const BACKOFF_FIRST_MS = 20;
const BACKOFF_LAST_MS = 2000;

/** How often what depends on time alone is looked at: lost nodes, sessions that ended. */
const SWEEP_INTERVAL_MS = 60_000;

/**
 * The control loops of the leader: orchestrators, updater, restart supervisor, constraint enforcer, allocator,
 * scheduler and reaper. They wake on applied entries, think in one turn over one transaction, and propose. One turn is
 * under way at a time: when idle a change is answered at once, under load changes gather for the next turn.
 */
export class ControlLoops {
  readonly #ports: ControlLoopPorts;
  readonly #work = new WorkList();
  readonly #wakeTimes = new WakeTimes();
  #picker = new AddressPicker();
  #stops: (() => void)[] = [];
  #cancelTurn: (() => void) | undefined;
  #turnAtMs = Number.POSITIVE_INFINITY;
  #isTurning = false;
  #isRunning = false;
  /** Tells the callbacks of an earlier leadership from those of this one. */
  #term = 0;
  #lastPlaceMs = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(ports: ControlLoopPorts) {
    this.#ports = ports;
  }

  /** On gaining leadership, once the state holds everything that was committed before. */
  start(): void {
    if (this.#isRunning) {
      return;
    }
    this.#isRunning = true;
    this.#term += 1;
    this.#isTurning = false;
    this.#failures = 0;
    this.#picker = new AddressPicker();
    this.#stops = [
      this.#ports.onApplied((applied) => this.#noteApplied(applied)),
      this.#ports.onRestored(() => this.#rebuild()),
    ];
    this.#scheduleSweep();
    this.#rebuild();
  }

  /** On losing leadership. What was proposed may still be applied. */
  stop(): void {
    this.#isRunning = false;
    this.#term += 1;
    this.#stops.forEach((stop) => stop());
    this.#stops = [];
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
    this.#turnAtMs = Number.POSITIVE_INFINITY;
    this.#wakeTimes.clear();
  }

  #noteApplied({ events }: AppliedEntry): void {
    if (events.length > 0) {
      this.#ports.view((tx) => this.#work.note(tx, events));
      this.#scheduleTurn();
    }
  }

  #rebuild(): void {
    this.#ports.view((tx) => this.#work.rebuild(tx));
    this.#scheduleTurn();
  }

  /** Plans the next turn: now when there is work, else when a service or a retry is due. */
  #scheduleTurn(): void {
    if (!this.#isRunning || this.#isTurning) {
      return;
    }
    const nowMs = this.#ports.clock.nowMs();
    const atMs = Math.max(nowMs + this.#backoffMs(), this.#nextWorkMs(nowMs));
    if (atMs >= this.#turnAtMs) {
      return;
    }
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
    this.#turnAtMs = atMs;
    if (Number.isFinite(atMs)) {
      this.#cancelTurn = this.#ports.timers.after(Math.max(0, atMs - nowMs), () => this.#turn());
    }
  }

  #nextWorkMs(nowMs: number): number {
    if (this.#work.services.size > 0 || this.#work.hasNewNetworks) {
      return nowMs;
    }
    const retryMs = this.#work.isEmpty ? Number.POSITIVE_INFINITY : this.#lastPlaceMs + RETRY_INTERVAL_MS;
    return Math.min(retryMs, this.#wakeTimes.next() ?? Number.POSITIVE_INFINITY);
  }

  #backoffMs(): number {
    return this.#failures === 0
      ? 0
      : Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(10, this.#failures - 1));
  }

  #turn(): void {
    this.#cancelTurn = undefined;
    this.#turnAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#ports.clock.nowMs();
    const work = this.#work;
    this.#wakeTimes.takeDue(nowMs).forEach((id) => work.services.add(id));
    if (work.isEmpty) {
      this.#scheduleTurn();
      return;
    }
    // A turn that was caused by something else does not try unplaceable tasks more often than allowed.
    const isRetryDue = work.isRetryDue;
    work.isRetryDue &&= nowMs - this.#lastPlaceMs >= RETRY_INTERVAL_MS;
    const isRetrying = work.isRetryDue;
    const term = this.#term;
    this.#isTurning = true;
    this.#ports.change(
      (tx) => {
        const result = this.#think(tx);
        work.services.clear();
        result.unfinished.forEach((id) => work.services.add(id));
        work.hasNewNetworks = false;
        work.isRetryDue = isRetryDue && !isRetrying;
        if (isRetrying && result.unplacedCount > 0) {
          this.#lastPlaceMs = nowMs;
        }
      },
      (isOk) => {
        if (term === this.#term) {
          this.#isTurning = false;
          this.#turnDone(isOk);
        }
      },
    );
  }

  #think(tx: WriteTx): TurnResult {
    return runTurn(tx, {
      work: this.#work,
      wakeTimes: this.#wakeTimes,
      picker: this.#picker,
      newId: this.#ports.newId,
      onProblem: (problem) => {
        this.#ports.log.warn(problem, 'nothing left to allocate');
      },
    });
  }

  #turnDone(isOk: boolean): void {
    if (isOk) {
      this.#failures = 0;
      this.#scheduleTurn();
      return;
    }
    this.#failures += 1;
    this.#ports.log.debug({ failures: this.#failures }, 'a turn was overtaken; looking at everything anew');
    this.#rebuild();
  }

  #scheduleSweep(): void {
    const cancel = this.#ports.timers.after(SWEEP_INTERVAL_MS, () => {
      this.#sweep();
      this.#stops = this.#stops.filter((stop) => stop !== cancel);
      this.#scheduleSweep();
    });
    this.#stops.push(cancel);
  }

  /** Finds tasks on nodes that have been down for a day, and removes sessions that ended. */
  #sweep(): void {
    const nowMs = this.#ports.clock.nowMs();
    this.#ports.view((tx) => {
      for (const { id, status } of tx.list('node')) {
        if (
          status.state === 'down' &&
          status.sinceMs !== undefined &&
          nowMs - status.sinceMs >= ORPHAN_AFTER_MS
        ) {
          tx.tasksByNode(id).forEach(({ serviceId }) => this.#work.services.add(serviceId));
        }
      }
    });
    this.#scheduleTurn();
    this.#ports.change(
      (tx) => {
        removeEndedAccess(tx);
      },
      () => undefined,
    );
  }
}
