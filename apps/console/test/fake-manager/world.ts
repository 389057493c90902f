import type { AuditView, EventView, ServiceRevisionView, StreamRows } from '@skep/contract';
import type { ServiceSpec } from '@skep/model';

import type { Op, Row, Topic } from '../../live/protocol.ts';
import { TOPICS } from '../../live/protocol.ts';
import { Prng } from './prng.ts';

type Service = StreamRows['services'];
type Task = StreamRows['tasks'];
type Node = StreamRows['nodes'];
type TaskState = Task['status']['state'];

export interface Entry {
  readonly prev: number;
  readonly rev: number;
  readonly ts: number;
  readonly ops: readonly Op[];
}

export interface WorldOptions {
  readonly seed: number;
  readonly managers: number;
  readonly workers: number;
  readonly nowMs: number;
}

const PATH: readonly TaskState[] = ['new', 'pending', 'assigned', 'preparing', 'starting', 'running'];
const RING_MAX = 10_000;

/**
 * A cluster in memory: objects, one revision per change, and a small imitation of the control plane that moves tasks
 * forward one state per step. Images named `missing…` are rejected, `crash…` fail, constraints on `impossible` never
 * place.
 */
export class World {
  readonly prng: Prng;
  readonly tables: Readonly<Record<Topic, Map<string, Row>>>;
  readonly ring: Entry[] = [];
  readonly events: EventView[] = [];
  readonly audit: AuditView[] = [];
  readonly sources = new Map<string, string>();
  readonly configData = new Map<string, string>();
  /** Versions of each service, newest first. */
  readonly revisions = new Map<string, readonly ServiceRevisionView[]>();
  readonly listeners = new Set<(entry: Entry) => void>();
  epoch = 'epoch-1';
  rev = 100;
  nowMs: number;
  #pending: Op[] = [];

  constructor(options: WorldOptions) {
    this.prng = new Prng(options.seed);
    this.nowMs = options.nowMs;
    this.tables = Object.fromEntries(TOPICS.map((topic) => [topic, new Map<string, Row>()])) as never;
    this.#makeCluster(options);
    this.commit();
  }

  #makeCluster({ managers, workers }: WorldOptions): void {
    const meta = this.meta();
    this.put('cluster', {
      ...meta,
      spec: {
        name: 'atelier',
        orchestration: { taskHistoryRetentionLimit: 5 },
        raft: { snapshotInterval: 10_000, electionTick: 10, heartbeatTick: 1 },
        dispatcher: { heartbeatPeriodNs: 1_000_000_000 },
        ca: { nodeCertExpiryNs: 7_776_000_000_000_000 },
        autoLockManagers: false,
      },
      ca: { certificatePem: '', fingerprint: '4f:1c:92:ab' },
      addressPools: ['10.0.0.0/8'],
      subnetPrefixLength: 24,
      dataPathPort: 4789,
    });
    for (let index = 0; index < managers + workers; index += 1) {
      const isManager = index < managers;
      const name = isManager ? `manager-${String(index + 1)}` : `worker-${String(index - managers + 1)}`;
      this.put('nodes', this.#node(name, isManager, index));
    }
    this.put('networks', {
      ...this.meta(),
      spec: { name: 'ingress', driver: 'overlay', ingress: true },
      vni: 4096,
      ipam: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.1' }],
    });
  }

  #node(name: string, isManager: boolean, index: number): Row {
    const addr = `10.88.0.${String(index + 1)}`;
    return {
      ...this.meta(-86_400_000 * 12),
      spec: {
        role: isManager ? 'manager' : 'worker',
        availability: 'active',
        labels: { zone: index % 2 === 0 ? 'east' : 'west' },
      },
      description: {
        hostname: name,
        platform: { architecture: 'x86_64', os: 'linux' },
        resources: { nanoCpus: 8_000_000_000, memoryBytes: 16 * 1024 ** 3 },
        engine: { version: '0.1.0' },
      },
      status: { state: 'ready', addr, sinceMs: this.nowMs - 86_400_000 },
      ...(isManager
        ? {
            manager: {
              raftId: index + 1,
              addr: `${addr}:2377`,
              reachability: 'reachable',
              isLeader: index === 0,
              apiUrl: `https://${addr}:8377`,
            },
          }
        : {}),
      certificate: {
        issuedAtMs: this.nowMs - 86_400_000 * 12,
        expiresAtMs: this.nowMs + 86_400_000 * 78,
        fingerprint: 'a1:b2:c3:d4',
      },
    };
  }

  meta(ageMs = -3_600_000): { id: string; version: number; createdAtMs: number; updatedAtMs: number } {
    const atMs = this.nowMs + ageMs;
    return { id: this.prng.id(), version: this.rev, createdAtMs: atMs, updatedAtMs: atMs };
  }

  put(topic: Topic, row: Row): void {
    const id = String(row['id']);
    this.tables[topic].set(id, row);
    this.#pending.push([topic, '+', id, row]);
  }

  patch(topic: Topic, id: string, columns: Row): void {
    const row = { ...this.tables[topic].get(id), ...columns };
    this.tables[topic].set(id, row);
    this.#pending.push([topic, '~', id, columns]);
  }

  remove(topic: Topic, id: string): void {
    this.tables[topic].delete(id);
    this.#pending.push([topic, '-', id]);
  }

  /** Makes everything changed since the last commit one log entry. */
  commit(): number {
    if (this.#pending.length === 0) {
      return this.rev;
    }
    const entry: Entry = { prev: this.rev, rev: this.rev + 1, ts: this.nowMs, ops: this.#pending };
    this.#pending = [];
    this.rev = entry.rev;
    this.ring.push(entry);
    if (this.ring.length > RING_MAX) {
      this.ring.shift();
    }
    for (const listener of this.listeners) {
      listener(entry);
    }
    return this.rev;
  }

  say(action: string, message: string, severity: EventView['severity'] = 'info', target = ''): void {
    this.events.unshift({
      id: `${String(this.rev)}.${String(this.events.length)}`,
      logIndex: this.rev,
      seq: this.events.length,
      atMs: this.nowMs,
      action,
      severity,
      target: { kind: action.split('.')[0] ?? 'cluster', name: target },
      message,
    });
    this.events.length = Math.min(this.events.length, 400);
  }

  record(action: string, target: string, outcome: AuditView['outcome'] = 'ok', detail = ''): void {
    this.audit.unshift({
      id: `${String(this.rev)}.${String(this.audit.length)}`,
      logIndex: this.rev,
      seq: this.audit.length,
      atMs: this.nowMs,
      actor: { name: 'user:admin', from: '10.88.0.200', via: 'console' },
      action,
      target: { kind: action.split('.')[0] ?? 'cluster', name: target },
      outcome,
      ...(detail === '' ? {} : { detail }),
      requestId: this.prng.id(),
    });
  }

  rows<T extends Topic>(topic: T): StreamRows[T][] {
    return [...this.tables[topic].values()] as unknown as StreamRows[T][];
  }

  byName(name: string): Service | undefined {
    return this.rows('services').find((service) => service.id === name || service.spec.name === name);
  }

  tasksOf(serviceId: string): Task[] {
    return this.rows('tasks').filter((task) => task.serviceId === serviceId);
  }

  createService(spec: ServiceSpec, ageMs = 0): Service {
    const meta = this.meta(ageMs);
    const ports = (spec.endpoint?.ports ?? []).map((port, index) => ({
      ...port,
      publishedPort: port.publishedPort ?? 30_000 + index,
    }));
    const service: Service = {
      ...meta,
      spec,
      specVersion: this.rev + 1,
      endpoint: { mode: 'vip', ports, virtualIps: [] },
    };
    this.put('services', service);
    this.#revise(service.id, spec, meta.createdAtMs);
    this.say('service.created', `Service ${spec.name} was created`, 'info', spec.name);
    return service;
  }

  updateService(id: string, spec: ServiceSpec): void {
    const old = this.byName(id);
    if (old === undefined) {
      return;
    }
    this.#revise(old.id, spec, this.nowMs);
    const isNewTask = JSON.stringify(old.spec.task) !== JSON.stringify(spec.task);
    this.patch('services', old.id, {
      spec,
      previousSpec: old.spec,
      updatedAtMs: this.nowMs,
      version: this.rev + 1,
      ...(isNewTask
        ? {
            specVersion: this.rev + 1,
            updateStatus: { state: 'updating', startedAtMs: this.nowMs, message: 'update in progress' },
          }
        : {}),
    });
  }

  #revise(id: string, spec: ServiceSpec, atMs: number): void {
    const known = this.revisions.get(id) ?? [];
    const revision: ServiceRevisionView = {
      revision: known.length + 1,
      logIndex: this.rev,
      atMs,
      actor: { name: 'user:admin', from: '10.88.0.200', via: 'console' },
      spec,
    };
    this.revisions.set(id, [revision, ...known]);
  }

  removeService(id: string): void {
    for (const task of this.tasksOf(id)) {
      this.remove('tasks', task.id);
    }
    const service = this.byName(id);
    this.remove('services', id);
    this.say(
      'service.removed',
      `Service ${service?.spec.name ?? id} was removed`,
      'info',
      service?.spec.name,
    );
  }

  #newTask(service: Service, slot: number, nodeId?: string): void {
    const task: Row = {
      ...this.meta(0),
      serviceId: service.id,
      serviceName: service.spec.name,
      slot,
      ...(nodeId === undefined ? {} : { nodeId }),
      image: service.spec.task.container.image,
      specVersion: service.specVersion,
      status: { state: 'new', atMs: this.nowMs, message: 'created' },
      desiredState: 'running',
      networks: [],
    };
    this.put('tasks', task);
  }

  setState(task: Task, state: TaskState, status: Partial<Task['status']> = {}): void {
    this.patch('tasks', task.id, {
      status: { ...task.status, message: state, ...status, state, atMs: this.nowMs },
      updatedAtMs: this.nowMs,
    });
  }

  #shutDown(task: Task): void {
    this.patch('tasks', task.id, {
      desiredState: 'shutdown',
      status: { ...task.status, state: 'shutdown', message: 'shutdown', atMs: this.nowMs },
    });
  }

  /** One round of the imitated control plane. */
  step(stepMs: number): void {
    this.nowMs += stepMs;
    for (const service of this.rows('services')) {
      this.#reconcile(service);
    }
    for (const task of this.rows('tasks')) {
      this.#advance(task);
    }
    this.commit();
  }

  #isLive(task: Task): boolean {
    return task.desiredState === 'running' && PATH.includes(task.status.state);
  }

  #reconcile(service: Service): void {
    const live = this.tasksOf(service.id).filter((task) => this.#isLive(task));
    const { mode } = service.spec;
    if (mode.type === 'global') {
      for (const node of this.#usable()) {
        if (!live.some((task) => task.nodeId === node.id)) {
          this.#newTask(service, 0, node.id);
        }
      }
    }
    if (mode.type === 'replicated') {
      for (let slot = 1; slot <= mode.replicas; slot += 1) {
        if (!live.some((task) => task.slot === slot) && !this.#isBackingOff(service, slot)) {
          this.#newTask(service, slot);
        }
      }
      live
        .filter((task) => task.slot > mode.replicas)
        .forEach((task) => {
          this.#shutDown(task);
        });
    }
    this.#rollOut(service, live);
  }

  #isBackingOff(service: Service, slot: number): boolean {
    const ended = this.tasksOf(service.id).filter((task) => task.slot === slot);
    const last = ended.toSorted((a, b) => b.createdAtMs - a.createdAtMs)[0];
    return last !== undefined && last.status.state === 'failed' && this.nowMs - last.status.atMs < 4_000;
  }

  #rollOut(service: Service, live: readonly Task[]): void {
    if (service.updateStatus?.state !== 'updating') {
      return;
    }
    const old = live.filter((task) => task.specVersion !== service.specVersion);
    const isSettled = live.every(
      (task) => task.specVersion !== service.specVersion || task.status.state === 'running',
    );
    if (old.length === 0 && isSettled && live.length > 0) {
      this.patch('services', service.id, {
        updateStatus: {
          ...service.updateStatus,
          state: 'completed',
          completedAtMs: this.nowMs,
          message: 'update completed',
        },
      });
      this.say('rollout.completed', `${service.spec.name} was updated`, 'info', service.spec.name);
    } else if (isSettled) {
      old.slice(0, service.spec.update?.parallelism ?? 1).forEach((task) => {
        this.#shutDown(task);
      });
    }
  }

  #usable(): Node[] {
    return this.rows('nodes').filter(
      (node) => node.status.state === 'ready' && node.spec.availability === 'active',
    );
  }

  #advance(task: Task): void {
    const at = PATH.indexOf(task.status.state);
    const next = PATH[at + 1];
    if (at < 0 || next === undefined || task.desiredState !== 'running') {
      return;
    }
    if (next === 'assigned') {
      this.#place(task);
    } else if (task.image.startsWith('missing') && next === 'starting') {
      this.setState(task, 'rejected', {
        err: `manifest for ${task.image} not found`,
        reason: { code: 'image.notfound', params: { ref: task.image, registry: 'registry-1.docker.io' } },
      });
    } else if (task.image.startsWith('crash') && next === 'running') {
      this.setState(task, 'failed', {
        message: 'task: non-zero exit (1)',
        reason: { code: 'run.exit', params: { code: '1', t: '2 s' } },
        container: { exitCode: 1 },
      });
      this.say(
        'task.failed',
        `${task.serviceName}.${String(task.slot)} exited with code 1`,
        'warning',
        task.serviceName,
      );
    } else {
      const container =
        next === 'running'
          ? { container: { containerId: this.prng.id() + this.prng.id(), health: 'none' as const } }
          : {};
      this.setState(task, next, container);
      if (next === 'running') {
        this.say(
          'task.running',
          `${task.serviceName}.${String(task.slot)} is running`,
          'info',
          task.serviceName,
        );
      }
    }
  }

  #place(task: Task): void {
    const service = this.byName(task.serviceId);
    const constraint = service?.spec.task.placement?.constraints?.find((each) => each.includes('impossible'));
    if (constraint !== undefined) {
      if (task.status.reason === undefined) {
        this.setState(task, 'pending', {
          message: 'no suitable node (scheduling constraints not satisfied)',
          reason: { code: 'sched.constraint', params: { constraint } },
        });
      }
      return;
    }
    const nodes = this.#usable();
    const counts = new Map(nodes.map((node) => [node.id, 0]));
    for (const other of this.rows('tasks')) {
      if (other.nodeId !== undefined && this.#isLive(other) && counts.has(other.nodeId)) {
        counts.set(other.nodeId, (counts.get(other.nodeId) ?? 0) + 1);
      }
    }
    const node = nodes.toSorted((a, b) => (counts.get(a.id) ?? 0) - (counts.get(b.id) ?? 0))[0];
    const nodeId = task.nodeId ?? node?.id;
    if (nodeId !== undefined) {
      this.patch('tasks', task.id, {
        nodeId,
        status: { ...task.status, state: 'assigned', message: 'assigned', atMs: this.nowMs },
      });
    }
  }

  /** A host that lost its power: its tasks are orphaned and made anew elsewhere. */
  loseNode(name: string): void {
    const node = this.rows('nodes').find((each) => each.description?.hostname === name);
    if (node === undefined) {
      return;
    }
    this.patch('nodes', node.id, {
      status: { ...node.status, state: 'down', message: 'heartbeat failure', sinceMs: this.nowMs },
      ...(node.manager === undefined
        ? {}
        : { manager: { ...node.manager, reachability: 'unreachable', isLeader: false } }),
    });
    this.say('node.down', `Node ${name} stopped answering`, 'error', name);
    for (const task of this.rows('tasks')) {
      if (task.nodeId === node.id && this.#isLive(task)) {
        this.patch('tasks', task.id, { desiredState: 'shutdown' });
      }
    }
  }
}
