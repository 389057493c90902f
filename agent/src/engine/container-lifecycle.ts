import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError, errorMessage } from '@skep/kernel';
import type { ExitStatus } from './container-api.ts';
import type { InjectedFile } from './container-config.ts';
import { publishContainerEvent } from './container-creator.ts';
import { storeFiles } from './container-files.ts';
import { isAlive, type ContainerEntry } from './container-record.ts';
import { createProcess, cgroupsPathOf, letGo, startFailureExitCode, teardown } from './container-starter.ts';
import type { EngineContext } from './engine-context.ts';
import { ExitWaiters } from './exit-waiters.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import { publishNetworkEvents } from './network-events.ts';
import { decideRestart } from './restart-decision.ts';
import { processStartTicks, setFrozen } from './runtime/oci-runtime.ts';
import { parseSignal } from './signals.ts';
import { limitConcurrency, type Limiter } from './limit-concurrency.ts';

const STARTS_MAX = 6;
const KILL_DEADLINE_MS = 15_000;
const STOP_TIMEOUT_SECONDS_DEFAULT = 10;
const SIGKILL = 9;

/** Who wants to know when containers start and end. */
export interface LifecycleListener {
  /** The process exists and waits: the last moment to attach without missing output. */
  created(entry: ContainerEntry): Promise<void> | void;
  started(entry: ContainerEntry): void;
  ended(entry: ContainerEntry): void;
}

/**
 * Starts, stops and removes containers, and deals with their ends. All changes of one container happen one after
 * another; nobody waits for a process to end while holding others up.
 */
export class ContainerLifecycle {
  readonly waiters = new ExitWaiters();
  readonly #context: EngineContext;
  readonly #listeners: LifecycleListener[] = [];
  readonly #mutex = new KeyedMutex();
  readonly #limitStarts: Limiter = limitConcurrency(STARTS_MAX);
  readonly #restartTimers = new Map<string, NodeJS.Timeout>();
  readonly #backoffs = new Map<string, number>();
  readonly #pins = new Map<string, () => void>();
  #isClosed = false;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  listen(listener: LifecycleListener): void {
    this.#listeners.push(listener);
  }

  /** Keeps the image layers of a container from being collected as long as it exists. */
  hold(entry: ContainerEntry): void {
    this.#pins.set(entry.record.id, this.#context.images.pin(entry.record.chainIds));
  }

  /** Runs work on a container when no other change of it is under way. */
  exclusive<T>(entry: ContainerEntry, work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(entry.record.id, work);
  }

  /** Starts a container that does not run; false when it runs. */
  async start(entry: ContainerEntry, files?: readonly InjectedFile[]): Promise<boolean> {
    this.#cancelRestart(entry);
    return this.exclusive(entry, async () => {
      const { status } = entry.record.state;
      if (status === 'paused') {
        throw conflict('cannot start a paused container, try unpause instead');
      }
      if (status === 'removing' || status === 'dead') {
        throw conflict('container is marked for removal and cannot be started');
      }
      if (status === 'running') {
        return false;
      }
      if (files !== undefined) {
        const { id, idMap } = entry.record;
        const records = storeFiles(this.#context.paths.container(id), files, idMap);
        entry.record = { ...entry.record, files: records };
      }
      await this.#startNow(entry, 0);
      return true;
    });
  }

  /** Sends the stop signal, waits, then kills. False when the container did not run. */
  async stop(
    entry: ContainerEntry,
    options: { readonly signal?: string; readonly timeoutSeconds?: number } = {},
  ): Promise<boolean> {
    const { record } = entry;
    if (record.state.status === 'restarting') {
      await this.#stopRestarting(entry);
      return true;
    }
    if (!isAlive(record.state.status)) {
      return false;
    }
    const signal = parseSignal(options.signal ?? record.effective.stopSignal);
    if (!signal.ok) {
      throw signal.error;
    }
    const seconds =
      options.timeoutSeconds ?? record.config.stopTimeoutSeconds ?? STOP_TIMEOUT_SECONDS_DEFAULT;
    await this.#context.containers.updateState(entry, { isStoppedByUser: true });
    const ended = this.waiters.wait(record.id, ['exit', 'removed']);
    ended.catch(() => undefined);
    if (!isAlive(entry.record.state.status)) {
      return true;
    }
    publishContainerEvent(this.#context, entry, 'kill', { signal: String(signal.value) });
    await this.#signal(entry, signal.value);
    if (entry.record.state.status === 'paused') {
      await this.#thaw(entry);
    }
    const isEnded = seconds < 0 ? (await ended, true) : await settlesWithin(ended, seconds * 1000);
    if (!isEnded) {
      await this.#killAndWait(entry, ended);
    }
    publishContainerEvent(this.#context, entry, 'stop');
    return true;
  }

  /** Sends a signal. `failed_precondition` (Docker status 409) when the container does not run. */
  async kill(entry: ContainerEntry, signalText = 'SIGKILL'): Promise<void> {
    const signal = parseSignal(signalText);
    if (!signal.ok) {
      throw signal.error;
    }
    const { record } = entry;
    if (record.state.status === 'restarting') {
      await this.#stopRestarting(entry);
      return;
    }
    if (!isAlive(record.state.status)) {
      throw conflict(`cannot kill container: ${record.id}: container ${record.id} is not running`);
    }
    if (signal.value === SIGKILL) {
      await this.#context.containers.updateState(entry, { isStoppedByUser: true });
    }
    await this.#signal(entry, signal.value);
    publishContainerEvent(this.#context, entry, 'kill', { signal: String(signal.value) });
    if (signal.value === SIGKILL && entry.record.state.status === 'paused') {
      await this.#thaw(entry);
    }
  }

  async pause(entry: ContainerEntry): Promise<void> {
    await this.exclusive(entry, async () => {
      const { id, state } = entry.record;
      if (state.status !== 'running') {
        throw conflict(`Container ${id} is ${state.status === 'paused' ? 'already paused' : 'not running'}`);
      }
      await setFrozen(this.#context.cgroups, cgroupsPathOf(this.#context, entry.record), true);
      await this.#context.containers.updateState(entry, { status: 'paused' });
      publishContainerEvent(this.#context, entry, 'pause');
    });
  }

  async unpause(entry: ContainerEntry): Promise<void> {
    await this.exclusive(entry, async () => {
      const { id, state } = entry.record;
      if (state.status !== 'paused') {
        throw conflict(`container ${id} is not paused`);
      }
      await setFrozen(this.#context.cgroups, cgroupsPathOf(this.#context, entry.record), false);
      await this.#context.containers.updateState(entry, { status: 'running' });
      publishContainerEvent(this.#context, entry, 'unpause');
    });
  }

  /** Removes a container with its files; a running one only by force. */
  async remove(
    entry: ContainerEntry,
    options: { readonly force?: boolean; readonly removeVolumes?: boolean } = {},
  ): Promise<void> {
    const { id } = entry.record;
    this.#cancelRestart(entry);
    if (isAlive(entry.record.state.status)) {
      if (options.force !== true) {
        const what = entry.record.state.status === 'paused' ? 'paused' : 'running';
        throw conflict(
          `cannot remove container "${entry.record.name}": container is ${what}: ` +
            `${what === 'paused' ? 'unpause and then ' : ''}stop the container before removing or force remove`,
        );
      }
      await this.#context.containers.updateState(entry, { isStoppedByUser: true });
      const ended = this.waiters.wait(id, ['exit', 'removed']);
      ended.catch(() => undefined);
      if (isAlive(entry.record.state.status)) {
        await this.#killAndWait(entry, ended);
      }
    }
    await this.exclusive(entry, async () => {
      if (this.#context.containers.find(id) !== undefined) {
        await this.#removeNow(entry, options.removeVolumes ?? false);
      }
    });
  }

  /** Deals with the end of a container's process, if it has ended. Safe to be called at any time. */
  async noticeExit(containerId: string): Promise<void> {
    const entry = this.#context.containers.find(containerId);
    if (entry === undefined || this.#isClosed) {
      await this.#context.exits.forget(containerId);
      return;
    }
    await this.exclusive(entry, async () => {
      if (!isAlive(entry.record.state.status)) {
        return;
      }
      const exit = await this.#context.exits.read(containerId);
      if (exit !== undefined) {
        await this.#finish(entry, exit.exitCode, exit.finishedAtMs);
      }
    });
  }

  /** Records an end that nobody wrote down (conmon was killed); the exit code is that of SIGKILL. */
  async declareLost(entry: ContainerEntry): Promise<void> {
    await this.exclusive(entry, async () => {
      if (!isAlive(entry.record.state.status)) {
        return;
      }
      const exit = await this.#context.exits.read(entry.record.id);
      await this.#finish(entry, exit?.exitCode ?? 137, exit?.finishedAtMs ?? Date.now());
    });
  }

  /** Takes over a container that runs since before this process. */
  adopted(entry: ContainerEntry): void {
    for (const listener of this.#listeners) {
      listener.started(entry);
    }
  }

  /** Starts a container after the pause that its restart policy asks for. */
  scheduleRestart(entry: ContainerEntry, backoffMs: number): void {
    const { id } = entry.record;
    this.#backoffs.set(id, backoffMs);
    const timer = setTimeout(() => {
      this.#restartTimers.delete(id);
      this.exclusive(entry, async () => {
        if (entry.record.state.status === 'restarting' && !this.#isClosed) {
          await this.#startNow(entry, entry.record.state.restartCount + 1);
        }
      }).catch((err: unknown) => {
        this.#context.log.warn({ err, containerId: id }, 'restarting a container failed');
      });
    }, backoffMs);
    timer.unref();
    this.#restartTimers.set(id, timer);
  }

  /** Whether a restart has been scheduled and not begun. */
  isRestartDue(entry: ContainerEntry): boolean {
    return this.#restartTimers.has(entry.record.id);
  }

  /** Stops timers; containers go on. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#restartTimers.values()) {
      clearTimeout(timer);
    }
    this.waiters.close();
  }

  async #startNow(entry: ContainerEntry, restartCount: number): Promise<void> {
    const { containers } = this.#context;
    const startedAtMs = Date.now();
    try {
      await this.#limitStarts(async () => {
        const { pid, pidStartTicks } = await createProcess(this.#context, entry);
        entry.health = null;
        for (const listener of this.#listeners) {
          await listener.created(entry);
        }
        const recorded = containers.updateState(entry, {
          status: 'running',
          pid,
          pidStartTicks,
          startedAtMs,
          finishedAtMs: 0,
          exitCode: 0,
          error: '',
          isOomKilled: false,
          isStoppedByUser: false,
          restartCount,
        });
        await Promise.all([recorded, letGo(this.#context, entry)]);
      });
    } catch (error: unknown) {
      await this.#startFailed(entry, error);
      throw error;
    }
    this.#context.networks?.running?.(entry.record.id, true);
    this.#tellNetworks(entry, 'connect');
    publishContainerEvent(this.#context, entry, 'start');
    for (const listener of this.#listeners) {
      listener.started(entry);
    }
    // It may have ended before its record said that it runs.
    void this.noticeExit(entry.record.id);
  }

  async #startFailed(entry: ContainerEntry, error: unknown): Promise<void> {
    await teardown(this.#context, entry);
    const wasCreated = entry.record.state.startedAtMs === 0;
    await this.#context.containers
      .updateState(entry, {
        status: wasCreated ? 'created' : 'exited',
        pid: 0,
        exitCode: startFailureExitCode(error),
        error: errorMessage(error),
        finishedAtMs: Date.now(),
      })
      .catch((err: unknown) => {
        this.#context.log.error({ err, containerId: entry.record.id }, 'recording a failed start failed');
      });
    for (const listener of this.#listeners) {
      listener.ended(entry);
    }
    if (entry.record.config.autoRemove === true) {
      // Clients of `--rm` wait for the removal, also when nothing ever ran.
      await this.#removeNow(entry, true);
    }
  }

  async #finish(entry: ContainerEntry, exitCode: number, finishedAtMs: number): Promise<void> {
    const { record } = entry;
    const { state } = record;
    const isOomKilled = existsSync(join(this.#context.paths.container(record.id).bundle, 'oom'));
    const restart = decideRestart({
      policy: record.config.restartPolicy ?? { name: 'no' },
      exitCode,
      isStoppedByUser: state.isStoppedByUser,
      restartCount: state.restartCount,
      ranForMs: finishedAtMs - state.startedAtMs,
      lastBackoffMs: this.#backoffs.get(record.id) ?? 0,
    });
    const status = restart === null ? 'exited' : 'restarting';
    const saved = this.#context.containers.updateState(entry, {
      status,
      pid: 0,
      exitCode,
      finishedAtMs,
      isOomKilled,
    });
    if (isOomKilled) {
      publishContainerEvent(this.#context, entry, 'oom');
    }
    publishContainerEvent(this.#context, entry, 'die', {
      exitCode: String(exitCode),
      execDuration: String(Math.max(0, Math.round((finishedAtMs - state.startedAtMs) / 1000))),
    });
    for (const listener of this.#listeners) {
      listener.ended(entry);
    }
    this.#context.networks?.running?.(record.id, false);
    if (restart === null) {
      this.#backoffs.delete(record.id);
      this.waiters.settle(record.id, 'exit', exitStatusOf(entry));
    }
    await Promise.all([saved, teardown(this.#context, entry, { hasEnded: true })]);
    this.#tellNetworks(entry, 'disconnect');
    await this.#context.exits.forget(record.id);
    if (restart !== null) {
      this.scheduleRestart(entry, restart.backoffMs);
    } else if (record.config.autoRemove === true) {
      await this.#removeNow(entry, true);
    }
  }

  #tellNetworks({ record }: ContainerEntry, action: 'connect' | 'disconnect'): void {
    const interfaces = record.network?.prepared.interfaces ?? [];
    publishNetworkEvents(this.#context.events, record, { action, interfaces });
  }

  async #removeNow(entry: ContainerEntry, removeVolumes: boolean): Promise<void> {
    const { record } = entry;
    const { paths } = this.#context;
    const { root, files } = paths.container(record.id);
    await teardown(this.#context, entry);
    const trash = join(paths.scratch, `removed-${record.id}`);
    await mkdir(paths.scratch, { recursive: true });
    await this.#context.containers.remove(entry);
    // From here on everything left belongs to nobody and is collected at the next open at the latest.
    await rename(root, trash).catch(() => undefined);
    await rm(files, { recursive: true, force: true });
    this.#pins.get(record.id)?.();
    this.#pins.delete(record.id);
    this.#backoffs.delete(record.id);
    publishContainerEvent(this.#context, entry, 'destroy');
    this.waiters.settle(record.id, 'removed', exitStatusOf(entry));
    rm(trash, { recursive: true, force: true }).catch((err: unknown) => {
      this.#context.log.warn({ err, containerId: record.id }, 'removing a container left files');
    });
    if (removeVolumes) {
      await this.#removeAnonymousVolumes(entry);
    }
  }

  async #removeAnonymousVolumes(entry: ContainerEntry): Promise<void> {
    for (const mount of entry.record.mounts) {
      if (mount.type === 'volume' && mount.isAnonymous === true && mount.name !== undefined) {
        await this.#context.volumes.remove(mount.name, { force: true }).catch((err: unknown) => {
          this.#context.log.warn({ err, volume: mount.name }, 'an anonymous volume was kept');
        });
      }
    }
  }

  async #killAndWait(entry: ContainerEntry, ended: Promise<unknown>): Promise<void> {
    publishContainerEvent(this.#context, entry, 'kill', { signal: String(SIGKILL) });
    await this.#signal(entry, SIGKILL);
    if (entry.record.state.status === 'paused') {
      await this.#thaw(entry);
    }
    if (!(await settlesWithin(ended, KILL_DEADLINE_MS))) {
      throw new SwarmError(
        'deadline_exceeded',
        `tried to kill container ${entry.record.id}, but did not receive an exit event`,
      );
    }
  }

  /** Signals the container's first process, never another one that has got its number meanwhile. */
  async #signal(entry: ContainerEntry, signal: number): Promise<void> {
    const { pid, pidStartTicks } = entry.record.state;
    if (pid <= 0 || (await processStartTicks(pid)) !== pidStartTicks) {
      return;
    }
    try {
      process.kill(pid, signal);
    } catch (error: unknown) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
        throw error;
      }
    }
  }

  async #thaw(entry: ContainerEntry): Promise<void> {
    await setFrozen(this.#context.cgroups, cgroupsPathOf(this.#context, entry.record), false);
    if (entry.record.state.status === 'paused') {
      await this.#context.containers.updateState(entry, { status: 'running' });
    }
  }

  #cancelRestart(entry: ContainerEntry): void {
    clearTimeout(this.#restartTimers.get(entry.record.id));
    this.#restartTimers.delete(entry.record.id);
  }

  async #stopRestarting(entry: ContainerEntry): Promise<void> {
    this.#cancelRestart(entry);
    await this.exclusive(entry, async () => {
      if (entry.record.state.status === 'restarting') {
        await this.#context.containers.updateState(entry, { status: 'exited', isStoppedByUser: true });
        this.waiters.settle(entry.record.id, 'exit', exitStatusOf(entry));
      }
    });
  }
}

/** How a container ended last. */
export function exitStatusOf(entry: ContainerEntry): ExitStatus {
  const { exitCode, isOomKilled, finishedAtMs, error } = entry.record.state;
  return { exitCode, isOomKilled, finishedAtMs, error };
}

function conflict(message: string): SwarmError {
  return new SwarmError('failed_precondition', message, { details: { dockerStatus: 409 } });
}

async function settlesWithin(promise: Promise<unknown>, durationMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, durationMs);
  });
  try {
    return await Promise.race([promise.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
