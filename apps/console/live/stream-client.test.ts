import { beforeEach, describe, expect, test } from 'vitest';

import { TOPICS, TOPIC_PERMISSIONS } from './protocol.ts';
import { LiveStore } from './store.ts';
import { OFFLINE_AFTER_MS, RECONNECTING_AFTER_MS, SILENCE_MS, StreamClient } from './stream-client.ts';
import type { SocketHandlers } from './stream-client.ts';

/** Time, timers and sockets by hand. */
class Bench {
  nowMs = 1_000_000;
  timers: { readonly id: number; readonly atMs: number; readonly run: () => void }[] = [];
  sockets: {
    readonly handlers: SocketHandlers;
    readonly sent: Record<string, unknown>[];
    isClosed: boolean;
  }[] = [];
  #next = 0;
  readonly store = new LiveStore({
    indexes: [],
    schedule: (commit) => {
      commit();
    },
  });
  readonly client = new StreamClient({
    store: this.store,
    build: 'b',
    locale: () => 'en',
    environment: {
      connect: (_subprotocol, handlers) => {
        const socket = { handlers, sent: [] as Record<string, unknown>[], isClosed: false };
        this.sockets.push(socket);
        return {
          send: (text) => socket.sent.push(JSON.parse(text) as Record<string, unknown>),
          close: () => {
            socket.isClosed = true;
          },
        };
      },
      now: () => this.nowMs,
      random: () => 1,
      setTimer: (run, delayMs) => {
        this.#next += 1;
        this.timers.push({ id: this.#next, atMs: this.nowMs + delayMs, run });
        return this.#next;
      },
      clearTimer: (timer) => {
        this.timers = this.timers.filter(({ id }) => id !== timer);
      },
    },
  });

  get socket() {
    return this.sockets.at(-1)!;
  }

  pass(milliseconds: number): void {
    const end = this.nowMs + milliseconds;
    for (;;) {
      const due = this.timers
        .filter(({ atMs }) => atMs <= end)
        .toSorted((a, b) => a.atMs - b.atMs || a.id - b.id)[0];
      if (due === undefined) {
        break;
      }
      this.timers = this.timers.filter((timer) => timer !== due);
      this.nowMs = due.atMs;
      due.run();
    }
    this.nowMs = end;
  }

  receive(frame: object): void {
    this.socket.handlers.onText(JSON.stringify(frame));
  }

  welcome(rev: number, resumed = false): void {
    this.socket.handlers.onOpen();
    this.receive({
      t: 'welcome',
      epoch: 'e',
      rev,
      now: this.nowMs + 500,
      build: 'other',
      node: { id: 'm1', name: 'm1', role: 'manager' },
      user: {},
      perms: Object.values(TOPIC_PERMISSIONS),
      resumed,
      managers: [{ id: 'm1', name: 'm1', reachable: true, leader: true }],
      quorum: true,
      deps: { db: 'ok', metrics: 'off' },
    });
    if (!resumed) {
      TOPICS.forEach((topic) => {
        this.receive({ t: 'snap', topic, rev, part: 0, last: true, cols: ['id'], rows: [] });
      });
    }
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('the first connection', () => {
  test('says hello without a resume point, and is live when the snapshot is whole', () => {
    bench.client.start();
    expect(bench.client.connection.freshness).toBe('connecting');
    bench.welcome(7);
    expect(bench.socket.sent[0]).toMatchObject({ t: 'hello', v: 1, topics: [...TOPICS] });
    expect(bench.socket.sent[0]).not.toHaveProperty('resume');
    expect(bench.client.connection).toMatchObject({ freshness: 'live', skewMs: 500, quorum: true });
  });
});

describe('when the manager dies', () => {
  beforeEach(() => {
    bench.client.start();
    bench.welcome(7);
    bench.receive({ t: 'mark', rev: 9, ts: 0 });
    bench.socket.handlers.onClose();
  });

  test('nothing is said for three seconds, then reconnecting, then offline', () => {
    expect(bench.client.connection.freshness).toBe('live');
    bench.pass(RECONNECTING_AFTER_MS);
    expect(bench.client.connection.freshness).toBe('reconnecting');
    bench.pass(OFFLINE_AFTER_MS);
    expect(bench.client.connection.freshness).toBe('offline');
  });

  test('it resumes from the last revision, on whichever manager answers', () => {
    bench.pass(300);
    expect(bench.sockets).toHaveLength(2);
    bench.welcome(9, true);
    expect(bench.socket.sent[0]).toMatchObject({ resume: { epoch: 'e', rev: 9 } });
    expect(bench.client.connection.freshness).toBe('live');
  });

  test('waits twice as long after each failure, up to eight seconds', () => {
    const gaps: number[] = [];
    let before = bench.nowMs;
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const count = bench.sockets.length;
      while (bench.sockets.length === count) {
        bench.pass(50);
      }
      gaps.push(bench.nowMs - before);
      before = bench.nowMs;
      bench.socket.handlers.onClose();
    }
    expect(gaps).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  test('tries at once when the network or the reader comes back', () => {
    bench.client.wake();
    expect(bench.sockets).toHaveLength(2);
  });
});

test('a socket that falls silent is given up', () => {
  bench.client.start();
  bench.welcome(7);
  bench.pass(SILENCE_MS + 2_000);
  expect(bench.sockets[0]?.isClosed).toBe(true);
  expect(bench.sockets.length).toBeGreaterThan(1);
});

test('a delta that does not follow makes it ask again on the same socket', () => {
  bench.client.start();
  bench.welcome(7);
  bench.receive({ t: 'delta', prev: 8, rev: 9, ts: 0, ops: [] });
  expect(bench.sockets).toHaveLength(1);
  expect(bench.socket.sent.at(-1)).toMatchObject({ t: 'hello', resume: { epoch: 'e', rev: 7 } });
  bench.receive({ t: 'delta', prev: 7, rev: 8, ts: 0, ops: [] });
  expect(bench.store.resume?.rev).toBe(7);
});

test('lost quorum is remembered from when it was lost', () => {
  bench.client.start();
  bench.welcome(7);
  const health = { t: 'health', quorum: false, leader: null, lagMs: 0, deps: { db: 'ok' }, managers: [] };
  bench.receive(health);
  const since = bench.client.connection.quorumLostAtMs;
  bench.pass(2_000);
  bench.receive(health);
  expect(bench.client.connection).toMatchObject({ quorum: false, quorumLostAtMs: since });
  bench.receive({ ...health, quorum: true });
  expect(bench.client.connection.quorumLostAtMs).toBeUndefined();
});

test('a manager that says goodbye names the others and when to come back', () => {
  bench.client.start();
  bench.welcome(7);
  const other = { id: 'm2', name: 'm2', url: 'https://m2:8377', reachable: true, leader: true };
  bench.receive({ t: 'bye', code: 'shutdown', retryMs: 1_500, tryManagers: [other] });
  expect(bench.client.connection.managers).toEqual([other]);
  bench.pass(1_400);
  expect(bench.sockets).toHaveLength(1);
  bench.pass(200);
  expect(bench.sockets).toHaveLength(2);
});

test('stopping ends everything', () => {
  bench.client.start();
  bench.welcome(7);
  bench.client.stop();
  expect(bench.timers).toHaveLength(0);
  expect(bench.sockets[0]?.isClosed).toBe(true);
});
