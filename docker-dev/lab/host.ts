import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';

import { SwarmError, errorMessage } from '@skep/kernel';

import { removeCgroup } from './cgroups.ts';
import { must } from './command.ts';
import { accepts } from './local-api.ts';
import type { HostPaths } from './paths.ts';
import {
  descendantsOf,
  isAlive,
  recordProcess,
  signalProcess,
  waitUntil,
  type ProcessRecord,
} from './processes.ts';
import type { Switch } from './switch.ts';

/**
 * First process of a host: it reaps what is orphaned, as an init does. Killing it ends every process of the host, for
 * the kernel ends a pid namespace with its first process: that is the lab's power switch.
 */
const INIT_SCRIPT = [
  'set -e',
  'mount --make-rprivate /',
  'mount -t proc proc /proc',
  'hostname "$1"',
  // Handles of the other members' networks would keep those alive after a crash.
  'for handle in /run/netns/*; do umount -l "$handle" 2>/dev/null || true; done',
  'echo ready',
  'trap "exit 0" TERM',
  'while :; do sleep 2147483 & wait $! || true; done',
].join('\n');

export interface HostCommands {
  /** Command line of swarmd for this host. */
  readonly agentArgv: readonly string[];
}

/** One host of the lab: namespaces of its own for network, mounts, processes and host name. */
export class Host {
  readonly paths: HostPaths;
  readonly #switch: Switch;
  readonly #commands: HostCommands;
  #init: ProcessRecord | undefined;

  constructor(paths: HostPaths, network: Switch, commands: HostCommands, init?: ProcessRecord) {
    this.paths = paths;
    this.#switch = network;
    this.#commands = commands;
    this.#init = init;
  }

  /** The host's first process, to be kept in the lab's state. */
  get init(): ProcessRecord | undefined {
    return this.#init;
  }

  get isUp(): boolean {
    return this.#init !== undefined && isAlive(this.#init);
  }

  /** Switches the host on: namespaces, cable, swarmd. What is on its disk stays from before. */
  async start(): Promise<void> {
    if (!this.isUp) {
      await this.#switch.disconnect(this.paths.name);
      await this.#switch.connect(this.paths.name, this.paths.address);
      rmSync(this.paths.runRoot, { recursive: true, force: true });
      mkdirSync(this.paths.runRoot, { recursive: true });
      mkdirSync(this.paths.dataRoot, { recursive: true });
      this.#init = await this.#startInit();
    }
    await this.startAgent();
  }

  async #startInit(): Promise<ProcessRecord> {
    // Not `ip netns exec`: it remounts /sys and hides the cgroup mounts.
    const network = `--net=/run/netns/${this.paths.netns}`;
    const unshare = [
      'unshare',
      '--mount',
      '--uts',
      '--pid',
      '--fork',
      '--kill-child=SIGKILL',
      '--propagation',
      'private',
    ];
    const child = spawn(
      'nsenter',
      [network, ...unshare, 'bash', '-c', INIT_SCRIPT, 'skeplab-init', this.paths.name],
      { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    const complaint: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => complaint.push(chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('error', reject);
      child.once('exit', (code) => {
        reject(
          new SwarmError(
            'internal',
            `host ${this.paths.name} did not start (${String(code)}): ${complaint.join('')}`,
          ),
        );
      });
    });
    child.stdout.destroy();
    child.stderr.destroy();
    child.unref();
    // The child is unshare; the namespace's first process is its only child.
    const first = descendantsOf(child.pid ?? 0)[0];
    if (first === undefined) {
      throw new SwarmError('internal', `host ${this.paths.name} ended as it started`);
    }
    return recordProcess(first);
  }

  /** Starts swarmd when it does not run, and waits until it answers. */
  async startAgent(): Promise<void> {
    if (this.agent !== undefined) {
      return;
    }
    const log = openSync(this.paths.agentLog, 'a');
    try {
      // The shell ends at once, so that swarmd becomes a child of the host's first process.
      const script = '"$@" & echo $!';
      const child = spawn(
        'nsenter',
        [...this.#enter(), 'sh', '-c', script, 'sh', ...this.#commands.agentArgv],
        {
          stdio: ['ignore', 'ignore', log],
          detached: true,
        },
      );
      await new Promise<void>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', () => resolve());
      });
    } finally {
      closeSync(log);
    }
    await waitUntil(
      `swarmd on ${this.paths.name}`,
      async () => this.agent !== undefined && (await accepts(this.paths.apiSocket)),
      { timeoutMs: 20_000 },
    ).catch((error: unknown) => {
      throw new SwarmError('unavailable', `${errorMessage(error)}; see ${this.paths.agentLog}`);
    });
  }

  /** swarmd's process as the machine sees it. */
  get agent(): ProcessRecord | undefined {
    return this.#processOf(this.paths.agentPidFile);
  }

  /** The manager's process as the machine sees it. */
  get manager(): ProcessRecord | undefined {
    return this.#processOf(this.paths.managerPidFile);
  }

  /** Pid files hold the pid inside the host's namespace; the machine's own is found through NSpid. */
  #processOf(pidFile: string): ProcessRecord | undefined {
    if (this.#init === undefined || !this.isUp || !existsSync(pidFile)) {
      return undefined;
    }
    const inner = readFileSync(pidFile, 'utf8').trim().split(/\s/)[0];
    for (const pid of descendantsOf(this.#init.pid)) {
      const record = recordProcess(pid);
      if (innerPid(pid) === inner && isAlive(record)) {
        return record;
      }
    }
    return undefined;
  }

  async killAgent(): Promise<void> {
    await this.#kill(this.agent, 'swarmd');
  }

  async killManager(): Promise<void> {
    await this.#kill(this.manager, 'manager');
  }

  async #kill(target: ProcessRecord | undefined, what: string): Promise<void> {
    if (target === undefined) {
      throw new SwarmError('failed_precondition', `no ${what} runs on ${this.paths.name}`);
    }
    signalProcess(target, 'SIGKILL');
    await waitUntil(`${what} on ${this.paths.name} ended`, () => !isAlive(target), { timeoutMs: 5000 });
  }

  /** Power loss: every process ends at once, links and packet filters are gone, the disk stays as it is. */
  async crash(): Promise<void> {
    const init = this.#init;
    // The cable first: a host without power does not say goodbye on its connections, as the kernel would for it here.
    await this.#switch.unplug(this.paths.name);
    if (init !== undefined && isAlive(init)) {
      const below = descendantsOf(init.pid).map(recordProcess);
      signalProcess(init, 'SIGKILL');
      await waitUntil(`host ${this.paths.name} off`, () => !isAlive(init) && !below.some(isAlive), {
        timeoutMs: 15_000,
      });
    }
    this.#init = undefined;
    await this.#switch.disconnect(this.paths.name);
    removeCgroup(this.paths.cgroup);
  }

  /** Stops every process of the host with SIGSTOP: it is there, but does not answer. */
  pause(): void {
    this.#signalAll('SIGSTOP');
  }

  resume(): void {
    this.#signalAll('SIGCONT');
  }

  #signalAll(signal: NodeJS.Signals): void {
    if (this.#init === undefined || !this.isUp) {
      throw new SwarmError('failed_precondition', `host ${this.paths.name} is off`);
    }
    for (const pid of descendantsOf(this.#init.pid)) {
      signalProcess(recordProcess(pid), signal);
    }
  }

  /** A command line that runs `argv` inside the host's namespaces. */
  enter(argv: readonly string[]): string[] {
    if (!this.isUp) {
      throw new SwarmError('failed_precondition', `host ${this.paths.name} is off; start it first`);
    }
    return ['nsenter', ...this.#enter(), ...argv];
  }

  #enter(): string[] {
    return ['--target', String(this.#init?.pid ?? 0), '--mount', '--uts', '--pid', '--net', '--wd=/'];
  }

  /** What the host's disk holds, in bytes. */
  async diskBytes(): Promise<number> {
    return Number((await must(['du', '-sb', this.paths.dataRoot])).split('\t')[0]);
  }
}

function innerPid(pid: number): string | undefined {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
    return /^NSpid:\s+\d+\s+(\d+)$/m.exec(status)?.[1];
  } catch {
    return undefined;
  }
}
