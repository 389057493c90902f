import { SwarmError, errorMessage, every, isSwarmError, type Clock, type Timers } from '@skep/kernel';
import type { Node, NodeRole } from '@skep/model';
import type { AppliedEntry, ReadTx, WriteTx } from '@skep/store';
import {
  AgentMessage,
  SESSION_PROTOCOL_VERSION,
  decodeFrame,
  encodeFrame,
  type ManagerAddress,
  type ManagerMessage,
  type StreamOpen,
} from '@skep/wire';
import type { Logger } from 'pino';

import type { UpdateContext, UpdateResult } from '../control-plane-api.ts';
import { processTimers } from '../process-timers.ts';
import type { Channel } from '../transport/channel.ts';
import { AgentSession } from './agent-session.ts';
import type { ChangedObject } from './cluster-view.ts';
import { NodeLiveness } from './node-liveness.ts';
import { applyReport, downEvent, heartbeatMs, markNodeDown, systemContext } from './node-status.ts';
import { registerNode, wantedRole, type Hello } from './registration.ts';
import type { AgentStream } from './session-streams.ts';
import { StatusBatcher, type PendingReport } from './status-batcher.ts';
import { TaskNetworkIndex, clusterView } from './task-network-index.ts';

/** Heartbeats that may be missed before a node counts as down. */
const MISSED_MAX = 3;
/**
 * How long nodes may take to come back to a new leader: half a period after a heartbeat without an answer they look for
 * it, and then they need a moment. Longer while others are coming.
 */
const RETURN_PERIODS = 1.5;
const RETURN_EXTRA_MS = 1_000;
const SWEEP_MS = 200;
/** Under load assignments are sent at most this often. */
const FLUSH_GAP_MS = 8;

/** What the dispatcher needs of the control plane. */
export interface DispatcherPorts {
  readonly clock: Clock;
  /** Those of the process when absent. */
  readonly timers?: Timers;
  readonly log: Logger;
  readonly newId: () => string;
  view<T>(fn: (tx: ReadTx) => T): T;
  update<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>>;
  updateParts<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>>;
  managers(): readonly ManagerAddress[];
  leaderAddr(): string | undefined;
}

/**
 * The leader's side of agent sessions: who is there, what each node must run and know, and what the nodes report.
 * On other managers it only answers who the leader is.
 */
export class Dispatcher {
  readonly #ports: DispatcherPorts;
  readonly #sessions = new Map<string, AgentSession>();
  readonly #index = new TaskNetworkIndex();
  readonly #liveness = new NodeLiveness();
  readonly #batcher: StatusBatcher;
  readonly #timers: Timers;
  #isLeading = false;
  #stopSweep: () => void = () => undefined;
  #cancelFlush: (() => void) | undefined;
  #lastFlushMs = 0;

  constructor(ports: DispatcherPorts) {
    this.#ports = ports;
    this.#timers = ports.timers ?? processTimers;
    this.#batcher = new StatusBatcher((reports) => this.#commitReports(reports), this.#timers);
  }

  /** Nodes with a session here. */
  connectedNodeIds(): string[] {
    return [...this.#sessions.keys()];
  }

  /** This manager leads and its state is up to date: sessions are taken from now on. */
  leadershipGained(): void {
    if (this.#isLeading) {
      return;
    }
    this.#isLeading = true;
    this.resync();
    const nowMs = this.#ports.clock.monotonicMs();
    this.#ports.view((tx) => {
      for (const node of tx.list('node')) {
        // A node that never had a session has nothing to lose yet.
        if (node.status.state === 'ready' || node.status.state === 'disconnected') {
          this.#liveness.awaitReturn(node.id, nowMs, heartbeatMs(tx) * RETURN_PERIODS + RETURN_EXTRA_MS);
        }
      }
    });
    this.#stopSweep = every(this.#timers, SWEEP_MS, () => this.#markSilentNodes());
  }

  /** Tells the agents to look for the new leader. */
  leadershipLost(): void {
    if (!this.#isLeading) {
      return;
    }
    this.#isLeading = false;
    this.#stopSweep();
    this.#liveness.clear();
    const answer = this.#notLeader();
    for (const session of this.#sessions.values()) {
      session.post(answer);
      session.close('this manager is not the leader any more');
    }
    this.#sessions.clear();
  }

  /** Builds everything anew from the state (a snapshot was restored). */
  resync(): void {
    if (!this.#isLeading) {
      return;
    }
    this.#ports.view((tx) => {
      this.#index.rebuild(tx.list('task'));
    });
    for (const session of this.#sessions.values()) {
      session.requestComplete();
    }
    this.#scheduleFlush();
  }

  /** An entry was applied. */
  onApplied(applied: AppliedEntry): void {
    if (!this.#isLeading || applied.events.length === 0) {
      return;
    }
    const changed: ChangedObject[] = [];
    for (const { kind, id, new: object } of applied.events) {
      switch (kind) {
        case 'task':
          changed.push(this.#index.follow(id, object));
          break;
        case 'node':
          changed.push({ kind, id });
          this.#followNode(id, object);
          break;
        case 'service':
        case 'network':
        case 'secret':
        case 'config':
          changed.push({ kind, id });
          break;
        default:
      }
    }
    if (changed.length > 0 && this.#sessions.size > 0) {
      this.#sessions.forEach((session) => {
        session.note(changed);
      });
      this.#scheduleFlush();
    }
  }

  /** The managers or their addresses changed. */
  managersChanged(): void {
    const managers = this.#ports.managers();
    this.#sessions.forEach((session) => {
      session.sayManagers(managers);
    });
  }

  /** Takes a connection to `/session`. */
  accept(channel: Channel): void {
    const peer = channel.peer;
    if (peer === undefined) {
      channel.close(1008, 'a node certificate is needed');
      return;
    }
    let session: AgentSession | undefined;
    let isGreeting = false;
    channel.onFrame((frame) => {
      const message = this.#decode(channel, frame);
      if (message === undefined) {
        return;
      }
      if (session !== undefined) {
        this.#handle(session, channel, message);
      } else if (message.t === 'whoLeads' && !isGreeting) {
        channel.send(encodeFrame(this.#whoLeads()));
      } else if (message.t === 'hello' && !isGreeting) {
        isGreeting = true;
        void this.#greet(channel, message, { nodeId: peer.nodeId, role: peer.role }).then((greeted) => {
          session = greeted;
        });
      } else if (!isGreeting) {
        channel.close(1008, 'hello must come first');
      }
    });
    channel.onDrain(() => {
      if (session !== undefined && this.#isLeading) {
        const drained = session;
        this.#ports.view((tx) => {
          drained.unblock(clusterView(tx, this.#index));
        });
      }
    });
    channel.onClose(() => {
      if (session !== undefined) {
        this.#closed(session);
      }
    });
  }

  /**
   * Opens a stream on the node of a session.
   * @throws SwarmError `unavailable` when the node has no session here.
   */
  openStream(nodeId: string, open: StreamOpen): AgentStream {
    const session = this.#sessions.get(nodeId);
    if (session === undefined) {
      throw new SwarmError('unavailable', `node ${nodeId} is not connected to the leader right now`);
    }
    return session.streams.open(open);
  }

  stop(): void {
    this.leadershipLost();
    this.#cancelFlush?.();
  }

  #decode(channel: Channel, frame: Uint8Array): AgentMessage | undefined {
    try {
      return decodeFrame(AgentMessage, frame);
    } catch (error) {
      this.#ports.log.warn(
        { nodeId: channel.peer?.nodeId, err: errorMessage(error) },
        'agent frame was refused',
      );
      channel.close(1008, errorMessage(error).slice(0, 100));
      return undefined;
    }
  }

  async #greet(
    channel: Channel,
    hello: Hello,
    peer: { readonly nodeId: string; readonly role: NodeRole },
  ): Promise<AgentSession | undefined> {
    if (!this.#isLeading) {
      channel.send(encodeFrame(this.#notLeader()));
      channel.close(1000, 'not the leader');
      return undefined;
    }
    if (hello.v !== SESSION_PROTOCOL_VERSION) {
      channel.close(1008, `session protocol ${String(hello.v)} is not spoken here; upgrade swarmd`);
      return undefined;
    }
    try {
      const { value: epoch } = await this.#ports.update(
        systemContext(this.#ports, { name: `node:${peer.nodeId}`, from: channel.remoteAddress }),
        (tx) => registerNode(tx, { nodeId: peer.nodeId, hello, remoteAddress: channel.remoteAddress }),
      );
      return this.#register(channel, peer, epoch);
    } catch (error) {
      if (isSwarmError(error, 'not_found')) {
        this.#ports.log.info({ nodeId: peer.nodeId }, 'removed node was turned away');
        channel.send(encodeFrame({ t: 'removed' } satisfies ManagerMessage));
        channel.close(1000, 'this node was removed from the cluster');
      } else {
        this.#ports.log.warn(
          { nodeId: peer.nodeId, err: errorMessage(error) },
          'node could not be registered',
        );
        channel.send(encodeFrame(this.#notLeader()));
        channel.close(1013, 'try again');
      }
      return undefined;
    }
  }

  #register(
    channel: Channel,
    peer: { readonly nodeId: string; readonly role: NodeRole },
    epoch: number,
  ): AgentSession | undefined {
    if (!this.#isLeading || !channel.isOpen) {
      channel.close(1000, 'not the leader');
      return undefined;
    }
    this.#sessions.get(peer.nodeId)?.close('the node has opened another session');
    const session = new AgentSession({
      channel,
      nodeId: peer.nodeId,
      sessionId: this.#ports.newId(),
      epoch,
      certificateRole: peer.role,
    });
    this.#sessions.set(peer.nodeId, session);
    this.#ports.view((tx) => {
      this.#welcome(tx, session);
      session.flush(clusterView(tx, this.#index));
      const node = tx.get('node', peer.nodeId);
      if (node !== undefined) {
        session.sayRole(wantedRole(node));
      }
    });
    this.#ports.log.info({ nodeId: peer.nodeId, sessionId: session.sessionId, epoch }, 'session opened');
    return session;
  }

  #welcome(tx: ReadTx, session: AgentSession): void {
    const cluster = tx.cluster();
    const managers = [...this.#ports.managers()];
    this.#liveness.seen(session.nodeId, this.#ports.clock.monotonicMs(), this.#graceMs(tx));
    session.noteManagers(managers);
    session.post({
      t: 'welcome',
      v: SESSION_PROTOCOL_VERSION,
      sessionId: session.sessionId,
      nodeId: session.nodeId,
      role: session.certificateRole,
      heartbeatMs: heartbeatMs(tx),
      managers,
      dataPathPort: cluster?.dataPathPort ?? 4789,
      cluster: { id: cluster?.id ?? '', name: cluster?.spec.name ?? 'default' },
    });
  }

  #handle(session: AgentSession, channel: Channel, message: AgentMessage): void {
    if (this.#sessions.get(session.nodeId) !== session) {
      channel.close(1000, 'this session is over');
      return;
    }
    this.#liveness.beat(session.nodeId, this.#ports.clock.monotonicMs());
    switch (message.t) {
      case 'hello':
      case 'whoLeads':
        channel.close(1008, 'hello was said already');
        return;
      case 'heartbeat':
        session.post({ t: 'heartbeatAck' });
        return;
      case 'status':
        this.#takeReport(session, message);
        return;
      case 'description':
        this.#describe(session, message.description);
        return;
      case 'resync':
        session.requestComplete();
        this.#scheduleFlush();
        return;
      case 'leave':
        this.#leave(session);
        return;
      case 'stream':
        session.streams.receive(message);
        return;
    }
  }

  #takeReport(session: AgentSession, message: Extract<AgentMessage, { t: 'status' }>): void {
    this.#batcher.add({
      nodeId: session.nodeId,
      epoch: session.epoch,
      updates: message.updates,
      done: (error) => {
        if (error === undefined) {
          session.post({ t: 'statusAck', batch: message.batch });
        } else {
          // The agent keeps the report and sends it again to whoever leads then.
          this.#ports.log.warn(
            { nodeId: session.nodeId, err: errorMessage(error) },
            'report was not committed',
          );
          session.close('the report could not be committed');
        }
      },
    });
  }

  async #commitReports(reports: readonly PendingReport[]): Promise<void> {
    await this.#ports.updateParts(systemContext(this.#ports), (tx) => {
      for (const report of reports) {
        const node = tx.get('node', report.nodeId);
        if (node === undefined || node.sessionEpoch !== report.epoch) {
          continue;
        }
        for (const { taskId, status } of report.updates) {
          applyReport(tx, report.nodeId, taskId, status);
        }
      }
    });
  }

  #describe(session: AgentSession, description: NonNullable<Node['description']>): void {
    this.#ports
      .update(systemContext(this.#ports), (tx) => tx.patch('node', session.nodeId, { description }))
      .catch((error: unknown) => {
        this.#ports.log.warn(
          { nodeId: session.nodeId, err: errorMessage(error) },
          'description was not stored',
        );
      });
  }

  #leave(session: AgentSession): void {
    this.#liveness.forget(session.nodeId);
    void this.#markDown(session.nodeId, 'left the swarm').finally(() => {
      session.post({ t: 'removed' });
      session.close('the node has left');
      this.#sessions.delete(session.nodeId);
    });
  }

  #followNode(id: string, node: Node | undefined): void {
    const session = this.#sessions.get(id);
    if (session === undefined) {
      return;
    }
    if (node === undefined) {
      this.#liveness.forget(id);
      this.#sessions.delete(id);
      session.post({ t: 'removed' });
      session.close('this node was removed from the cluster');
      return;
    }
    session.sayRole(wantedRole(node));
  }

  #closed(session: AgentSession): void {
    session.lost();
    // The node may come back at once: only its silence makes it count as down.
    if (this.#sessions.get(session.nodeId) === session) {
      this.#sessions.delete(session.nodeId);
      this.#ports.log.info({ nodeId: session.nodeId, sessionId: session.sessionId }, 'session closed');
    }
  }

  #scheduleFlush(): void {
    if (this.#cancelFlush !== undefined) {
      return;
    }
    const flush = (): void => {
      this.#cancelFlush = undefined;
      this.#lastFlushMs = this.#ports.clock.monotonicMs();
      this.#ports.view((tx) => {
        const view = clusterView(tx, this.#index);
        this.#sessions.forEach((session) => {
          session.flush(view);
        });
      });
    };
    const idleMs = this.#ports.clock.monotonicMs() - this.#lastFlushMs;
    this.#cancelFlush = this.#timers.after(Math.max(0, FLUSH_GAP_MS - idleMs), flush);
  }

  #markSilentNodes(): void {
    for (const nodeId of this.#liveness.takeSilent(this.#ports.clock.monotonicMs())) {
      this.#sessions.get(nodeId)?.close('no heartbeat came in time');
      this.#sessions.delete(nodeId);
      void this.#markDown(nodeId, 'heartbeat failure');
    }
  }

  async #markDown(nodeId: string, message: string): Promise<void> {
    try {
      await this.#ports.update(
        {
          ...systemContext<boolean>(this.#ports),
          events: (isDown) => (isDown ? [downEvent(nodeId, message)] : []),
        },
        (tx) => markNodeDown(tx, nodeId, message),
      );
    } catch (error) {
      this.#ports.log.warn({ nodeId, err: errorMessage(error) }, 'node could not be marked down');
    }
  }

  #graceMs(tx: ReadTx): number {
    return heartbeatMs(tx) * MISSED_MAX;
  }

  #whoLeads(): ManagerMessage {
    const leaderAddr = this.#ports.leaderAddr();
    return {
      t: 'leader',
      ...(leaderAddr === undefined ? {} : { leaderAddr }),
      managers: [...this.#ports.managers()],
    };
  }

  #notLeader(): ManagerMessage {
    const leaderAddr = this.#isLeading ? undefined : this.#ports.leaderAddr();
    return {
      t: 'notLeader',
      ...(leaderAddr === undefined ? {} : { leaderAddr }),
      managers: [...this.#ports.managers()],
    };
  }
}
