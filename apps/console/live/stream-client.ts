import { parseServerFrame, STREAM_SUBPROTOCOL, TOPICS } from './protocol.ts';
import type { ClientFrame, Dependencies, ManagerAddress, ServerFrame, WelcomeFrame } from './protocol.ts';
import type { LiveStore } from './store.ts';

/** How far what is on screen may be trusted (console.md 4.3). */
export type Freshness = 'connecting' | 'live' | 'catching-up' | 'reconnecting' | 'offline';

export interface Connection {
  readonly freshness: Freshness;
  /** When the last frame arrived, in milliseconds of this browser's clock; 0 before the first. */
  readonly asOfMs: number;
  /** Manager's clock minus this browser's, in milliseconds. */
  readonly skewMs: number;
  readonly lagMs: number;
  readonly quorum: boolean;
  readonly quorumLostAtMs: number | undefined;
  readonly leader: string | null | undefined;
  readonly deps: Dependencies;
  readonly managers: readonly ManagerAddress[];
  readonly welcome: WelcomeFrame | undefined;
}

/** One connection. After `close` none of its handlers is called any more. */
export interface Socket {
  /** Sends when the connection is open, and does nothing otherwise. */
  readonly send: (text: string) => void;
  readonly close: () => void;
}

export interface SocketHandlers {
  readonly onOpen: () => void;
  readonly onText: (text: string) => void;
  readonly onClose: () => void;
}

export interface StreamEnvironment {
  readonly connect: (subprotocol: string, handlers: SocketHandlers) => Socket;
  readonly now: () => number;
  readonly random: () => number;
  readonly setTimer: (run: () => void, delayMs: number) => number;
  readonly clearTimer: (timer: number) => void;
}

export interface StreamClientOptions {
  readonly store: LiveStore;
  readonly environment: StreamEnvironment;
  readonly build: string;
  readonly locale: () => string;
}

export const SILENCE_MS = 12_000;
export const RECONNECTING_AFTER_MS = 3_000;
export const OFFLINE_AFTER_MS = 30_000;
export const LAGGING_MS = 500;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 8_000;
const TICK_MS = 1_000;

const FIRST: Connection = {
  freshness: 'connecting',
  asOfMs: 0,
  skewMs: 0,
  lagMs: 0,
  quorum: true,
  quorumLostAtMs: undefined,
  leader: undefined,
  deps: { db: 'ok', metrics: 'off' },
  managers: [],
  welcome: undefined,
};

/**
 * Keeps one state socket open and feeds the store. It never guesses: a frame that does not follow makes it say
 * hello again with the last good revision, and a silent socket is given up after `SILENCE_MS`.
 */
export class StreamClient {
  readonly #options: StreamClientOptions;
  readonly #listeners = new Set<() => void>();
  #connection: Connection = FIRST;
  #socket: Socket | undefined;
  #attempts = 0;
  #lostAtMs: number | undefined;
  #retryTimer: number | undefined;
  #tickTimer: number | undefined;
  #isWelcomed = false;
  #isStopped = true;
  #silentSinceMs = 0;

  constructor(options: StreamClientOptions) {
    this.#options = options;
  }

  get connection(): Connection {
    return this.#connection;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  start(): void {
    if (!this.#isStopped) {
      return;
    }
    this.#isStopped = false;
    this.#lostAtMs = this.#options.environment.now();
    this.#open();
    this.#tick();
  }

  stop(): void {
    this.#isStopped = true;
    const { clearTimer } = this.#options.environment;
    if (this.#retryTimer !== undefined) {
      clearTimer(this.#retryTimer);
    }
    if (this.#tickTimer !== undefined) {
      clearTimer(this.#tickTimer);
    }
    this.#retryTimer = undefined;
    this.#tickTimer = undefined;
    this.#drop();
  }

  /** Tries at once instead of waiting for the backoff: the network came back, or the tab is seen again. */
  wake(): void {
    if (!this.#isStopped && this.#socket === undefined) {
      this.#attempts = 0;
      this.#open();
    }
  }

  /** A tab hidden for long asks for marks only; when it is seen again it resumes. */
  setIdle(isIdle: boolean): void {
    if (isIdle) {
      this.#send({ t: 'idle' });
    } else {
      this.#send({ t: 'active' });
      this.wake();
    }
  }

  #open(): void {
    if (this.#retryTimer !== undefined) {
      this.#options.environment.clearTimer(this.#retryTimer);
      this.#retryTimer = undefined;
    }
    this.#isWelcomed = false;
    this.#silentSinceMs = this.#options.environment.now();
    this.#socket = this.#options.environment.connect(STREAM_SUBPROTOCOL, {
      onOpen: () => {
        this.#hello();
      },
      onText: (text) => {
        this.#receive(text);
      },
      onClose: () => {
        this.#closed();
      },
    });
  }

  #hello(): void {
    const { store, build, locale } = this.#options;
    const resume = store.resume;
    this.#isWelcomed = false;
    this.#send({
      t: 'hello',
      v: 1,
      build,
      locale: locale(),
      topics: [...TOPICS],
      ...(resume === undefined ? {} : { resume }),
    });
  }

  #send(frame: ClientFrame): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  #receive(text: string): void {
    const now = this.#options.environment.now();
    this.#silentSinceMs = now;
    const frame = parseServerFrame(text);
    if (frame === undefined) {
      return;
    }
    this.#handle(frame, now);
  }

  #handle(frame: ServerFrame, now: number): void {
    const { store } = this.#options;
    switch (frame.t) {
      case 'welcome':
        this.#welcomed(frame, now);
        break;
      case 'snap':
      case 'delta':
        if (this.#isWelcomed && store.ingest(frame) === 'resync') {
          this.#hello();
        }
        break;
      case 'mark':
        if (this.#isWelcomed && store.mark(frame.rev) === 'resync') {
          this.#hello();
        }
        break;
      case 'health':
        this.#set({
          ...this.#quorum(frame.quorum, now),
          leader: frame.leader,
          lagMs: frame.lagMs,
          deps: frame.deps,
          managers: frame.managers,
        });
        break;
      case 'bye':
        this.#set({ managers: frame.tryManagers.length > 0 ? frame.tryManagers : this.#connection.managers });
        this.#drop();
        this.#retry(frame.retryMs);
        break;
      case 'gap':
      case 'pong':
      case 'stats':
      case 'error':
        break;
    }
    this.#judge(now);
  }

  #welcomed(frame: WelcomeFrame, now: number): void {
    this.#isWelcomed = true;
    this.#attempts = 0;
    this.#lostAtMs = undefined;
    this.#options.store.welcome(frame);
    this.#set({
      welcome: frame,
      managers: frame.managers,
      deps: frame.deps,
      lagMs: 0,
      skewMs: frame.now - now,
      leader: frame.managers.find((manager) => manager.leader)?.id ?? null,
      ...this.#quorum(frame.quorum, now),
    });
  }

  #quorum(quorum: boolean, now: number): Pick<Connection, 'quorum' | 'quorumLostAtMs'> {
    const since = this.#connection.quorumLostAtMs ?? now;
    return { quorum, quorumLostAtMs: quorum ? undefined : since };
  }

  #closed(): void {
    this.#socket = undefined;
    this.#lostAtMs ??= this.#silentSinceMs;
    this.#retry();
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#lostAtMs ??= this.#silentSinceMs;
    socket?.close();
  }

  /** Full jitter: any moment up to a ceiling that doubles with each failure. */
  #retry(delayMs?: number): void {
    const { environment } = this.#options;
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    if (this.#retryTimer === undefined && !this.#isStopped) {
      this.#retryTimer = environment.setTimer(
        () => {
          this.#retryTimer = undefined;
          this.#open();
        },
        delayMs ?? Math.ceil(environment.random() * ceiling),
      );
    }
  }

  #tick(): void {
    const { environment } = this.#options;
    const now = environment.now();
    if (this.#socket !== undefined && now - this.#silentSinceMs > SILENCE_MS) {
      this.#drop();
      this.#retry();
    }
    this.#judge(now);
    this.#tickTimer = environment.setTimer(() => {
      this.#tick();
    }, TICK_MS);
  }

  #judge(now: number): void {
    const asOfMs = this.#isWelcomed ? this.#silentSinceMs : this.#connection.asOfMs;
    this.#set({ freshness: this.#freshness(now), asOfMs });
  }

  #freshness(now: number): Freshness {
    const hasData = this.#options.store.resume !== undefined;
    if (this.#lostAtMs === undefined) {
      return hasData ? (this.#connection.lagMs > LAGGING_MS ? 'catching-up' : 'live') : 'connecting';
    }
    const lostMs = now - this.#lostAtMs;
    if (lostMs >= OFFLINE_AFTER_MS) {
      return 'offline';
    }
    if (lostMs >= RECONNECTING_AFTER_MS) {
      return 'reconnecting';
    }
    return this.#connection.freshness;
  }

  #set(change: Partial<Connection>): void {
    const next = { ...this.#connection, ...change };
    const isSame = (Object.keys(change) as (keyof Connection)[]).every(
      (key) => key === 'asOfMs' || Object.is(next[key], this.#connection[key]),
    );
    const wasLive = this.#connection.freshness === 'live' && next.freshness === 'live';
    this.#connection = isSame && wasLive ? Object.assign(this.#connection, change) : next;
    if (!(isSame && wasLive)) {
      for (const listener of this.#listeners) {
        listener();
      }
    }
  }
}
