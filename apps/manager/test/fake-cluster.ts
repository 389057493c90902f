import { randomBytes } from 'node:crypto';

import type {
  Backup,
  ControlPlane,
  ControlPlaneStatus,
  ForwardedAnswer,
  ForwardedRequest,
  ForwardedRequestHandler,
  ManagerInfo,
  ReadTx,
  ServerCertificate,
  StreamChannel,
  StreamInput,
  StreamItem,
  StreamRequest,
  Subscription,
  UpdateContext,
  UpdateResult,
  WatchOptions,
  WriteTx,
} from '@skep/controlplane';
import { SwarmError, newObjectId } from '@skep/kernel';
import { defaultClusterSpec, type HistoryEntry } from '@skep/model';
import { createCluster, updateNode } from '@skep/orchestrator';
import { Store, encodeEntry, toEntry, type Entry } from '@skep/store';

const newId = (): string => newObjectId((count) => randomBytes(count));

/** A cluster without Raft: entries go to the stores of all managers that are connected, at once. */
export class FakeCluster {
  readonly managers: FakeManager[] = [];
  readonly clusterId = newId();
  leader: FakeManager | undefined;
  #logIndex = 0;
  /** Set to hold entries back until it is resolved. */
  gate: Promise<void> | undefined;
  hasQuorum = true;

  constructor(count = 1) {
    for (let index = 0; index < count; index += 1) {
      this.managers.push(new FakeManager(this, index + 1));
    }
    this.leader = this.managers[0];
    this.commit((tx) => {
      createCluster(
        tx,
        {
          id: this.clusterId,
          spec: defaultClusterSpec('test'),
          ca: { certificatePem: 'CERT', keyPem: 'CANARY-ca-key', fingerprint: 'sha256:00' },
          joinTokens: { worker: 'SWMTKN-1-worker', manager: 'SWMTKN-1-manager' },
          addressPools: ['10.0.0.0/8'],
          subnetPrefixLength: 24,
          dataPathPort: 4789,
        },
        { newId },
      );
      for (const manager of this.managers) {
        tx.create('node', {
          id: manager.nodeId,
          spec: { name: manager.name, role: 'manager', availability: 'active' },
          status: { state: 'ready', addr: '127.0.0.1' },
        });
      }
    });
  }

  get first(): FakeManager {
    return this.managers[0]!;
  }

  get logIndex(): number {
    return this.#logIndex;
  }

  /** Plans on the leader's state and applies everywhere. */
  commit<T>(fn: (tx: WriteTx) => T, requestId?: string): { value: T; rev: number } {
    const store = (this.leader ?? this.first).store;
    const planned = store.plan(fn, { nowMs: Date.now() });
    const entry = toEntry(planned, { newId, ...(requestId === undefined ? {} : { requestId }) });
    this.apply(entry);
    return { value: planned.value, rev: this.#logIndex };
  }

  apply(entry: Entry): void {
    const bytes = encodeEntry(entry);
    this.#logIndex += 1;
    for (const manager of this.managers) {
      const { error } = manager.store.apply(bytes, this.#logIndex);
      if (error !== undefined) {
        throw error;
      }
    }
  }

  elect(leader: FakeManager | undefined): void {
    this.leader = leader;
    this.managers.forEach((manager) => {
      manager.changed();
    });
  }
}

/** What the edge needs of a control plane, over the real store. */
export class FakeManager implements ControlPlane {
  readonly nodeId = newId();
  readonly name: string;
  readonly store = new Store();
  readonly cluster: FakeCluster;
  readonly raftId: number;
  /** What it says of its disk. */
  disk: ControlPlaneStatus['disk'] = 'ok';
  handler: ForwardedRequestHandler | undefined;
  readonly forwarded: ForwardedRequest[] = [];
  /** Answers `openStream`. */
  streams: (request: StreamRequest) => FakeStream = () => {
    throw new SwarmError('unavailable', 'no agent answers');
  };
  readonly #onStatus = new Set<(status: ControlPlaneStatus) => void>();

  constructor(cluster: FakeCluster, raftId: number) {
    this.cluster = cluster;
    this.raftId = raftId;
    this.name = `manager-${String(raftId)}`;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  view<T>(fn: (tx: ReadTx) => T): T {
    return fn(this.store.view());
  }

  async update<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>> {
    await this.cluster.gate;
    if (this.cluster.leader !== this) {
      throw new SwarmError('not_leader', 'this manager is not the leader');
    }
    if (!this.cluster.hasQuorum) {
      throw new SwarmError('unavailable', 'no majority of the managers answers');
    }
    return this.cluster.commit((tx) => {
      const value = fn(tx);
      const { audit, events } = context;
      const draft = typeof audit === 'function' ? audit(value) : audit;
      if (draft !== undefined) {
        const { actor, requestId } = context;
        tx.record({ type: 'audit', outcome: 'ok', ...draft, atMs: tx.nowMs, actor, requestId });
      }
      for (const event of (typeof events === 'function' ? events(value) : events) ?? []) {
        tx.record({ type: 'event', ...event, atMs: tx.nowMs });
      }
      return value;
    }, context.requestId);
  }

  appliedRev(): number {
    return this.store.logIndex;
  }

  waitApplied(): Promise<void> {
    return Promise.resolve();
  }

  status(): ControlPlaneStatus {
    const { leader, clusterId, managers } = this.cluster;
    return {
      nodeId: this.nodeId,
      clusterId,
      raftId: this.raftId,
      role: leader === this ? 'leader' : 'follower',
      term: 1,
      isLeader: leader === this,
      isReady: leader !== undefined,
      ...(leader === undefined ? {} : { leader: leader.info() }),
      managers: managers.map((manager) => manager.info()),
      appliedRev: this.store.logIndex,
      commitRev: this.cluster.logIndex,
      disk: this.disk,
    };
  }

  info(): ManagerInfo {
    return { nodeId: this.nodeId, raftId: this.raftId, addr: `127.0.0.1:${String(2376 + this.raftId)}` };
  }

  onStatus(callback: (status: ControlPlaneStatus) => void): () => void {
    this.#onStatus.add(callback);
    return () => this.#onStatus.delete(callback);
  }

  changed(): void {
    this.#onStatus.forEach((callback) => {
      callback(this.status());
    });
  }

  watch(options?: WatchOptions): Subscription {
    return this.store.watch(options);
  }

  historyAfter(afterIndex: number, limit?: number): HistoryEntry[] {
    return this.store.historyAfter(afterIndex, limit);
  }

  async forward(request: ForwardedRequest): Promise<ForwardedAnswer> {
    this.forwarded.push(request);
    const { leader } = this.cluster;
    if (leader?.handler === undefined) {
      throw new SwarmError('unavailable', 'no leader is known');
    }
    return leader.handler(JSON.parse(JSON.stringify(request, asIs), revive) as ForwardedRequest, this.nodeId);
  }

  onForwardedRequest(handler: ForwardedRequestHandler): void {
    this.handler = handler;
  }

  openStream(request: StreamRequest): Promise<StreamChannel> {
    return new Promise((resolve) => {
      resolve(this.streams(request));
    });
  }

  promoteNode(context: UpdateContext<void>, nodeId: string): Promise<UpdateResult<void>> {
    return this.#setRole(context, nodeId, 'manager');
  }

  demoteNode(context: UpdateContext<void>, nodeId: string): Promise<UpdateResult<void>> {
    return this.#setRole(context, nodeId, 'worker');
  }

  #setRole(
    context: UpdateContext<void>,
    nodeId: string,
    role: 'manager' | 'worker',
  ): Promise<UpdateResult<void>> {
    return this.update(context, (tx) => {
      const node = tx.get('node', nodeId)!;
      updateNode(tx, { node: nodeId, spec: { ...node.spec, role } });
    });
  }

  removeNode(context: UpdateContext<void>, nodeId: string): Promise<UpdateResult<void>> {
    return this.update(context, (tx) => {
      tx.remove('node', nodeId);
    });
  }

  transferLeadership(nodeId?: string): Promise<void> {
    this.cluster.elect(this.cluster.managers.find((manager) => manager.nodeId === nodeId));
    return Promise.resolve();
  }

  rotateJoinToken(context: UpdateContext<string>, role: 'worker' | 'manager'): Promise<UpdateResult<string>> {
    return this.update(context, (tx) => {
      const cluster = tx.cluster()!;
      const token = `SWMTKN-1-${newId()}`;
      tx.patch('cluster', cluster.id, { joinTokens: { ...cluster.joinTokens, [role]: token } });
      return token;
    });
  }

  catchUp(): Promise<void> {
    return Promise.resolve();
  }

  backup(): Promise<Backup> {
    return Promise.resolve({ rev: this.store.logIndex, file: this.store.snapshot() });
  }

  serverCertificate(): ServerCertificate {
    throw new Error('the tests use plain HTTP');
  }

  onCertificate(): () => void {
    return () => undefined;
  }
}

function asIs(_key: string, value: unknown): unknown {
  return value;
}

/** Buffers cross JSON as `{type: 'Buffer', data: [...]}`. */
function revive(_key: string, value: unknown): unknown {
  const buffer = value as { type?: string; data?: number[] } | null;
  return buffer?.type === 'Buffer' && Array.isArray(buffer.data) ? Buffer.from(buffer.data) : value;
}

/** A stream whose agent is the test. */
export class FakeStream implements StreamChannel {
  readonly sent: StreamInput[] = [];
  isClosed = false;
  isPaused = false;
  #item: ((item: StreamItem) => void) | undefined;
  #close: ((error?: SwarmError) => void) | undefined;
  #held: StreamItem[] = [];
  #ended: { error?: SwarmError } | undefined;

  emit(item: StreamItem): void {
    if (this.#item === undefined || this.isPaused) {
      this.#held.push(item);
    } else {
      this.#item(item);
    }
  }

  end(error?: SwarmError): void {
    this.#ended = error === undefined ? {} : { error };
    this.#settle();
  }

  onItem(callback: (item: StreamItem) => void): void {
    this.#item = callback;
    this.#settle();
  }

  onClose(callback: (error?: SwarmError) => void): void {
    this.#close = callback;
  }

  send(input: StreamInput): boolean {
    this.sent.push(input);
    return true;
  }

  onDrain(): void {
    // Never full.
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#settle();
  }

  close(): void {
    this.isClosed = true;
  }

  #settle(): void {
    if (this.#item === undefined || this.isPaused) {
      return;
    }
    const held = this.#held;
    this.#held = [];
    held.forEach(this.#item);
    if (this.#ended !== undefined) {
      this.#close?.(this.#ended.error);
      this.#close = undefined;
    }
  }
}
