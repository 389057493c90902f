import type { Logger } from 'pino';

import { errorMessage, every, type Timers } from '@skep/kernel';
import { ManagerMessage, decodeFrame, encodeFrame, type AgentMessage, type ManagerAddress } from '@skep/wire';

import { askLeader } from './ask-leader.ts';
import type { NodeTls } from './identity-store.ts';
import { searchLeader, type LeaderAnswer } from './leader-search.ts';
import { dialManager, type DialManager, type ManagerSocket } from './manager-socket.ts';
import { processTimers } from './process-timers.ts';

/** From dialling on. The welcome comes after a Raft entry; a leader that cannot write any more says nothing. */
const WELCOME_TIMEOUT_MS = 8_000;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;
/** While managers answer and have no leader: an election is under way. */
const ELECTION_RETRY_MS = 100;
/** Heartbeats without an answer after which the connection counts as dead. */
const UNANSWERED_MAX = 3;
/** After this much of a heartbeat's time without its answer the other managers are asked who leads. */
const SUSPECT_AFTER = 0.5;
/** A search for the leader takes no longer. */
const SEARCH_TIMEOUT_MS = 2_000;
const BUFFERED_BYTES_MAX = 8 * 1024 * 1024;

export type Welcome = Extract<ManagerMessage, { t: 'welcome' }>;
type Hello = Extract<AgentMessage, { t: 'hello' }>;

export interface SessionPorts {
  readonly log: Logger;
  /** Identity and addresses as they are at each attempt. */
  identity(): Promise<NodeTls>;
  managers(): readonly ManagerAddress[];
  hello(): Promise<Hello>;
  /** The session stands. */
  opened(welcome: Welcome): void;
  /** A message of the leader, after the welcome. */
  received(message: ManagerMessage): void;
  closed(): void;
  /** The leader turned this node away for good. */
  removed(): void;
  managersChanged(managers: readonly ManagerAddress[]): void;
  /** A number in [0, 1) for the jitter of retries. */
  random(): number;
  /** Those of the process when absent. */
  readonly timers?: Timers;
  /** Opens a WebSocket when absent. */
  readonly dial?: DialManager;
}

/** Keeps one session with the leader, finding it again whenever it is lost. */
export class SessionClient {
  readonly #ports: SessionPorts;
  readonly #timers: Timers;
  readonly #dial: DialManager;
  #socket: ManagerSocket | undefined;
  #isRunning = false;
  #isOpen = false;
  #leaderHint: string | undefined;
  #isElecting = false;
  #unanswered = 0;
  #endSuspicion: () => void = () => undefined;
  #endSearch: () => void = () => undefined;
  #isLookingElsewhere = false;
  #wake: (() => void) | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(ports: SessionPorts) {
    this.#ports = ports;
    this.#timers = ports.timers ?? processTimers;
    this.#dial = ports.dial ?? dialManager;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  start(): void {
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#done = this.#run();
    }
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#endSearch();
    this.#socket?.terminate();
    this.#wake?.();
    await this.#done;
  }

  /** Ends the connection and opens a new one at once, with the identity as it is then. */
  reconnect(): void {
    this.#socket?.close();
  }

  /** False when there is no session or the connection is far behind. */
  send(message: AgentMessage): boolean {
    const socket = this.#socket;
    if (!this.#isOpen || socket === undefined) {
      return false;
    }
    socket.send(encodeFrame(message));
    return socket.bufferedAmount < BUFFERED_BYTES_MAX;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (this.#isRunning) {
      const addr = await this.#nextAddr();
      const wasOpen = addr !== undefined && (await this.#attempt(addr));
      failures = wasOpen || this.#leaderHint !== undefined ? 0 : failures + 1;
      const limitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failures, 6));
      const waitMs = this.#isElecting ? ELECTION_RETRY_MS : limitMs;
      await this.#pause(this.#leaderHint === undefined ? waitMs * (0.5 + this.#ports.random() / 2) : 10);
    }
  }

  /** A method, since it changes while something is awaited. */
  #isStopping(): boolean {
    return !this.#isRunning;
  }

  async #nextAddr(): Promise<string | undefined> {
    const hint = this.#leaderHint;
    this.#leaderHint = undefined;
    this.#isElecting = false;
    if (hint !== undefined) {
      return hint;
    }
    const addrs = this.#ports.managers().map(({ addr }) => addr);
    if (addrs.length <= 1) {
      return addrs[0];
    }
    const found = await this.#search(addrs, () => true);
    this.#isElecting = found !== undefined && found.leaderAddr === undefined;
    return found?.leaderAddr;
  }

  /** Asks managers who leads; a leader counts when `isWanted`. */
  async #search(
    addrs: readonly string[],
    isWanted: (leaderAddr: string) => boolean,
  ): Promise<LeaderAnswer | undefined> {
    const over = new AbortController();
    const stopTimer = this.#timers.after(SEARCH_TIMEOUT_MS, () => {
      over.abort();
    });
    this.#endSearch = () => {
      over.abort();
    };
    try {
      const tls = await this.#ports.identity();
      const found = await searchLeader({
        addrs,
        ask: (addr, signal) => askLeader(addr, () => this.#dial(addr, tls), signal),
        isEnough: ({ leaderAddr }) => leaderAddr !== undefined && isWanted(leaderAddr),
        signal: over.signal,
      });
      if (found !== undefined && found.managers.length > 0) {
        this.#ports.managersChanged(found.managers);
      }
      return found;
    } catch (error) {
      this.#ports.log.error({ err: errorMessage(error) }, 'the leader could not be searched for');
      return undefined;
    } finally {
      stopTimer();
    }
  }

  #pause(durationMs: number): Promise<void> {
    if (!this.#isRunning) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const cancel = this.#timers.after(durationMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Resolves when the connection is over; true when a session stood. */
  async #attempt(addr: string): Promise<boolean> {
    let tls: NodeTls;
    let hello: Hello;
    try {
      [tls, hello] = await Promise.all([this.#ports.identity(), this.#ports.hello()]);
    } catch (error) {
      this.#ports.log.error({ err: errorMessage(error) }, 'session could not be prepared');
      return false;
    }
    if (this.#isStopping()) {
      return false;
    }
    const socket = this.#dial(addr, tls);
    this.#socket = socket;
    return new Promise((resolve) => {
      let wasOpen = false;
      let stopHeartbeat: () => void = () => undefined;
      const stopWaiting = this.#timers.after(WELCOME_TIMEOUT_MS, () => {
        socket.terminate();
      });
      socket.on('error', (error) => {
        this.#ports.log.debug({ addr, err: errorMessage(error) }, 'manager was not reached');
      });
      socket.on('open', () => {
        socket.send(encodeFrame(hello));
      });
      socket.on('message', (data: Buffer) => {
        const message = this.#decode(socket, data);
        if (message?.t === 'welcome' && !wasOpen) {
          wasOpen = true;
          stopWaiting();
          stopHeartbeat = this.#opened(socket, addr, message);
        } else if (message !== undefined) {
          this.#receive(message);
        }
      });
      socket.on('close', () => {
        stopWaiting();
        stopHeartbeat();
        this.#endSuspicion();
        if (this.#isOpen && wasOpen) {
          this.#isOpen = false;
          this.#ports.log.info({ addr }, 'session with the manager ended');
          this.#ports.closed();
        }
        resolve(wasOpen);
      });
    });
  }

  #decode(socket: ManagerSocket, data: Buffer): ManagerMessage | undefined {
    try {
      return decodeFrame(ManagerMessage, data);
    } catch (error) {
      this.#ports.log.error({ err: errorMessage(error) }, 'frame of the manager was refused');
      socket.terminate();
      return undefined;
    }
  }

  /** Answers the function that ends the heartbeats. */
  #opened(socket: ManagerSocket, addr: string, welcome: Welcome): () => void {
    this.#isOpen = true;
    this.#unanswered = 0;
    this.#ports.log.info({ addr, sessionId: welcome.sessionId }, 'session with the manager opened');
    this.#ports.managersChanged(welcome.managers);
    this.#ports.opened(welcome);
    return every(this.#timers, welcome.heartbeatMs, () => {
      this.#unanswered += 1;
      if (this.#unanswered > UNANSWERED_MAX) {
        this.#ports.log.warn({ addr }, 'manager does not answer heartbeats');
        socket.terminate();
        return;
      }
      this.send({ t: 'heartbeat' });
      this.#endSuspicion();
      this.#endSuspicion = this.#timers.after(welcome.heartbeatMs * SUSPECT_AFTER, () => {
        void this.#lookElsewhere(socket, addr);
      });
    });
  }

  /**
   * The leader was silent for a moment. When its host has vanished, nothing ends this connection for a long time; the
   * other managers know sooner. As long as they name the same leader, the session stays.
   */
  async #lookElsewhere(socket: ManagerSocket, addr: string): Promise<void> {
    if (this.#isLookingElsewhere) {
      return;
    }
    this.#isLookingElsewhere = true;
    const isSuspect = (): boolean => this.#socket === socket && this.#isOpen && this.#unanswered > 0;
    while (isSuspect()) {
      const others = this.#ports
        .managers()
        .map((manager) => manager.addr)
        .filter((other) => other !== addr);
      const found = await this.#search(others, (leaderAddr) => leaderAddr !== addr);
      const leaderAddr = found?.leaderAddr;
      if (leaderAddr !== undefined && leaderAddr !== addr && isSuspect()) {
        this.#ports.log.info({ addr, leaderAddr }, 'the leader fell silent and there is another one');
        this.#leaderHint = leaderAddr;
        socket.terminate();
        break;
      }
      await this.#pause(ELECTION_RETRY_MS * 2);
    }
    this.#isLookingElsewhere = false;
  }

  #receive(message: ManagerMessage): void {
    this.#unanswered = 0;
    this.#endSuspicion();
    switch (message.t) {
      case 'heartbeatAck':
      case 'leader':
        return;
      case 'notLeader':
        this.#leaderHint = message.leaderAddr;
        this.#ports.managersChanged(message.managers);
        this.#socket?.close();
        return;
      case 'managers':
        this.#ports.managersChanged(message.managers);
        return;
      case 'removed':
        this.#ports.removed();
        return;
      default:
        this.#ports.received(message);
    }
  }
}
