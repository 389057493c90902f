import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';

import type { StreamOp, StreamTopic } from '@skep/contract';
import type { ControlPlane, Subscription } from '@skep/controlplane';
import type { Clock } from '@skep/kernel';

import { CLOCK, CONTROL_PLANE } from '../tokens.ts';
import { KIND_OF_TOPIC, toOp, toRow } from './rows.ts';

/** What one applied log entry (or several that came at once) means for readers of the stream. */
export interface FeedDelta {
  /** Log index of the last entry in it. */
  readonly rev: number;
  readonly atMs: number;
  readonly ops: readonly StreamOp[];
}

/** Deltas kept for clients that come back. */
const RING_MAX = 10_000;
const RING_OPS_MAX = 50_000;
/** Entries are gathered this long before they are sent on: one delta instead of many under load. */
const GATHER_MS = 20;
const POLL_ENTRIES_MAX = 500;

export interface FeedReader {
  /** New deltas are there. */
  onDelta(delta: FeedDelta): void;
  /** Deltas were lost: the state has to be read anew. */
  onReset(): void;
}

/** One reading of the store's changes for all stream clients, with a ring of the recent ones. */
@Injectable()
export class StateFeed implements OnApplicationShutdown {
  #ring: FeedDelta[] = [];
  #ringOps = 0;
  /** Log index before the oldest delta of the ring. */
  #floor = 0;
  #rev = 0;
  #subscription: Subscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastFlushMs = 0;
  readonly #readers = new Set<FeedReader>();

  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  start(): void {
    this.#reset();
    this.#subscription = this.controlPlane.watch({
      onReady: () => {
        this.#schedule();
      },
    });
    this.#schedule();
  }

  onApplicationShutdown(): void {
    clearTimeout(this.#timer);
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  /** Log index that readers have been told of. */
  get rev(): number {
    return this.#rev;
  }

  subscribe(reader: FeedReader): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  /** The deltas after `rev`; undefined when the ring does not reach back so far, or `rev` is not known here yet. */
  since(rev: number): readonly FeedDelta[] | undefined {
    if (rev < this.#floor || rev > this.#rev) {
      return undefined;
    }
    return this.#ring.filter((delta) => delta.rev > rev);
  }

  /** Brings the feed up to the state as it is, so that a snapshot read now belongs to {@link rev}. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lastFlushMs = this.clock.monotonicMs();
    const ops: StreamOp[] = [];
    let isReset = false;
    for (;;) {
      const result = this.#subscription?.poll(POLL_ENTRIES_MAX);
      if (result === undefined || (result.type === 'entries' && result.entries.length === 0)) {
        break;
      }
      if (result.type === 'resync') {
        isReset = true;
        continue;
      }
      for (const entry of result.entries) {
        for (const event of entry.events) {
          const op = toOp(event);
          if (op !== undefined) {
            ops.push(op);
          }
        }
      }
    }
    if (isReset) {
      this.#reset();
      this.#readers.forEach((reader) => {
        reader.onReset();
      });
      return;
    }
    this.#rev = Math.max(this.#rev, this.controlPlane.appliedRev());
    if (ops.length > 0) {
      this.#append({ rev: this.#rev, atMs: this.clock.nowMs(), ops });
    }
  }

  /** All rows of a topic now. */
  snapshot(topic: StreamTopic): readonly (readonly [id: string, row: Readonly<Record<string, unknown>>])[] {
    const kind = KIND_OF_TOPIC[topic];
    return this.controlPlane.view((tx) =>
      tx.list(kind).map((object) => [object.id, toRow(kind, object)] as const),
    );
  }

  /** One row now; undefined when it is gone. */
  row(topic: StreamTopic, id: string): Readonly<Record<string, unknown>> | undefined {
    const kind = KIND_OF_TOPIC[topic];
    return this.controlPlane.view((tx) => {
      const object = tx.get(kind, id);
      return object === undefined ? undefined : toRow(kind, object);
    });
  }

  #schedule(): void {
    const sinceMs = this.clock.monotonicMs() - this.#lastFlushMs;
    this.#timer ??= setTimeout(
      () => {
        this.flush();
      },
      Math.max(0, GATHER_MS - sinceMs),
    );
  }

  #append(delta: FeedDelta): void {
    this.#ring.push(delta);
    this.#ringOps += delta.ops.length;
    while (this.#ring.length > RING_MAX || (this.#ringOps > RING_OPS_MAX && this.#ring.length > 1)) {
      const dropped = this.#ring.shift();
      this.#ringOps -= dropped?.ops.length ?? 0;
      this.#floor = dropped?.rev ?? this.#floor;
    }
    this.#readers.forEach((reader) => {
      reader.onDelta(delta);
    });
  }

  #reset(): void {
    this.#ring = [];
    this.#ringOps = 0;
    this.#rev = this.controlPlane.appliedRev();
    this.#floor = this.#rev;
  }
}
