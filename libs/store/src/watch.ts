import type { AppliedEntry } from './apply.ts';

/** How many applied entries can be replayed to a watcher that comes back. */
export const WATCH_ENTRIES_MAX = 10_000;

/** Changes kept in all, so that a burst of large entries does not hold old objects without limit. */
export const WATCH_EVENTS_MAX = 100_000;

export type WatchResult =
  /** Applied entries in order, none left out; empty when there is nothing new. */
  | { readonly type: 'entries'; readonly entries: readonly AppliedEntry[] }
  /** The watcher is too far behind: read the state anew, and go on from `logIndex`. */
  | { readonly type: 'resync'; readonly logIndex: number };

export interface WatchOptions {
  /** Begin after this log index; absent: from now on. */
  readonly afterIndex?: number;
  /** Called after an entry was applied, at most once until the next {@link Subscription.poll}. */
  readonly onReady?: () => void;
}

/** A reader's place in the ring of recent entries. It holds no buffer of its own, so it cannot grow. */
export interface Subscription {
  /** What came since the last call, at most `entriesMax` entries. */
  poll(entriesMax?: number): WatchResult;
  close(): void;
}

interface Reader {
  position: number;
  isSignalled: boolean;
  readonly onReady: (() => void) | undefined;
}

/** The last applied entries, and who reads them. */
export class WatchRing {
  /** Entries with an effect; their log indexes rise but may have gaps. */
  #entries: AppliedEntry[] = [];
  #eventCount = 0;
  /** Log index up to which entries were dropped from the ring. */
  #droppedUpTo: number;
  #lastIndex: number;
  readonly #readers = new Set<Reader>();

  constructor(logIndex: number) {
    this.#droppedUpTo = logIndex;
    this.#lastIndex = logIndex;
  }

  append(entry: AppliedEntry): void {
    this.#lastIndex = entry.logIndex;
    this.#entries.push(entry);
    this.#eventCount += entry.events.length;
    if (this.#entries.length > WATCH_ENTRIES_MAX * 1.1 || this.#eventCount > WATCH_EVENTS_MAX * 1.1) {
      this.#shrink();
    }
    this.#wake();
  }

  /** After a restored snapshot everybody has to read anew. */
  reset(logIndex: number): void {
    this.#entries = [];
    this.#eventCount = 0;
    this.#droppedUpTo = logIndex;
    this.#lastIndex = logIndex;
    this.#wake();
  }

  subscribe(options: WatchOptions): Subscription {
    const reader: Reader = {
      position: options.afterIndex ?? this.#lastIndex,
      isSignalled: false,
      onReady: options.onReady,
    };
    this.#readers.add(reader);
    return {
      poll: (entriesMax = 1000) => this.#poll(reader, entriesMax),
      close: () => {
        this.#readers.delete(reader);
      },
    };
  }

  #poll(reader: Reader, entriesMax: number): WatchResult {
    reader.isSignalled = false;
    if (reader.position < this.#droppedUpTo || reader.position > this.#lastIndex) {
      reader.position = this.#lastIndex;
      return { type: 'resync', logIndex: this.#lastIndex };
    }
    const start = this.#firstAfter(reader.position);
    const entries = this.#entries.slice(start, start + entriesMax);
    reader.position = entries.at(-1)?.logIndex ?? reader.position;
    return { type: 'entries', entries };
  }

  /** Position in the ring of the first entry after a log index (binary search). */
  #firstAfter(logIndex: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.logIndex ?? 0) > logIndex) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  #shrink(): void {
    let drop = Math.max(0, this.#entries.length - WATCH_ENTRIES_MAX);
    let events = this.#eventCount;
    for (let i = 0; i < this.#entries.length && (i < drop || events > WATCH_EVENTS_MAX); i += 1) {
      const entry = this.#entries[i];
      events -= entry?.events.length ?? 0;
      drop = Math.max(drop, i + 1);
      this.#droppedUpTo = entry?.logIndex ?? this.#droppedUpTo;
    }
    this.#entries = this.#entries.slice(drop);
    this.#eventCount = events;
  }

  #wake(): void {
    for (const reader of this.#readers) {
      if (!reader.isSignalled) {
        reader.isSignalled = true;
        reader.onReady?.();
      }
    }
  }
}
