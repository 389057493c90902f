import type { Logger } from 'pino';

import { SwarmError, assertNever, errorMessage, isSwarmError, type Timers } from '@skep/kernel';
import {
  effectiveStopGraceNs,
  isTerminalState,
  type PortConfig,
  type Task,
  type TaskStatus,
} from '@skep/model';

import type { ContainerApi, ContainerSummary } from '../engine/container-api.ts';
import type { PublishedPort } from '../engine/network-provider.ts';
import type { ImagePuller } from './image-puller.ts';
import type { Semaphore } from './semaphore.ts';
import { injectedFilesOf, toContainerConfig, type NodeFacts, type Payloads } from './task-container.ts';
import {
  failedStatus,
  nextStep,
  type ObservedContainer,
  type TaskSituation,
  type TaskStep,
} from './task-machine.ts';

/** How long a task waits for a secret or config that was not sent yet before it looks again. */
const PAYLOAD_RETRY_MS = 500;
/** Between two attempts to remove a container that could not be removed. */
/** Between an endpoint's leaving the maps of this host and its container's signal to end. */
const WITHDRAW_MS = 300;
const REMOVE_RETRY_MS = 2_000;

/** What all task runners of a node share. */
export interface RunnerPorts {
  readonly containers: ContainerApi;
  readonly puller: ImagePuller;
  /** Bounds how many containers are made or started at one time. */
  readonly starts: Semaphore;
  readonly node: () => NodeFacts;
  readonly payloads: () => Payloads;
  /** Resolves when the kernel follows the network state that came with the last assignments. */
  networkReady(): Promise<void>;
  report(taskId: string, status: TaskStatus): void;
  forgotten(taskId: string): void;
  nowMs(): number;
  readonly timers: Timers;
  readonly log: Logger;
}

/** The container as an engine listing shows it. */
export function observe(summary: ContainerSummary): ObservedContainer {
  const { id, state } = summary;
  switch (state.status) {
    case 'created':
      return { kind: 'created', id };
    case 'running':
    case 'paused':
    case 'restarting':
      return { kind: 'running', id, pid: state.pid, health: state.health?.status ?? 'none' };
    case 'removing':
    case 'exited':
    case 'dead':
      return {
        kind: 'exited',
        id,
        exitCode: state.exitCode,
        isOomKilled: state.isOomKilled,
        error: state.error,
      };
  }
}

function hostPortsOf(task: Task, ports: readonly PublishedPort[]): PortConfig[] {
  return (task.endpointPorts ?? [])
    .filter(({ publishMode }) => publishMode === 'host')
    .map((port) => {
      const bound = ports.find(
        ({ containerPort, protocol }) => containerPort === port.targetPort && protocol === port.protocol,
      );
      return bound === undefined ? port : { ...port, publishedPort: bound.hostPort };
    });
}

/** Takes one task of this node from step to step, as {@link nextStep} decides. */
export class TaskRunner {
  readonly id: string;
  readonly #ports: RunnerPorts;
  readonly #log: Logger;
  #task: Task;
  #status: TaskStatus;
  #container: ObservedContainer;
  #isWanted = true;
  #isStopping = false;
  #isRunning = false;
  #isPoked = false;
  #isClosed = false;
  #cancelRetry: () => void = () => undefined;

  constructor(
    ports: RunnerPorts,
    options: { readonly task: Task; readonly status: TaskStatus; readonly container: ObservedContainer },
  ) {
    this.#ports = ports;
    this.id = options.task.id;
    this.#task = options.task;
    this.#status = options.status;
    this.#container = options.container;
    this.#log = ports.log.child({
      taskId: options.task.id,
      serviceId: options.task.serviceId,
      ...(options.task.requestId === undefined ? {} : { requestId: options.task.requestId }),
    });
    if (options.container.kind === 'running') {
      this.#watch(options.container.id);
    }
  }

  get task(): Task {
    return this.#task;
  }

  get status(): TaskStatus {
    return this.#status;
  }

  get containerId(): string | undefined {
    return this.#container.kind === 'none' ? undefined : this.#container.id;
  }

  /** The assignment is new or changed. */
  assign(task: Task): void {
    this.#task = task;
    this.#isWanted = true;
    this.poke();
  }

  /** The assignment is gone: stop and delete. */
  unassign(): void {
    this.#isWanted = false;
    this.poke();
  }

  /** The health of the container changed. */
  healthChanged(health: 'none' | 'starting' | 'healthy' | 'unhealthy'): void {
    if (this.#container.kind === 'running' && this.#container.health !== health) {
      this.#container = { ...this.#container, health };
      this.poke();
    }
  }

  /** Looks again what is to be done. */
  poke(): void {
    if (this.#isRunning) {
      this.#isPoked = true;
      return;
    }
    if (!this.#isClosed) {
      this.#isRunning = true;
      void this.#run().finally(() => {
        this.#isRunning = false;
        if (this.#isPoked) {
          this.#isPoked = false;
          this.poke();
        }
      });
    }
  }

  /** Lets go of the task; its container stays as it is. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
  }

  #situation(): TaskSituation {
    return {
      task: this.#task,
      isWanted: this.#isWanted,
      status: this.#status,
      container: this.#container,
      isStopping: this.#isStopping,
      nowMs: this.#ports.nowMs(),
    };
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#isPoked = false;
      const step = nextStep(this.#situation());
      if (step.kind === 'wait') {
        return;
      }
      const goesOn = await this.#perform(step);
      if (!goesOn) {
        return;
      }
    }
  }

  /** False when the runner must wait for something before it looks again. */
  async #perform(step: TaskStep): Promise<boolean> {
    switch (step.kind) {
      case 'report':
        this.#report(step.status);
        return true;
      case 'prepare':
        return this.#try('prepare', () => this.#prepare());
      case 'start':
        return this.#try('start', () => this.#start());
      case 'stop':
        this.#stop();
        return false;
      case 'remove':
        return this.#remove();
      case 'forget':
        this.#isClosed = true;
        this.#ports.forgotten(this.id);
        return false;
      case 'wait':
        return false;
      default:
        return assertNever(step, 'task step');
    }
  }

  #report(status: TaskStatus): void {
    this.#log.debug({ from: this.#status.state, to: status.state, err: status.err }, 'task state changed');
    this.#status = status;
    this.#ports.report(this.id, status);
  }

  async #try(step: 'prepare' | 'start', action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (step === 'prepare' && isSwarmError(error, 'unavailable') && error.details['isPayload'] === true) {
        this.#pokeLater(PAYLOAD_RETRY_MS);
        return false;
      }
      const refusal =
        error instanceof SwarmError
          ? error
          : new SwarmError('internal', errorMessage(error), { cause: error });
      if (!isTerminalState(this.#status.state)) {
        this.#log.info({ step, err: refusal.message }, 'task could not be started');
        this.#report(failedStatus(this.#situation(), step, refusal));
      }
      return true;
    }
  }

  async #prepare(): Promise<void> {
    injectedFilesOf(this.#task, this.#ports.payloads());
    await this.#ports.puller.ensure(this.#task.spec.container.image);
    if (this.#isObsolete()) {
      return;
    }
    const config = toContainerConfig(this.#task, this.#ports.node(), this.#ports.payloads());
    const { id } = await this.#ports.starts.run(() => this.#ports.containers.create(config));
    this.#container = { kind: 'created', id };
  }

  async #start(): Promise<void> {
    const { container } = this.#situation();
    if (container.kind !== 'created') {
      return;
    }
    await this.#ports.networkReady();
    const files = injectedFilesOf(this.#task, this.#ports.payloads());
    await this.#ports.starts.run(async () => {
      if (!this.#isObsolete()) {
        await this.#ports.containers.start(container.id, files.length === 0 ? {} : { files });
      }
    });
    if (this.#isObsolete()) {
      // It may or may not run: look.
      this.#container = observe(await this.#ports.containers.inspect(container.id));
    } else {
      await this.#noteStarted(container.id);
    }
    if (this.#container.kind === 'running') {
      this.#watch(container.id);
    }
  }

  async #noteStarted(id: string): Promise<void> {
    const details = await this.#ports.containers.inspect(id);
    this.#container = observe(details);
    const hostPorts = hostPortsOf(this.#task, details.ports);
    if (hostPorts.length > 0) {
      this.#status = { ...this.#status, hostPorts };
    }
  }

  /** Whether the task was called off while something was under way. */
  #isObsolete(): boolean {
    return !this.#isWanted || ['shutdown', 'remove'].includes(this.#task.desiredState);
  }

  /** Follows a running container to its end. */
  #watch(id: string): void {
    this.#ports.containers
      .wait(id, 'not-running')
      .then(({ exitCode, isOomKilled, error }) => {
        this.#container = { kind: 'exited', id, exitCode, isOomKilled, error };
      })
      .catch((error: unknown) => {
        this.#log.debug({ err: errorMessage(error) }, 'container could not be followed');
        this.#container = { kind: 'none' };
      })
      .finally(() => {
        this.poke();
      });
  }

  /** Asks the container to end; its end is noticed by {@link #watch}. */
  #stop(): void {
    const id = this.containerId;
    if (id === undefined) {
      return;
    }
    this.#isStopping = true;
    const timeoutSeconds = Math.ceil(effectiveStopGraceNs(this.#task.spec.container) / 1e9);
    // First the endpoints are out of everybody's maps, then the signal is sent.
    this.#ports
      .networkReady()
      .then(() => this.#withdrawn())
      .then(() => this.#ports.containers.stop(id, { timeoutSeconds }))
      .catch((error: unknown) => {
        this.#log.warn({ err: errorMessage(error) }, 'container could not be stopped');
        this.#isStopping = false;
        this.#pokeLater(REMOVE_RETRY_MS);
      });
  }

  /** This host's maps are done; the other hosts, told at the same time, get a moment for theirs. */
  #withdrawn(): Promise<void> {
    if (this.#task.networks.length === 0) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#ports.timers.after(WITHDRAW_MS, resolve);
    });
  }

  async #remove(): Promise<boolean> {
    const id = this.containerId;
    if (id === undefined) {
      return true;
    }
    try {
      await this.#ports.containers.remove(id, { force: true, removeVolumes: true });
      this.#container = { kind: 'none' };
      return true;
    } catch (error) {
      if (isSwarmError(error, 'not_found')) {
        this.#container = { kind: 'none' };
        return true;
      }
      this.#log.warn({ err: errorMessage(error) }, 'container could not be removed');
      this.#pokeLater(REMOVE_RETRY_MS);
      return false;
    }
  }

  #pokeLater(delayMs: number): void {
    this.#cancelRetry();
    this.#cancelRetry = this.#ports.timers.after(delayMs, () => {
      this.poke();
    });
  }
}
