import type { WebSocket } from 'ws';

import type { ManagerView } from '@skep/contract';

import { TOPICS, TOPIC_PERMISSIONS } from '../../live/protocol.ts';
import type { Row, ServerFrame, Topic } from '../../live/protocol.ts';
import type { Entry, World } from './world.ts';

export interface Condition {
  quorum: boolean;
  db: 'ok' | 'down';
  lagMs: number;
}

export interface StreamOptions {
  readonly world: World;
  readonly condition: Condition;
  readonly managers: () => readonly ManagerView[];
}

const PART_ROWS = 400;

/** Columns that any row of a topic has, ids first, as the manager would send them. */
function columnsOf(rows: readonly Row[]): string[] {
  const columns = new Set(['id']);
  for (const row of rows) {
    Object.keys(row).forEach((key) => columns.add(key));
  }
  return [...columns];
}

/** One state socket. */
export class StreamSession {
  readonly #socket: WebSocket;
  readonly #options: StreamOptions;
  #topics: readonly Topic[] = [];
  #isWelcomed = false;

  constructor(socket: WebSocket, options: StreamOptions) {
    this.#socket = socket;
    this.#options = options;
    const onEntry = (entry: Entry) => {
      if (this.#isWelcomed) {
        this.#delta(entry);
      }
    };
    options.world.listeners.add(onEntry);
    const mark = setInterval(() => {
      if (this.#isWelcomed) {
        this.#send({ t: 'mark', rev: options.world.rev, ts: Date.now() });
      }
    }, 3_000);
    socket.on('close', () => {
      clearInterval(mark);
      options.world.listeners.delete(onEntry);
    });
    socket.on('message', (data: Buffer) => {
      this.#receive(JSON.parse(data.toString()) as { t: string });
    });
  }

  #send(frame: ServerFrame): void {
    if (this.#socket.readyState === 1) {
      this.#socket.send(JSON.stringify(frame));
    }
  }

  #receive(frame: {
    readonly t: string;
    readonly topics?: readonly Topic[];
    readonly resume?: { readonly epoch: string; readonly rev: number };
  }): void {
    if (frame.t === 'ping') {
      this.#send({ t: 'pong', n: 0 });
    }
    if (frame.t !== 'hello') {
      return;
    }
    const { world, condition, managers } = this.#options;
    this.#topics = frame.topics ?? TOPICS;
    const { resume } = frame;
    const missed = world.ring.filter((entry) => entry.rev > (resume?.rev ?? world.rev));
    const isInside =
      resume !== undefined &&
      resume.epoch === world.epoch &&
      (resume.rev === world.rev || missed[0]?.prev === resume.rev);
    const me = world.rows('nodes')[0];
    this.#send({
      t: 'welcome',
      epoch: world.epoch,
      rev: world.rev,
      now: Date.now(),
      build: 'fake',
      node: { id: me?.id ?? '', name: me?.description?.hostname ?? 'manager-1', role: 'manager' },
      user: { principal: 'user:admin', name: 'admin', role: 'admin' },
      perms: Object.values(TOPIC_PERMISSIONS),
      resumed: isInside,
      managers: managers(),
      quorum: condition.quorum,
      deps: { db: condition.db, metrics: 'off' },
    });
    this.#isWelcomed = true;
    if (isInside) {
      missed.forEach((entry) => {
        this.#delta(entry);
      });
    } else {
      this.#snapshots();
    }
    this.health();
  }

  #snapshots(): void {
    const { world } = this.#options;
    for (const topic of this.#topics) {
      const rows = [...world.tables[topic].values()];
      const cols = columnsOf(rows);
      for (let part = 0; part === 0 || part * PART_ROWS < rows.length; part += 1) {
        const slice = rows.slice(part * PART_ROWS, (part + 1) * PART_ROWS);
        this.#send({
          t: 'snap',
          topic,
          rev: world.rev,
          part,
          last: (part + 1) * PART_ROWS >= rows.length,
          cols,
          rows: slice.map((row) => cols.map((column) => row[column] ?? null)),
        });
      }
    }
  }

  #delta(entry: Entry): void {
    this.#send({ t: 'delta', ...entry, ops: entry.ops.filter(([topic]) => this.#topics.includes(topic)) });
  }

  health(): void {
    const { condition, managers } = this.#options;
    this.#send({
      t: 'health',
      quorum: condition.quorum,
      leader: managers().find((manager) => manager.leader)?.id ?? null,
      lagMs: condition.lagMs,
      deps: { db: condition.db, metrics: 'off' },
      managers: managers(),
    });
  }

  drop(): void {
    this.#socket.terminate();
  }
}
