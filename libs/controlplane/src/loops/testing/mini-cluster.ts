import { Prng, newObjectId } from '@skep/kernel';
import {
  compareTaskStates,
  defaultClusterSpec,
  isTerminalState,
  type Node,
  type NodeSpec,
  type ServiceSpec,
  type Task,
  type TaskState,
} from '@skep/model';
import { createCluster } from '@skep/orchestrator';
import { Store, encodeEntry, toEntries, toEntry, type WriteTx } from '@skep/store';

import { ControlLoops, type ControlLoopPorts } from '../control-loops.ts';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/** How tasks of an image behave on a fake node. */
export interface ImageBehaviour {
  /** Ends so instead of running. */
  readonly endsAs?: 'failed' | 'rejected' | 'complete';
  /** How long it runs before `endsAs`; absent: it never gets to run. */
  readonly runsMs?: number;
}

/**
 * Store and loops with fake agents on a simulated clock: no Raft, one manager, everything from one seed. Log entries
 * take `commitMs` each way, an agent `stepMs` from one task state to the next.
 */
export class MiniCluster {
  readonly store = new Store();
  readonly images = new Map<string, ImageBehaviour>();
  /** Called after each applied entry. */
  check: (() => void) | undefined;
  nowMs = 1_000_000;
  commitMs = 5;
  stepMs = 20;
  readonly loops: ControlLoops;
  readonly newId: () => string;
  #timers: Timer[] = [];
  #order = 0;
  #logIndex = 0;
  readonly #silent = new Set<string>();
  readonly #busy = new Set<string>();
  readonly #startedAt = new Map<string, number>();

  constructor(seed = 1) {
    const prng = new Prng(seed);
    const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => prng.nextInt(256));
    this.newId = () => newObjectId(bytes);
    this.store.onApplied(() => {
      this.check?.();
      this.#pokeAgents();
    });
    this.loops = new ControlLoops(this.#ports());
    this.run((tx) =>
      createCluster(
        tx,
        {
          id: 'cluster',
          spec: defaultClusterSpec(),
          ca: { certificatePem: '', keyPem: '', fingerprint: '' },
          joinTokens: { worker: '', manager: '' },
          addressPools: ['10.0.0.0/8'],
          subnetPrefixLength: 24,
          dataPathPort: 4789,
        },
        { newId: this.newId },
      ),
    );
    this.loops.start();
  }

  #ports(): ControlLoopPorts {
    const quiet = (): void => undefined;
    return {
      clock: { nowMs: () => this.nowMs },
      timers: { after: (delayMs, fn) => this.after(delayMs, fn) },
      log: { debug: quiet, info: quiet, warn: quiet },
      newId: this.newId,
      view: (fn) => fn(this.store.view()),
      onApplied: (callback) => this.store.onApplied(callback),
      onRestored: (callback) => this.store.onRestored(callback),
      change: (fn, onDone) => {
        const planned = this.store.plan(fn, { nowMs: this.nowMs });
        const entries = toEntries(planned, { newId: this.newId }).map(encodeEntry);
        this.after(this.commitMs, () => {
          const isOk = entries.map((bytes) => this.#apply(bytes)).every(Boolean);
          onDone(isOk);
        });
      },
    };
  }

  #apply(bytes: Uint8Array): boolean {
    this.#logIndex += 1;
    return this.store.apply(bytes, this.#logIndex).error === undefined;
  }

  /** Plans a change and applies it at once; throws the refusal. */
  run<T>(fn: (tx: WriteTx) => T): T {
    const planned = this.store.plan(fn, { nowMs: this.nowMs });
    this.#logIndex += 1;
    const applied = this.store.apply(encodeEntry(toEntry(planned, { newId: this.newId })), this.#logIndex);
    if (applied.error !== undefined) {
      throw applied.error;
    }
    return planned.value;
  }

  after(delayMs: number, fn: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, order: (this.#order += 1), fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass until `isDone`, at most `limitMs`; answers how long it took. */
  until(isDone: () => boolean, limitMs = 120_000): number {
    const startMs = this.nowMs;
    while (!isDone()) {
      const next = this.#nextTimer();
      if (next === undefined || next.atMs - startMs > limitMs) {
        throw new Error(`not reached within ${String(limitMs)} ms:\n${this.describe()}`);
      }
      this.#fire(next);
    }
    return this.nowMs - startMs;
  }

  /** Lets `durationMs` pass. */
  pass(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    for (let next = this.#nextTimer(); next !== undefined && next.atMs <= endMs; next = this.#nextTimer()) {
      this.#fire(next);
    }
    this.nowMs = endMs;
  }

  #nextTimer(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>(
      (best, timer) =>
        best === undefined || timer.atMs < best.atMs || (timer.atMs === best.atMs && timer.order < best.order)
          ? timer
          : best,
      undefined,
    );
  }

  #fire(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    this.nowMs = Math.max(this.nowMs, timer.atMs);
    timer.fn();
  }

  addNode(id: string, changes: Partial<NodeSpec> = {}): void {
    this.run((tx) =>
      tx.create('node', {
        id,
        spec: { role: 'worker', availability: 'active', ...changes },
        description: {
          hostname: id,
          platform: { os: 'linux', architecture: 'x86_64' },
          resources: { nanoCpus: 4e9, memoryBytes: 8 * 1024 ** 3 },
          engine: { version: '1' },
        },
        status: { state: 'ready', addr: '10.1.0.1' },
      }),
    );
  }

  patchNode(id: string, changes: Partial<NodeSpec>): void {
    this.run((tx) => {
      const node = tx.get('node', id) as Node;
      tx.update('node', { ...node, spec: { ...node.spec, ...changes } });
    });
  }

  /** The host dies: its agent is silent, and after `afterMs` the managers call it down. */
  killNode(id: string, afterMs = 3000): void {
    this.#silent.add(id);
    this.after(afterMs, () => this.#setNodeState(id, 'down'));
  }

  /** The host answers again. */
  reviveNode(id: string): void {
    this.#silent.delete(id);
    this.#setNodeState(id, 'ready');
  }

  #setNodeState(id: string, state: 'down' | 'ready'): void {
    this.run((tx) => {
      const node = tx.get('node', id);
      if (node !== undefined) {
        tx.patch('node', id, { status: { ...node.status, state, sinceMs: this.nowMs } });
      }
    });
  }

  #pokeAgents(): void {
    for (const task of this.store.view().list('task')) {
      if (task.nodeId !== undefined && !this.#busy.has(task.id)) {
        this.#poke(task);
      }
    }
  }

  /** The fake agent's next step for a task, if there is one. */
  #poke(task: Task): void {
    const isStopping = compareTaskStates(task.desiredState, 'running') > 0;
    const next = isStopping ? stoppedState(task) : this.#nextState(task);
    if (next === undefined) {
      return;
    }
    this.#busy.add(task.id);
    this.after(next.inMs, () => {
      this.#busy.delete(task.id);
      if (task.nodeId === undefined || this.#silent.has(task.nodeId)) {
        this.after(100, () => this.#pokeAgents());
        return;
      }
      this.run((tx) =>
        tx.setTaskStatus(task.id, {
          state: next.state,
          atMs: this.nowMs,
          message: next.state,
          ...(next.state === 'failed' || next.state === 'rejected' ? { err: 'task: non-zero exit (1)' } : {}),
        }),
      );
      this.#pokeAgents();
    });
  }

  #nextState(task: Task): { state: TaskState; inMs: number } | undefined {
    const behaviour = this.images.get(task.spec.container.image) ?? {};
    switch (task.status.state) {
      case 'assigned':
        return behaviour.endsAs === 'rejected'
          ? { state: 'rejected', inMs: this.stepMs }
          : { state: 'ready', inMs: this.stepMs };
      case 'ready':
        if (task.desiredState === 'ready') {
          return undefined;
        }
        this.#startedAt.set(task.id, this.nowMs);
        return behaviour.endsAs !== undefined && behaviour.runsMs === undefined
          ? { state: behaviour.endsAs, inMs: this.stepMs }
          : { state: 'running', inMs: this.stepMs };
      case 'running':
        return behaviour.endsAs === undefined
          ? undefined
          : { state: behaviour.endsAs, inMs: behaviour.runsMs ?? 0 };
      default:
        return undefined;
    }
  }

  /** Wanted tasks of a service. */
  tasks(serviceId: string): Task[] {
    return this.store
      .view()
      .tasksByService(serviceId)
      .filter((task) => compareTaskStates(task.desiredState, 'running') <= 0)
      .sort((a, b) => a.slot - b.slot || (a.id < b.id ? -1 : 1));
  }

  running(serviceId: string): Task[] {
    return this.tasks(serviceId).filter((task) => task.status.state === 'running');
  }

  describe(): string {
    return this.store
      .view()
      .list('task')
      .map(
        (task) =>
          `${task.serviceName}.${String(task.slot)} ${task.id.slice(0, 4)} v${String(task.specVersion)} ${task.nodeId ?? '-'} ${task.desiredState}/${task.status.state} ${task.status.err ?? ''}`,
      )
      .join('\n');
  }
}

function stoppedState(task: Task): { state: TaskState; inMs: number } | undefined {
  return isTerminalState(task.status.state) ? undefined : { state: 'shutdown', inMs: 50 };
}

export function aSpec(name: string, replicas: number, changes: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name,
    task: { container: { image: 'good:1' } },
    mode: { type: 'replicated', replicas },
    ...changes,
  };
}
