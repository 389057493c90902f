import { EventEmitter } from 'node:events';

import type { ManagerSocket } from '@skep/agent/worker';
import type { Channel } from '@skep/controlplane/parts';
import type { Prng } from '@skep/kernel';
import type { NodeRole } from '@skep/model';

import type { EventQueue } from '../event-queue.ts';
import type { SimProcess } from '../sim-process.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const RETRANSMIT_MS = 200;

/** One end of a connection: a process of a host in one of its lives. */
export interface End {
  readonly host: number;
  readonly process: SimProcess;
  readonly life: number;
}

export interface ConnectionPorts {
  readonly queue: EventQueue;
  readonly random: Prng;
  readonly latencyMs: readonly [number, number];
  isCut(from: number, to: number): boolean;
  /** Notes what went over a connection. */
  trace(from: number, to: number, bytes: number): void;
}

/** One direction of a connection, as TCP is: late, never out of order, and through again once a cut is healed. */
class Pipe {
  readonly #ports: ConnectionPorts;
  readonly #from: End;
  readonly #to: End;
  readonly #deliver: (frame: Uint8Array | undefined) => void;
  readonly #onReset: () => void;
  /** Frames on their way; undefined is the end of the connection. */
  #onWay: { readonly atMs: number; readonly frame: Uint8Array | undefined }[] = [];
  #isMoving = false;
  isClosed = false;

  constructor(
    ports: ConnectionPorts,
    ends: { readonly from: End; readonly to: End },
    deliver: (frame: Uint8Array | undefined) => void,
    onReset: () => void,
  ) {
    this.#ports = ports;
    this.#from = ends.from;
    this.#to = ends.to;
    this.#deliver = deliver;
    this.#onReset = onReset;
  }

  send(frame: Uint8Array | undefined): void {
    const [low, high] = this.#ports.latencyMs;
    const atMs = this.#ports.queue.nowMs + low + this.#ports.random.nextInt(high - low + 1);
    this.#onWay.push({ atMs: Math.max(atMs, this.#onWay.at(-1)?.atMs ?? 0), frame });
    this.#move();
  }

  /** What is on its way never arrives. */
  drop(): void {
    this.#onWay = [];
    this.isClosed = true;
  }

  #move(): void {
    const next = this.#onWay[0];
    if (this.#isMoving || next === undefined) {
      return;
    }
    this.#isMoving = true;
    const { queue } = this.#ports;
    const isCut = this.#ports.isCut(this.#from.host, this.#to.host);
    queue.after(Math.max(0, next.atMs - queue.nowMs) + (isCut ? RETRANSMIT_MS : 0), () => {
      this.#isMoving = false;
      if (this.#onWay[0] === next && !this.#ports.isCut(this.#from.host, this.#to.host)) {
        this.#onWay.shift();
        this.#arrive(next.frame);
      }
      this.#move();
    });
  }

  #arrive(frame: Uint8Array | undefined): void {
    const { process, life } = this.#to;
    if (process.life === life && process.isUp) {
      this.#ports.trace(this.#from.host, this.#to.host, frame?.byteLength ?? 0);
      process.whenAwake(() => {
        this.#deliver(frame);
      }, life);
    } else if (process.isUp) {
      // Another process answers that it knows nothing of this connection.
      this.#from.process.whenAwake(this.#onReset, this.#from.life);
    }
  }
}

/** The agent's end. */
class AgentEnd extends EventEmitter implements ManagerSocket {
  readonly bufferedAmount = 0;
  pipe: Pipe | undefined;
  #isOpen = false;
  #isOver = false;

  opened(): void {
    if (!this.#isOver) {
      this.#isOpen = true;
      this.emit('open');
    }
  }

  received(frame: Uint8Array | undefined): void {
    if (frame === undefined) {
      this.over();
    } else if (!this.#isOver) {
      this.emit('message', Buffer.from(frame));
    }
  }

  send(frame: Uint8Array): void {
    if (this.#isOpen && !this.#isOver) {
      this.pipe?.send(frame);
    }
  }

  close(): void {
    this.pipe?.send(undefined);
    this.over();
  }

  terminate(): void {
    this.close();
  }

  over(error?: Error): void {
    if (!this.#isOver) {
      this.#isOver = true;
      if (error !== undefined) {
        this.emit('error', error);
      }
      this.emit('close');
    }
  }
}

/** The manager's end, as the dispatcher sees it. */
class ManagerEnd implements Channel {
  readonly id: number;
  readonly path = '/session';
  readonly query = {};
  readonly peer: Channel['peer'];
  readonly remoteAddress: string;
  isOpen = true;
  pipe: Pipe | undefined;
  #onFrame: ((frame: Uint8Array) => void) | undefined;
  #onClose: ((code: number, reason: string) => void) | undefined;
  #early: Uint8Array[] = [];

  constructor(
    id: number,
    { nodeId, address, role }: { readonly nodeId: string; readonly address: string; readonly role: NodeRole },
  ) {
    this.id = id;
    this.remoteAddress = address;
    this.peer = { nodeId, role, clusterId: 'cluster', certificatePem: '' };
  }

  send(frame: Uint8Array): boolean {
    if (!this.isOpen) {
      return false;
    }
    this.pipe?.send(frame);
    return true;
  }

  onDrain(): void {
    // There is always room.
  }

  onFrame(callback: (frame: Uint8Array) => void): void {
    this.#onFrame = callback;
    this.#early.splice(0).forEach(callback);
  }

  pause(): void {
    // Nobody holds back here.
  }

  resume(): void {
    // See pause.
  }

  close(_code?: number, reason = ''): void {
    if (this.isOpen) {
      this.pipe?.send(undefined);
      this.over(reason);
    }
  }

  onClose(callback: (code: number, reason: string) => void): void {
    this.#onClose = callback;
  }

  received(frame: Uint8Array | undefined): void {
    if (frame === undefined) {
      this.over('closed');
    } else if (this.#onFrame === undefined) {
      this.#early.push(frame);
    } else if (this.isOpen) {
      this.#onFrame(frame);
    }
  }

  over(reason: string): void {
    if (this.isOpen) {
      this.isOpen = false;
      this.#onClose?.(1000, reason);
    }
  }
}

export interface Dialling {
  readonly agent: End & { readonly nodeId: string; readonly address: string; readonly role: NodeRole };
  readonly manager: { readonly host: number; readonly process: SimProcess; accept(channel: Channel): void };
  /** Changes what the agent hears or says, for planted mistakes. */
  readonly toAgent: (frame: Uint8Array) => Uint8Array;
  /** Undefined: it is lost. */
  readonly toManager: (frame: Uint8Array, answer: (frame: Uint8Array) => void) => Uint8Array | undefined;
}

/** Connections of agents to managers: by host, through latency, cuts, crashes and half-open ends. */
export class SimConnections {
  readonly #ports: ConnectionPorts;
  #count = 0;
  /** By process: tells the other end when a process dies and its kernel lives on. */
  readonly #open = new Map<SimProcess, Set<() => void>>();

  constructor(ports: ConnectionPorts) {
    this.#ports = ports;
  }

  get count(): number {
    return this.#count;
  }

  dial(dialling: Dialling): ManagerSocket {
    const { queue, random, latencyMs } = this.#ports;
    const { agent, manager } = dialling;
    const socket = new AgentEnd();
    const fail = (afterMs: number, message: string): void => {
      queue.after(afterMs, () => {
        agent.process.whenAwake(() => socket.over(new Error(message)), agent.life);
      });
    };
    const delayMs = latencyMs[0] + random.nextInt(latencyMs[1] - latencyMs[0] + 1);
    queue.after(delayMs, () => {
      const isCut =
        this.#ports.isCut(agent.host, manager.host) || this.#ports.isCut(manager.host, agent.host);
      if (isCut || manager.process.isPaused) {
        fail(CONNECT_TIMEOUT_MS, 'timed out');
      } else if (!manager.process.isUp) {
        fail(delayMs, 'connection refused');
      } else {
        this.#connect(dialling, socket);
      }
    });
    return socket;
  }

  #connect({ agent, manager, toAgent, toManager }: Dialling, socket: AgentEnd): void {
    this.#count += 1;
    const managerEnd: End = { host: manager.host, process: manager.process, life: manager.process.life };
    const channel = new ManagerEnd(this.#count, agent);
    const receive = (frame: Uint8Array | undefined): void => {
      socket.received(frame === undefined ? undefined : toAgent(frame));
    };
    channel.pipe = new Pipe(this.#ports, { from: managerEnd, to: agent }, receive, () =>
      channel.over('reset'),
    );
    socket.pipe = new Pipe(
      this.#ports,
      { from: agent, to: managerEnd },
      (frame) => {
        const heard = frame === undefined ? frame : toManager(frame, (answer) => channel.send(answer));
        if (frame === undefined || heard !== undefined) {
          channel.received(heard);
        }
      },
      () => socket.over(),
    );
    this.#remember(agent.process, () => socket.pipe?.send(undefined));
    this.#remember(manager.process, () => channel.pipe?.send(undefined));
    manager.accept(channel);
    agent.process.post(this.#ports.latencyMs[0], () => socket.opened());
  }

  #remember(process: SimProcess, end: () => void): void {
    const ends = this.#open.get(process) ?? new Set();
    ends.add(end);
    this.#open.set(process, ends);
  }

  /** A process died. When its host lives on, the kernel ends its connections; else the other ends hear nothing. */
  died(process: SimProcess, isHostAlive: boolean): void {
    const ends = this.#open.get(process);
    this.#open.delete(process);
    if (isHostAlive) {
      ends?.forEach((end) => end());
    }
  }
}
