import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { SwarmError, newHexId } from '@skep/kernel';
import { publishContainerEvent } from './container-creator.ts';
import { writeControl } from './container-logs.ts';
import type { ContainerEntry } from './container-record.ts';
import { runtimeOf, startFailureExitCode } from './container-starter.ts';
import type { EngineContext } from './engine-context.ts';
import type { ExecApi, ExecConfig, ExecDetails, StartedExec } from './exec-api.ts';
import { buildExecProcess } from './exec-process.ts';
import { executableFault } from './executable-lookup.ts';
import type { OciProcess, OciSpec } from './oci-types.ts';
import { runConmonExec, runPipedExec, type RunningExec } from './runtime/exec-session.ts';
import { readInRoot, statInRoot } from './runtime/system-calls.ts';

const EXECS_MAX = 10_000;
const ENDED_KEPT_MS = 5 * 60_000;
const PASSWD_BYTES_MAX = 1024 * 1024;
const OUTPUT_BYTES_MAX_DEFAULT = 64 * 1024;

interface ExecEntry {
  readonly id: string;
  readonly containerId: string;
  readonly config: ExecConfig;
  status: 'created' | 'running' | 'ended';
  exitCode: number | null;
  pid: number;
  resizeTo: { rows: number; columns: number } | undefined;
}

/** Execs of running containers. They are not kept on disk: an exec ends with its container or is forgotten after it. */
export class ExecManager implements ExecApi {
  readonly #context: EngineContext;
  readonly #execs = new Map<string, ExecEntry>();

  constructor(context: EngineContext) {
    this.#context = context;
  }

  async create(containerRef: string, config: ExecConfig): Promise<string> {
    const container = this.#requireRunning(containerRef);
    if (config.cmd.length === 0) {
      throw new SwarmError('invalid_argument', 'No exec command specified');
    }
    if (this.#execs.size >= EXECS_MAX) {
      throw new SwarmError('resource_exhausted', `there are ${String(EXECS_MAX)} execs already`);
    }
    const id = newHexId(randomBytes);
    this.#execs.set(id, {
      id,
      containerId: container.record.id,
      config,
      status: 'created',
      exitCode: null,
      pid: 0,
      resizeTo: undefined,
    });
    publishContainerEvent(this.#context, container, `exec_create: ${config.cmd.join(' ')}`, { execID: id });
    return Promise.resolve(id);
  }

  async start(
    execId: string,
    options: { readonly rows?: number; readonly columns?: number } = {},
  ): Promise<StartedExec> {
    const exec = this.#claim(execId);
    const { rows, columns } = options;
    const size = rows !== undefined && columns !== undefined ? { rows, columns } : exec.resizeTo;
    return this.#launch(exec, { attach: true, ...(size === undefined ? {} : { size }) });
  }

  async startDetached(execId: string): Promise<void> {
    await this.#launch(this.#claim(execId), { attach: false });
  }

  async resize(execId: string, rows: number, columns: number): Promise<void> {
    const exec = this.#get(execId);
    exec.resizeTo = { rows, columns };
    if (exec.status === 'running' && exec.config.tty === true) {
      await writeControl(join(this.#directory(exec), 'ctl'), `1 ${String(rows)} ${String(columns)}\n`);
    }
  }

  noteDetach(execId: string): void {
    const exec = this.#execs.get(execId);
    const container = exec && this.#context.containers.find(exec.containerId);
    if (container !== undefined) {
      publishContainerEvent(this.#context, container, 'exec_detach', { execID: execId });
    }
  }

  inspect(execId: string): ExecDetails {
    const { id, containerId, config, status, exitCode, pid } = this.#get(execId);
    return {
      id,
      containerId,
      config,
      isRunning: status === 'running',
      exitCode,
      pid: status === 'running' ? pid : 0,
    };
  }

  async run(
    containerRef: string,
    config: ExecConfig,
    options: { readonly timeoutMs?: number; readonly outputBytesMax?: number } = {},
  ): Promise<{ exitCode: number; output: Buffer; isTimedOut: boolean }> {
    const id = await this.create(containerRef, { ...config, tty: false });
    const exec = this.#claim(id);
    const running = await this.#launch(exec, { attach: true });
    const output = new BoundedOutput(options.outputBytesMax ?? OUTPUT_BYTES_MAX_DEFAULT);
    output.take(running.stdout);
    output.take(running.stderr);
    let isTimedOut = false;
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            isTimedOut = true;
            void this.#killProcess(exec);
          }, options.timeoutMs);
    try {
      const exitCode = await running.exitCode;
      return { exitCode, output: output.bytes, isTimedOut };
    } finally {
      clearTimeout(timer);
      running.detach();
      this.#execs.delete(id);
    }
  }

  /** Ids of a container's execs that run or wait to be started. */
  idsOf(containerId: string): readonly string[] {
    return [...this.#execs.values()]
      .filter((exec) => exec.containerId === containerId && exec.status !== 'ended')
      .map((exec) => exec.id);
  }

  /** The container has ended, and all its execs with it. */
  containerEnded(containerId: string): void {
    for (const exec of [...this.#execs.values()]) {
      if (exec.containerId === containerId && exec.status === 'created') {
        this.#execs.delete(exec.id);
      }
    }
  }

  #get(execId: string): ExecEntry {
    const exec =
      this.#execs.get(execId) ??
      [...this.#execs.values()].find((each) => execId.length >= 12 && each.id.startsWith(execId));
    if (exec === undefined) {
      throw new SwarmError('not_found', `No such exec instance: ${execId}`);
    }
    return exec;
  }

  #claim(execId: string): ExecEntry {
    const exec = this.#get(execId);
    if (exec.status !== 'created') {
      const what = exec.status === 'running' ? 'already running' : 'has already run';
      throw new SwarmError('failed_precondition', `exec command ${execId} is ${what}`, {
        details: { dockerStatus: 409 },
      });
    }
    this.#requireRunning(exec.containerId);
    exec.status = 'running';
    return exec;
  }

  async #launch(
    exec: ExecEntry,
    how: { readonly attach: boolean; readonly size?: { rows: number; columns: number } },
  ): Promise<RunningExec> {
    const container = this.#requireRunning(exec.containerId);
    const tty = exec.config.tty ?? false;
    try {
      const request = {
        conmonPath: this.#context.conmonPath,
        runtime: runtimeOf(this.#context, container.record),
        containerId: exec.containerId,
        execId: exec.id,
        directory: this.#directory(exec),
        process: JSON.stringify(await this.#process(exec, container, how.size)),
        wantsStdin: (exec.config.attachStdin ?? false) && how.attach,
        tty,
      };
      const usesConmon = tty || !how.attach;
      const running = usesConmon
        ? await runConmonExec(request, how.attach, () => undefined)
        : await runPipedExec(request);
      exec.pid = running.pid;
      publishContainerEvent(this.#context, container, `exec_start: ${exec.config.cmd.join(' ')}`, {
        execID: exec.id,
      });
      void running.exitCode.then((exitCode) => {
        this.#ended(exec, container, exitCode);
      });
      return running;
    } catch (error: unknown) {
      const exitCode = startFailureExitCode(error);
      this.#ended(exec, container, exitCode === 127 ? exitCode : 126);
      throw error;
    }
  }

  #ended(exec: ExecEntry, container: ContainerEntry, exitCode: number): void {
    exec.status = 'ended';
    exec.exitCode = exitCode;
    publishContainerEvent(this.#context, container, 'exec_die', {
      execID: exec.id,
      exitCode: String(exitCode),
    });
    const timer = setTimeout(() => {
      this.#execs.delete(exec.id);
    }, ENDED_KEPT_MS);
    timer.unref();
  }

  async #process(
    exec: ExecEntry,
    container: ContainerEntry,
    size: { rows: number; columns: number } | undefined,
  ): Promise<OciProcess> {
    const { bundle } = this.#context.paths.container(exec.containerId);
    const spec = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8')) as OciSpec;
    const root = `/proc/${String(container.record.state.pid)}/root`;
    const needsUsers = exec.config.user !== undefined && exec.config.user !== '';
    const built = buildExecProcess({
      config: exec.config,
      container: spec.process,
      users: {
        passwd: needsUsers ? readInRoot(root, '/etc/passwd', PASSWD_BYTES_MAX) : '',
        group: needsUsers ? readInRoot(root, '/etc/group', PASSWD_BYTES_MAX) : '',
      },
      availableCapabilities: this.#context.availableCapabilities,
      ...(size === undefined ? {} : { consoleSize: size }),
    });
    if (!built.ok) {
      throw built.error;
    }
    const { args, env, cwd } = built.value;
    const fault = executableFault({
      args,
      env,
      cwd,
      find: (path) => {
        const stats = statInRoot(root, path);
        return stats && { isDirectory: stats.isDirectory(), mode: stats.mode };
      },
    });
    if (fault !== undefined) {
      throw fault;
    }
    return built.value;
  }

  #requireRunning(ref: string): ContainerEntry {
    const entry = this.#context.containers.resolve(ref);
    const { status } = entry.record.state;
    if (status !== 'running') {
      const what = status === 'paused' ? 'is paused, unpause the container before exec' : 'is not running';
      throw new SwarmError('failed_precondition', `container ${entry.record.id} ${what}`, {
        details: { dockerStatus: 409 },
      });
    }
    return entry;
  }

  /** Kills the process inside the container, whose pid the runtime wrote down. */
  async #killProcess(exec: ExecEntry): Promise<void> {
    const text = await readFile(join(this.#directory(exec), 'pid'), 'utf8').catch(() => '');
    const pid = Number.parseInt(text, 10);
    if (pid > 0) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (err: unknown) {
        this.#context.log.debug({ err, execId: exec.id }, 'an exec ended before it could be killed');
      }
    }
  }

  #directory(exec: ExecEntry): string {
    return join(this.#context.paths.execs, exec.id);
  }
}

/** The first bytes of several streams together; the rest is read and dropped. */
class BoundedOutput {
  readonly #bytesMax: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  take(stream: Readable | null): void {
    stream?.on('data', (chunk: Buffer) => {
      const kept = chunk.subarray(0, Math.max(0, this.#bytesMax - this.#size));
      this.#size += kept.length;
      if (kept.length > 0) {
        this.#chunks.push(kept);
      }
    });
  }
}
