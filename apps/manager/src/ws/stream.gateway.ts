import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { RawData } from 'ws';

import {
  ROLE_PERMISSIONS,
  STREAM_PATH,
  StreamClientFrame,
  TOPIC_PERMISSIONS,
  roleHolds,
  type StreamServerFrame,
  type StreamTopic,
} from '@skep/contract';
import type { ControlPlane } from '@skep/controlplane';
import { errorMessage, type Clock } from '@skep/kernel';

import type { Principal } from '../auth/principal.ts';
import { toSwarmError } from '../common/problem.filter.ts';
import { validateValue } from '../common/validate.ts';
import { HealthService } from '../http/system/health.service.ts';
import { CLOCK, CONSOLE_BUILD, CONTROL_PLANE } from '../tokens.ts';
import { StateFeed } from './state-feed.ts';
import { StatsFeed } from './stats-feed.ts';
import { StreamClient } from './stream-client.ts';
import { WsRouter, parseFrame, type Connection } from './ws-router.ts';

const MARK_MS = 5000;
const HEALTH_CHECK_MS = 500;
/** A client says hello within this time, or is cut. */
const HELLO_MS = 10_000;

interface Session {
  readonly connection: Connection;
  readonly stats: StatsFeed;
  client: StreamClient | undefined;
}

/** The state stream: welcome, snapshot or missed deltas, then every change as it is applied here. */
@Injectable()
export class StreamGateway implements OnApplicationShutdown {
  readonly #sessions = new Set<Session>();
  #timers: NodeJS.Timeout[] = [];
  #lastHealth = '';

  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(StateFeed) private readonly feed: StateFeed,
    @Inject(HealthService) private readonly health: HealthService,
    @Inject(WsRouter) private readonly router: WsRouter,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(CONSOLE_BUILD) private readonly build: string,
  ) {}

  start(): void {
    this.router.add({
      path: STREAM_PATH,
      access: 'signed-in',
      isCompressed: true,
      open: (connection) => {
        this.#open(connection);
      },
    });
    this.#timers = [
      setInterval(() => {
        this.#markAll();
      }, MARK_MS),
      setInterval(() => {
        this.#tellHealth();
      }, HEALTH_CHECK_MS),
    ];
  }

  onApplicationShutdown(): void {
    this.#timers.forEach(clearInterval);
    for (const { connection, client } of this.#sessions) {
      client?.send({
        t: 'bye',
        code: 'stopping',
        retryMs: 1000,
        tryManagers: this.health.managers().filter(({ id }) => id !== this.controlPlane.nodeId),
      });
      connection.socket.close(1001);
    }
  }

  #open(connection: Connection): void {
    const { socket } = connection;
    const send = (frame: StreamServerFrame): void => {
      socket.send(JSON.stringify(frame));
    };
    const stats = new StatsFeed(this.controlPlane, (frame) => {
      // Samples are worth nothing later: a socket that is behind goes without.
      if (socket.bufferedAmount < 64 * 1024) {
        send(frame);
      }
    });
    const session: Session = { connection, stats, client: undefined };
    this.#sessions.add(session);
    const hello = setTimeout(() => {
      socket.close(1002, 'no hello');
    }, HELLO_MS);
    socket.on('message', (data: RawData, isBinary: boolean) => {
      try {
        const frame = validateValue(StreamClientFrame, isBinary ? undefined : parseFrame(data));
        if (frame.t === 'hello') {
          clearTimeout(hello);
        }
        this.#receive(session, frame);
      } catch (error: unknown) {
        const { code, message } = toSwarmError(error);
        send({ t: 'error', code, message });
        socket.close(1007, errorMessage(error).slice(0, 100));
      }
    });
    socket.on('close', () => {
      clearTimeout(hello);
      session.client?.close();
      stats.close();
      this.#sessions.delete(session);
    });
  }

  #receive(session: Session, frame: StreamClientFrame): void {
    const { socket } = session.connection;
    switch (frame.t) {
      case 'hello':
        this.#hello(session, frame);
        break;
      case 'sub':
        session.stats.subscribe(frame);
        break;
      case 'unsub':
        session.stats.unsubscribe(frame.id);
        break;
      case 'idle':
      case 'active':
        session.client?.setIdle(frame.t === 'idle');
        break;
      case 'ping':
        socket.send(JSON.stringify({ t: 'pong', n: frame.n }));
        break;
    }
  }

  #hello(session: Session, frame: Extract<StreamClientFrame, { t: 'hello' }>): void {
    const { connection } = session;
    const { principal } = connection;
    session.client?.close();
    this.feed.flush();
    const topics = visibleTopics(principal, frame.topics);
    const client = new StreamClient(connection.socket, this.feed, topics);
    session.client = client;
    const { epoch } = this.health;
    const isSameEpoch = frame.resume?.epoch === epoch;
    const canResume =
      frame.resume !== undefined && isSameEpoch && this.feed.since(frame.resume.rev) !== undefined;
    client.send(this.#welcome(principal, epoch, canResume));
    if (canResume && frame.resume !== undefined && client.resume(frame.resume.rev)) {
      return;
    }
    if (frame.resume !== undefined) {
      client.send({ t: 'gap', why: isSameEpoch ? 'compacted' : 'epoch' });
    }
    client.sendSnapshot();
  }

  #welcome(principal: Principal, epoch: string, resumed: boolean): StreamServerFrame {
    const health = this.health.view();
    return {
      t: 'welcome',
      epoch,
      rev: this.feed.rev,
      now: this.clock.nowMs(),
      build: this.build,
      node: health.node,
      user: { principal: principal.id, name: principal.name, role: principal.role },
      perms: ROLE_PERMISSIONS[principal.role],
      resumed,
      managers: health.managers,
      quorum: health.quorum,
      deps: { db: health.deps.db, metrics: health.deps.metrics },
    };
  }

  #markAll(): void {
    this.feed.flush();
    for (const { connection, client } of this.#sessions) {
      if (client !== undefined && !this.#isStillAllowed(connection)) {
        client.send({ t: 'gap', why: 'perms' });
        connection.socket.close(4401, 'the session has ended or changed');
        continue;
      }
      client?.mark(this.clock.nowMs());
    }
  }

  /** Sessions end and roles change while a socket is open. */
  #isStillAllowed({ principal }: Connection): boolean {
    return this.controlPlane.view((tx) => {
      if (principal.kind === 'local') {
        return true;
      }
      if (principal.kind === 'token') {
        const token = tx.get('apiToken', principal.tokenId ?? '');
        return token !== undefined && token.expiresAtMs > this.clock.nowMs();
      }
      const session = tx.get('session', principal.sessionId ?? '');
      const user = tx.get('user', principal.userId ?? '');
      return (
        session !== undefined &&
        session.expiresAtMs > this.clock.nowMs() &&
        user !== undefined &&
        user.disabled !== true &&
        user.role === principal.role
      );
    });
  }

  #tellHealth(): void {
    if (this.#sessions.size === 0) {
      return;
    }
    const { quorum, leader, lagMs, managers, deps } = this.health.view();
    const shown = { quorum, leader, managers, deps: { db: deps.db, metrics: deps.metrics } };
    // Lag is told when it begins to matter and when it is over, not each time it moves.
    const key = JSON.stringify([shown, lagMs > 2000]);
    if (key !== this.#lastHealth) {
      this.#lastHealth = key;
      for (const { client } of this.#sessions) {
        client?.send({ t: 'health', ...shown, lagMs });
      }
    }
  }
}

function visibleTopics(principal: Principal, wanted: readonly StreamTopic[]): StreamTopic[] {
  return wanted.filter((topic) => roleHolds(principal.role, TOPIC_PERMISSIONS[topic]));
}
