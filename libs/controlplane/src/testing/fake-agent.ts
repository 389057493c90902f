import type { Task, TaskState } from '@skep/model';
import {
  ManagerMessage,
  SESSION_PROTOCOL_VERSION,
  decodeFrame,
  encodeFrame,
  type AgentMessage,
  type Assignments,
  type StreamOpen,
  type StreamPart,
} from '@skep/wire';

import type { Channel } from '../transport/channel.ts';
import { dialChannel } from '../transport/dial-channel.ts';
import type { JoinedNode } from './test-cluster.ts';

/** An agent without an engine: takes assignments, and says of each task that it runs (or has shut down). */
export class FakeAgent {
  readonly node: JoinedNode;
  readonly received: ManagerMessage[] = [];
  readonly tasks = new Map<string, Task>();
  readonly known = new Set<string>();
  readonly closedStreams: number[] = [];
  readonly #followed: number[] = [];
  readonly #reported = new Map<string, TaskState>();
  #managers: string[];
  #channel: Channel | undefined;
  #batch = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #isStopped = false;
  acked = 0;

  constructor(node: JoinedNode, managers: readonly string[]) {
    this.node = node;
    this.#managers = [...managers];
  }

  get isConnected(): boolean {
    return this.#channel?.isOpen === true && this.received.some(({ t }) => t === 'welcome');
  }

  /** Finds the leader and stays with it, looking again when it is lost. */
  async run(): Promise<void> {
    for (let attempt = 0; !this.#isStopped; attempt += 1) {
      const addr = this.#managers[attempt % this.#managers.length] ?? '';
      try {
        await this.#session(addr);
      } catch {
        // The next manager may be reachable.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#heartbeat);
    this.#channel?.close();
  }

  send(message: AgentMessage): void {
    this.#channel?.send(encodeFrame(message));
  }

  async #session(addr: string): Promise<void> {
    const channel = await dialChannel({
      addr,
      path: '/session',
      tls: this.node.tls,
      clusterId: this.node.clusterId,
      timeoutMs: 1_000,
    });
    this.#channel = channel;
    const closed = new Promise<void>((resolve) => {
      channel.onClose(() => {
        resolve();
      });
    });
    channel.onFrame((frame) => {
      this.#receive(decodeFrame(ManagerMessage, frame));
    });
    this.send({
      t: 'hello',
      v: SESSION_PROTOCOL_VERSION,
      description: {
        hostname: this.node.nodeId.slice(0, 6),
        platform: { os: 'linux', architecture: 'x86_64' },
        resources: { nanoCpus: 4e9, memoryBytes: 8e9 },
        engine: { version: '1' },
      },
      advertiseAddr: '127.0.0.1',
    });
    await closed;
    clearInterval(this.#heartbeat);
  }

  #receive(message: ManagerMessage): void {
    this.received.push(message);
    switch (message.t) {
      case 'welcome':
        this.#managers = message.managers.map(({ addr }) => addr);
        this.#reported.clear();
        this.#heartbeat = setInterval(() => {
          this.send({ t: 'heartbeat' });
        }, message.heartbeatMs);
        return;
      case 'notLeader':
        if (message.leaderAddr !== undefined) {
          this.#managers = [message.leaderAddr, ...message.managers.map(({ addr }) => addr)];
        }
        this.#channel?.close();
        return;
      case 'managers':
        this.#managers = message.managers.map(({ addr }) => addr);
        return;
      case 'assignments':
        this.#assign(message);
        return;
      case 'statusAck':
        this.acked += 1;
        return;
      case 'open':
        this.#serve(message.streamId, message.open);
        return;
      case 'stream':
        this.#echo(message);
        return;
      case 'close':
        this.closedStreams.push(message.streamId);
        return;
      default:
    }
  }

  /** Logs say who speaks; an exec gives its input back and ends with exit code 7 when the input ends. */
  #serve(streamId: number, open: StreamOpen): void {
    if (open.kind === 'logs') {
      if (open.follow) {
        this.#followed.push(streamId);
      }
      const line = { tsNs: '1', stream: 'stdout' as const, text: `hello from ${open.taskId}` };
      this.send({ t: 'stream', streamId, lines: [line], ...(open.follow ? {} : { end: true }) });
    }
    if (open.kind === 'stats') {
      const stats = open.taskIds.map((taskId) => ({
        taskId,
        cpuPercent: 1,
        memoryBytes: 2,
        memoryLimitBytes: 3,
        rxBytes: 4,
        txBytes: 5,
        pids: 6,
      }));
      this.send({ t: 'stream', streamId, stats });
    }
  }

  /** The containers whose logs are followed have ended. */
  endLogs(): void {
    this.#followed.splice(0).forEach((streamId) => {
      this.send({ t: 'stream', streamId, end: true });
    });
  }

  #echo(part: StreamPart): void {
    if (part.data !== undefined) {
      this.send({ t: 'stream', streamId: part.streamId, channel: 'stdout', data: part.data });
    }
    if (part.end === true) {
      this.send({ t: 'stream', streamId: part.streamId, exitCode: 7 });
      this.send({ t: 'stream', streamId: part.streamId, end: true });
    }
  }

  #assign(message: Assignments): void {
    if (message.mode === 'complete') {
      this.tasks.clear();
      this.known.clear();
    }
    for (const change of message.changes) {
      if (change.op === 'remove') {
        this.tasks.delete(change.id);
        this.known.delete(`${change.kind}:${change.id}`);
      } else {
        this.known.add(`${change.kind}:${change.id}`);
        if (change.kind === 'task') {
          this.tasks.set(change.id, change.value);
        }
      }
    }
    this.#report();
  }

  #report(): void {
    const updates = [...this.tasks.values()].flatMap((task) => {
      const state: TaskState =
        task.desiredState === 'running' || task.desiredState === 'ready' ? 'running' : 'shutdown';
      if (this.#reported.get(task.id) === state) {
        return [];
      }
      this.#reported.set(task.id, state);
      return [{ taskId: task.id, status: { state, atMs: Date.now(), message: 'fake' } }];
    });
    if (updates.length > 0) {
      this.#batch += 1;
      this.send({ t: 'status', batch: this.#batch, updates });
    }
  }
}
