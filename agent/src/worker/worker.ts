import type { Logger } from 'pino';

import { errorMessage, type Timers } from '@skep/kernel';
import { compareTaskStates, type NodeDescription, type NodeRole, type TaskStatus } from '@skep/model';
import {
  SESSION_PROTOCOL_VERSION,
  type Assignments,
  type ManagerAddress,
  type ManagerMessage,
} from '@skep/wire';

import type { ContainerSummary } from '../engine/container-api.ts';
import type { EngineApi } from '../engine/engine-api.ts';
import type { NetworkApi } from '../network/network-api.ts';
import type { ClusterNetworkState } from '../network/state.ts';
import { AgentStreams } from './agent-streams.ts';
import {
  applyAssignments,
  emptyAssignmentState,
  followsOn,
  type AssignmentState,
} from './assignment-state.ts';
import type { NodeState, NodeTls } from './identity-store.ts';
import { ImagePuller } from './image-puller.ts';
import { dialManager, type DialManager } from './manager-socket.ts';
import { NetworkFollower } from './network-follower.ts';
import { processTimers } from './process-timers.ts';
import { Reporter } from './reporter.ts';
import { Semaphore } from './semaphore.ts';
import { SessionClient, type Welcome } from './session-client.ts';
import { TASK_ID_LABEL, type NodeFacts } from './task-container.ts';
import { TaskRunner, observe, type RunnerPorts } from './task-runner.ts';
import type { WorkerStore } from './worker-store.ts';

const NOT_THERE = { kind: 'none' } as const;
/** Containers of tasks that are removed at one time when the node leaves. */
const REMOVALS_AT_ONCE = 8;

/** What the worker takes from the process it runs in. */
export interface WorkerRuntime {
  nowMs(): number;
  /** A number in [0, 1). */
  random(): number;
  readonly timers: Timers;
  readonly dial: DialManager;
}

const processRuntime: WorkerRuntime = {
  nowMs: () => Date.now(),
  random: () => Math.random(),
  timers: processTimers,
  dial: dialManager,
};

/** What a worker remembers from one start to the next. */
export type WorkerMemory = Pick<
  WorkerStore,
  'load' | 'loadStatuses' | 'save' | 'saveStatuses' | 'markAcked' | 'forgetTask' | 'clear'
>;

export interface WorkerOptions {
  readonly engine: EngineApi;
  readonly networks: Pick<NetworkApi, 'setClusterState' | 'clearClusterState'>;
  readonly store: WorkerMemory;
  /** The process's own when absent. */
  readonly runtime?: WorkerRuntime;
  readonly log: Logger;
  readonly parallelStarts: number;
  readonly describe: () => Promise<NodeDescription>;
  /** This node's place in the swarm, as it is now. */
  readonly state: () => NodeState;
  readonly identity: () => Promise<NodeTls>;
  readonly welcomed: (welcome: Welcome) => void;
  readonly managersChanged: (managers: readonly ManagerAddress[]) => void;
  readonly roleWanted: (role: NodeRole) => void;
  readonly removed: () => void;
}

/** This node's part of the swarm: runs the tasks it is assigned and tells the managers about them. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #log: Logger;
  readonly #runtime: WorkerRuntime;
  readonly #session: SessionClient;
  readonly #reporter: Reporter;
  readonly #streams: AgentStreams;
  readonly #network: NetworkFollower;
  readonly #runners = new Map<string, TaskRunner>();
  readonly #runnerPorts: RunnerPorts;
  #assignments: AssignmentState = emptyAssignmentState();
  #holds: string | undefined;
  /** Containers of tasks that nobody has spoken of since the start. */
  #strays = new Map<string, ContainerSummary>();
  #description: NodeDescription | undefined;
  #unsubscribe: () => void = () => undefined;
  #left: (() => void) | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#runtime = options.runtime ?? processRuntime;
    const { timers } = this.#runtime;
    this.#reporter = new Reporter(options.store, (message) => this.#session.send(message), timers);
    this.#network = new NetworkFollower(options.networks, options.log, timers);
    this.#streams = new AgentStreams({
      engine: options.engine,
      log: options.log,
      containerOf: (taskId) => this.#runners.get(taskId)?.containerId,
      send: (message) => {
        this.#session.send(message);
      },
    });
    this.#session = this.#newSession();
    this.#runnerPorts = this.#newRunnerPorts();
  }

  get isConnected(): boolean {
    return this.#session.isOpen;
  }

  /** Takes over what an earlier swarmd left, and looks for the leader. */
  async start(): Promise<void> {
    this.#description = await this.#options.describe();
    this.#assignments = this.#options.store.load();
    const containers = await this.#taskContainers();
    const statuses = this.#options.store.loadStatuses();
    const unacknowledged = new Map<string, TaskStatus>();
    for (const task of this.#assignments.tasks.values()) {
      const stored = statuses.get(task.id);
      const container = containers.get(task.id);
      containers.delete(task.id);
      if (stored !== undefined && !stored.isAcked) {
        unacknowledged.set(task.id, stored.status);
      }
      this.#runners.set(
        task.id,
        new TaskRunner(this.#runnerPorts, {
          task,
          status: stored?.status ?? task.status,
          container: container === undefined ? NOT_THERE : observe(container),
        }),
      );
    }
    this.#strays = containers;
    this.#reporter.restore(unacknowledged);
    this.#unsubscribe = this.#followHealth();
    this.#log.info({ tasks: this.#runners.size, strays: containers.size }, 'worker started');
    if (this.#runners.size > 0 || this.#assignments.networks.size > 0) {
      this.#network.follow(() => this.#networkState());
    }
    this.#runners.forEach((runner) => {
      runner.poke();
    });
    this.#session.start();
  }

  /** Lets go of everything; containers go on. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#runners.forEach((runner) => {
      runner.close();
    });
    await this.#session.stop();
    this.#streams.closeAll();
    this.#reporter.stop();
    this.#runners.clear();
  }

  /** Opens a new session, with the certificate as it is now. */
  reconnect(): void {
    this.#session.reconnect();
  }

  /**
   * Says goodbye to the managers, then ends all tasks and forgets them. Without an answer within `timeoutMs` it goes
   * on by itself.
   */
  async leave(timeoutMs: number): Promise<void> {
    if (this.#session.isOpen) {
      await new Promise<void>((resolve) => {
        const cancel = this.#runtime.timers.after(timeoutMs, resolve);
        this.#left = () => {
          cancel();
          resolve();
        };
        this.#session.send({ t: 'leave' });
      });
    }
    await this.erase();
  }

  /** Ends all tasks of this node and forgets the cluster's state. */
  async erase(): Promise<void> {
    await this.stop();
    const containers = [...(await this.#taskContainers()).values()];
    const removals = new Semaphore(REMOVALS_AT_ONCE);
    await Promise.all(containers.map(({ id }) => removals.run(() => this.#removeContainer(id))));
    this.#options.store.clear();
    this.#assignments = emptyAssignmentState();
    this.#holds = undefined;
    await this.#options.networks.clearClusterState();
  }

  async #removeContainer(id: string): Promise<void> {
    try {
      await this.#options.engine.containers.remove(id, { force: true, removeVolumes: true });
    } catch (error) {
      this.#log.warn(
        { containerId: id, err: errorMessage(error) },
        'container of a task could not be removed',
      );
    }
  }

  async #taskContainers(): Promise<Map<string, ContainerSummary>> {
    const containers = new Map<string, ContainerSummary>();
    for (const summary of await this.#options.engine.containers.list({ all: true })) {
      const taskId = summary.labels[TASK_ID_LABEL];
      if (taskId !== undefined) {
        containers.set(taskId, summary);
      }
    }
    return containers;
  }

  #newRunnerPorts(): RunnerPorts {
    const { engine, log, parallelStarts } = this.#options;
    const { timers } = this.#runtime;
    const nowMs = (): number => this.#runtime.nowMs();
    return {
      containers: engine.containers,
      puller: new ImagePuller(engine.images, log, nowMs, timers),
      starts: new Semaphore(parallelStarts),
      node: () => this.#nodeFacts(),
      payloads: () => this.#assignments,
      networkReady: () => this.#network.ready(),
      report: (taskId, status) => {
        this.#reporter.report(taskId, status);
      },
      forgotten: (taskId) => {
        this.#runners.delete(taskId);
        this.#reporter.forget(taskId);
        this.#options.store.forgetTask(taskId);
      },
      nowMs,
      timers,
      log,
    };
  }

  #nodeFacts(): NodeFacts {
    const { platform, hostname } = this.#description ?? { platform: {}, hostname: '' };
    return {
      id: this.#options.state().nodeId,
      hostname,
      os: platform.os ?? 'linux',
      architecture: platform.architecture ?? '',
    };
  }

  #newSession(): SessionClient {
    return new SessionClient({
      log: this.#log,
      identity: this.#options.identity,
      managers: () => this.#options.state().managers,
      hello: async () => {
        const { advertiseAddr, dataPathAddr, availability } = this.#options.state();
        this.#description = await this.#options.describe();
        return {
          t: 'hello',
          v: SESSION_PROTOCOL_VERSION,
          description: this.#description,
          advertiseAddr,
          ...(dataPathAddr === undefined ? {} : { dataPathAddr }),
          ...(availability === undefined ? {} : { availability }),
          ...(this.#holds === undefined ? {} : { holds: this.#holds }),
        };
      },
      opened: (welcome) => {
        this.#options.welcomed(welcome);
        this.#reporter.connected();
      },
      received: (message) => {
        this.#receive(message);
      },
      closed: () => {
        this.#reporter.disconnected();
        this.#streams.closeAll();
      },
      removed: () => {
        if (this.#left !== undefined) {
          this.#left();
        } else {
          this.#options.removed();
        }
      },
      managersChanged: this.#options.managersChanged,
      random: () => this.#runtime.random(),
      timers: this.#runtime.timers,
      dial: this.#runtime.dial,
    });
  }

  #receive(message: ManagerMessage): void {
    switch (message.t) {
      case 'assignments':
        this.#assign(message);
        return;
      case 'statusAck':
        this.#reporter.acknowledged(message.batch);
        return;
      case 'open':
        this.#streams.open(message.streamId, message.open);
        return;
      case 'close':
        this.#streams.close(message.streamId);
        return;
      case 'stream':
        this.#streams.receive(message);
        return;
      case 'role':
        this.#options.roleWanted(message.role);
        return;
      default:
    }
  }

  #assign(step: Assignments): void {
    if (!followsOn(step, this.#holds)) {
      this.#log.warn({ appliesTo: step.appliesTo, holds: this.#holds }, 'assignments do not follow on');
      this.#session.send({ t: 'resync' });
      return;
    }
    const delta = applyAssignments(this.#assignments, step);
    this.#holds = step.resultsIn;
    this.#options.store.save(step.changes, { isComplete: step.mode === 'complete' });
    if (delta.hasNetworkChange || step.mode === 'complete') {
      this.#network.follow(() => this.#networkState());
    }
    for (const taskId of delta.changedTaskIds) {
      this.#assignTask(taskId);
    }
    for (const taskId of delta.removedTaskIds) {
      this.#runners.get(taskId)?.unassign();
    }
    if (delta.hasPayloadChange) {
      this.#runners.forEach((runner) => {
        runner.poke();
      });
    }
    if (step.mode === 'complete') {
      this.#removeStrays();
    }
  }

  #assignTask(taskId: string): void {
    const task = this.#assignments.tasks.get(taskId);
    if (task === undefined) {
      return;
    }
    const runner = this.#runners.get(taskId);
    if (runner !== undefined) {
      runner.assign(task);
      return;
    }
    const stray = this.#strays.get(taskId);
    this.#strays.delete(taskId);
    const made = new TaskRunner(this.#runnerPorts, {
      task,
      status: adoptedStatus(task.status, stray),
      container: stray === undefined ? NOT_THERE : observe(stray),
    });
    this.#runners.set(taskId, made);
    made.poke();
  }

  /** Containers of tasks that the managers no longer know. */
  #removeStrays(): void {
    const strays = [...this.#strays.values()];
    this.#strays.clear();
    for (const { id, labels } of strays) {
      this.#log.info(
        { containerId: id, taskId: labels[TASK_ID_LABEL] },
        'container of a forgotten task is removed',
      );
      void this.#removeContainer(id);
    }
  }

  #networkState(): ClusterNetworkState {
    const { nodeId, advertiseAddr, dataPathAddr, dataPathPort } = this.#options.state();
    const { networks, peers, services, endpoints } = this.#assignments;
    return {
      self: { nodeId, dataPathAddr: dataPathAddr ?? advertiseAddr, dataPathPort },
      networks: [...networks.values()],
      peers: [...peers.values()],
      services: [...services.values()],
      endpoints: [...endpoints.values()],
    };
  }

  #followHealth(): () => void {
    return this.#options.engine.events.subscribe(({ kind, action, attributes }) => {
      if (kind !== 'container' || !action.startsWith('health_status: ')) {
        return;
      }
      const health = action.slice('health_status: '.length);
      if (health === 'healthy' || health === 'unhealthy' || health === 'starting') {
        this.#runners.get(attributes[TASK_ID_LABEL] ?? '')?.healthChanged(health);
      }
    });
  }
}

/** A container that is there already has been prepared, and perhaps started, whatever the managers have heard. */
function adoptedStatus(status: TaskStatus, container: ContainerSummary | undefined): TaskStatus {
  if (container === undefined) {
    return status;
  }
  const state = container.state.status === 'created' ? 'ready' : 'starting';
  return compareTaskStates(status.state, state) >= 0 ? status : { ...status, state };
}
