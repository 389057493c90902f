/** How a node is watched: by its last sign of life, and from when silence counts. */
interface Watched {
  lastSeenMs: number;
  graceMs: number;
  /** It has not come to this leader yet. */
  isAwaited: boolean;
}

/** Looks at the nodes further apart than this mean that this process itself stood still in between. */
const STALL_MS = 500;
/** After a change of leader the nodes still missing get at least this much after each one that came. */
const NEXT_RETURN_MS = 1_000;
/** But no longer than this in all. */
const AWAIT_MAX_MS = 15_000;

/**
 * Judges which nodes have fallen silent, by the monotonic time it is given. Two things are not a node's silence: that
 * this process did not run for a while (what the nodes said meanwhile still waits to be read), and that a new leader is
 * busy taking many nodes back, one after another.
 */
export class NodeLiveness {
  readonly #nodes = new Map<string, Watched>();
  #lastLookMs: number | undefined;
  #awaitEndMs = 0;

  /** Begins or renews the watch of a node. */
  seen(nodeId: string, nowMs: number, graceMs: number): void {
    if (this.#nodes.get(nodeId)?.isAwaited === true) {
      this.#extendAwaited(nowMs);
    }
    this.#nodes.set(nodeId, { lastSeenMs: nowMs, graceMs, isAwaited: false });
  }

  /** Begins the watch of a node that had its session with the leader before. */
  awaitReturn(nodeId: string, nowMs: number, graceMs: number): void {
    this.#awaitEndMs = nowMs + AWAIT_MAX_MS;
    this.#nodes.set(nodeId, { lastSeenMs: nowMs, graceMs, isAwaited: true });
  }

  #extendAwaited(nowMs: number): void {
    const end = Math.min(nowMs + NEXT_RETURN_MS, this.#awaitEndMs);
    for (const watched of this.#nodes.values()) {
      if (watched.isAwaited && watched.lastSeenMs + watched.graceMs < end) {
        watched.graceMs = end - watched.lastSeenMs;
      }
    }
  }

  /** A heartbeat of a node that is watched. */
  beat(nodeId: string, nowMs: number): void {
    const watched = this.#nodes.get(nodeId);
    if (watched !== undefined) {
      watched.lastSeenMs = nowMs;
    }
  }

  forget(nodeId: string): void {
    this.#nodes.delete(nodeId);
  }

  clear(): void {
    this.#nodes.clear();
    this.#lastLookMs = undefined;
  }

  /** The nodes whose grace is over; they are not watched any more. To be called several times a second. */
  takeSilent(nowMs: number): string[] {
    const sinceMs = nowMs - (this.#lastLookMs ?? nowMs);
    this.#lastLookMs = nowMs;
    const silent: string[] = [];
    for (const [nodeId, watched] of this.#nodes) {
      if (sinceMs > STALL_MS) {
        watched.lastSeenMs = Math.min(nowMs, watched.lastSeenMs + sinceMs);
      }
      if (nowMs - watched.lastSeenMs > watched.graceMs) {
        silent.push(nodeId);
        this.#nodes.delete(nodeId);
      }
    }
    return silent;
  }
}
