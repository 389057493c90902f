import type { StreamOp, StreamServerFrame, StreamTopic } from '@skep/contract';

import type { FeedDelta, FeedReader, StateFeed } from './state-feed.ts';

/** Bytes that may wait in the socket before the client counts as slow. */
const BUFFERED_MAX = 512 * 1024;
const SLOW_CHECK_MS = 50;
const SNAPSHOT_ROWS = 2000;

export interface StreamSocket {
  readonly bufferedAmount: number;
  send(text: string): void;
}

/** Text of a delta's ops, made once for all clients that see the same topics. */
const opsTexts = new WeakMap<FeedDelta, Map<string, string>>();

/**
 * One client of the state stream: what it was told last, and what it has missed. A client that does not keep up is not
 * buffered for: the keys that changed are remembered, and when its socket has drained it gets their present values in
 * one delta. So its memory is bounded by the number of objects, and it is late but never wrong.
 */
export class StreamClient implements FeedReader {
  readonly #socket: StreamSocket;
  readonly #feed: StateFeed;
  readonly #topics: ReadonlySet<StreamTopic>;
  readonly #topicsKey: string;
  /** Changes since the client became slow: topic and id. */
  readonly #dirty = new Map<StreamTopic, Set<string>>();
  #rev = 0;
  #isSlow = false;
  #isIdle = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #unsubscribe: () => void;

  constructor(socket: StreamSocket, feed: StateFeed, topics: readonly StreamTopic[]) {
    this.#socket = socket;
    this.#feed = feed;
    this.#topics = new Set(topics);
    this.#topicsKey = [...this.#topics].sort().join();
    this.#unsubscribe = feed.subscribe(this);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#unsubscribe();
  }

  send(frame: StreamServerFrame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** Sends what came after `rev`; false when that is not known any more, and a snapshot is needed. */
  resume(rev: number): boolean {
    const deltas = this.#feed.since(rev);
    if (deltas === undefined) {
      return false;
    }
    this.#rev = rev;
    for (const delta of deltas) {
      this.#sendDelta(delta);
    }
    return true;
  }

  /** Sends the whole state of the topics. */
  sendSnapshot(): void {
    this.#dirty.clear();
    this.#isSlow = false;
    const { rev } = this.#feed;
    for (const topic of this.#topics) {
      const rows = this.#feed.snapshot(topic).map(([, row]) => row);
      const cols = [...new Set(rows.flatMap((row) => Object.keys(row)))];
      let part = 0;
      do {
        const slice = rows.slice(part * SNAPSHOT_ROWS, (part + 1) * SNAPSHOT_ROWS);
        const last = (part + 1) * SNAPSHOT_ROWS >= rows.length;
        const values = slice.map((row) => cols.map((col) => row[col] ?? null));
        this.send({ t: 'snap', topic, rev, part, last, cols, rows: values });
        part += 1;
      } while (part * SNAPSHOT_ROWS < rows.length);
    }
    this.#rev = rev;
  }

  /** A hidden tab gets marks only, until it is active again. */
  setIdle(isIdle: boolean): void {
    this.#isIdle = isIdle;
    if (!isIdle) {
      this.#catchUp();
    }
  }

  /** Tells the client that it is up to date, as a sign of life and a newer place to resume from. */
  mark(nowMs: number): void {
    const isWhole = !this.#isSlow && this.#dirty.size === 0;
    if (isWhole) {
      this.#rev = Math.max(this.#rev, this.#feed.rev);
    }
    this.send({ t: 'mark', rev: this.#rev, ts: nowMs });
  }

  onDelta(delta: FeedDelta): void {
    if (this.#isIdle || this.#isSlow || this.#dirty.size > 0) {
      this.#remember(delta.ops);
      return;
    }
    if (this.#socket.bufferedAmount > BUFFERED_MAX) {
      this.#isSlow = true;
      this.#remember(delta.ops);
      this.#watchSocket();
      return;
    }
    this.#sendDelta(delta);
  }

  onReset(): void {
    this.send({ t: 'gap', why: 'compacted' });
    this.sendSnapshot();
  }

  #sendDelta(delta: FeedDelta): void {
    const ops = this.#opsText(delta);
    if (ops !== '[]') {
      const head = `{"t":"delta","prev":${String(this.#rev)},"rev":${String(delta.rev)},"ts":${String(delta.atMs)}`;
      this.#socket.send(`${head},"ops":${ops}}`);
      this.#rev = delta.rev;
    }
  }

  #opsText(delta: FeedDelta): string {
    const texts = opsTexts.get(delta) ?? new Map<string, string>();
    opsTexts.set(delta, texts);
    let text = texts.get(this.#topicsKey);
    if (text === undefined) {
      text = JSON.stringify(delta.ops.filter(([topic]) => this.#topics.has(topic)));
      texts.set(this.#topicsKey, text);
    }
    return text;
  }

  #remember(ops: readonly StreamOp[]): void {
    for (const [topic, , id] of ops) {
      if (this.#topics.has(topic)) {
        const ids = this.#dirty.get(topic) ?? new Set<string>();
        this.#dirty.set(topic, ids.add(id));
      }
    }
  }

  #watchSocket(): void {
    this.#timer = setTimeout(() => {
      if (this.#socket.bufferedAmount > BUFFERED_MAX / 4) {
        this.#watchSocket();
      } else {
        this.#isSlow = false;
        this.#catchUp();
      }
    }, SLOW_CHECK_MS);
  }

  #catchUp(): void {
    if (this.#isSlow || this.#isIdle || this.#dirty.size === 0) {
      return;
    }
    this.#feed.flush();
    const ops: StreamOp[] = [];
    for (const [topic, ids] of this.#dirty) {
      for (const id of ids) {
        const row = this.#feed.row(topic, id);
        ops.push(row === undefined ? [topic, '-', id] : [topic, '+', id, row]);
      }
    }
    this.#dirty.clear();
    const { rev } = this.#feed;
    this.send({ t: 'delta', prev: this.#rev, rev, ts: Date.now(), ops });
    this.#rev = rev;
  }
}
