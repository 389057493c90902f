import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { newHexId } from '@skep/kernel';

import type { LiveNetwork, NetworkRequest, PreparedNetwork } from '../../engine/network-provider.ts';
import { runChild } from '../child.ts';
import { NetnsDirectory } from '../netns.ts';
import type { HostAnswer, HostCall, HostCommand, HostCommands } from './host-process.ts';

/** Several hosts on one switch, each a network namespace with a network manager in a process of its own. */
export class TestHosts {
  readonly #root = mkdtempSync(join(tmpdir(), 'skep-net-itest-'));
  readonly #netns = new NetnsDirectory(join(this.#root, 'hosts'));
  readonly #hosts: TestHost[] = [];

  /** Makes the switch, `count` hosts (10.88.0.1 and on) and a client (10.88.0.200). */
  static async make(count: number): Promise<TestHosts> {
    const hosts = new TestHosts();
    const lines = ['link add sw type bridge', 'link set sw up'];
    const names = [...Array.from({ length: count }, (_, index) => `h${String(index + 1)}`), 'client'];
    for (const name of names) {
      hosts.#netns.create(name, () => undefined);
      lines.push(
        `link add p${name} type veth peer name eth0 netns ${hosts.#netns.pathOf(name)}`,
        `link set p${name} master sw up`,
      );
    }
    await hosts.#netns.create('switch', () => ip(lines));
    for (const [index, name] of names.entries()) {
      const address = name === 'client' ? '10.88.0.200' : `10.88.0.${String(index + 1)}`;
      await hosts.#netns.enter(name, () => ip([`address add ${address}/24 dev eth0`, 'link set eth0 up']));
      if (name !== 'client') {
        hosts.#hosts.push(new TestHost(hosts.#netns, name, { address, root: join(hosts.#root, name) }));
      }
    }
    return hosts;
  }

  host(number: number): TestHost {
    const host = this.#hosts[number - 1];
    if (host === undefined) {
      throw new Error(`no host ${String(number)}`);
    }
    return host;
  }

  get all(): readonly TestHost[] {
    return this.#hosts;
  }

  /** Runs a command in the client's namespace. */
  client(command: string): Promise<string> {
    return shell(this.#netns, 'client', command);
  }

  async close(): Promise<void> {
    for (const host of this.#hosts) {
      host.kill();
    }
    for (const name of this.#netns.list()) {
      this.#netns.remove(name);
    }
    this.#netns.close();
    rmSync(this.#root, { recursive: true, force: true });
    await Promise.resolve();
  }
}

export interface ContainerInput {
  readonly name: string;
  readonly attachments: NetworkRequest['attachments'];
  readonly taskId?: string;
  readonly publications?: NetworkRequest['publications'];
}

/** One host: its namespace, its manager's process and its containers. */
export class TestHost {
  readonly name: string;
  readonly address: string;
  readonly containers = new Map<string, LiveNetwork>();
  readonly #netns: NetnsDirectory;
  readonly #root: string;
  readonly #programs: ChildProcess[] = [];
  readonly #waiting = new Map<number, (answer: HostAnswer) => void>();
  #process: ChildProcess | undefined;
  #calls = 0;

  constructor(
    netns: NetnsDirectory,
    name: string,
    place: { readonly address: string; readonly root: string },
  ) {
    this.#netns = netns;
    this.name = name;
    this.address = place.address;
    this.#root = place.root;
    mkdirSync(place.root, { recursive: true });
  }

  /** Starts the manager; it takes over the containers that live. */
  async start(): Promise<void> {
    const script = fileURLToPath(new URL('./host-process.ts', import.meta.url));
    const child = this.#netns.enter(this.name, () =>
      fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
    this.#process = child;
    child.on('message', (message) => {
      const answer = message as HostAnswer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    child.on('exit', () => {
      for (const [id, resolve] of this.#waiting) {
        resolve({ id, error: 'host process ended' });
      }
      this.#waiting.clear();
    });
    await this.call('open', { stateDir: join(this.#root, 'data'), runDir: join(this.#root, 'run') });
    await this.call('adopt', [...this.containers.values()]);
  }

  /** SIGKILL of the manager; containers stay. */
  async crash(): Promise<void> {
    const child = this.#process;
    if (child !== undefined) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
  }

  async call<C extends HostCommand>(
    command: C,
    input: Parameters<HostCommands[C]>[0],
  ): Promise<ReturnType<HostCommands[C]>> {
    const child = this.#process;
    if (child === undefined) {
      throw new Error('not started');
    }
    this.#calls += 1;
    const id = this.#calls;
    const answer = new Promise<HostAnswer>((resolve) => this.#waiting.set(id, resolve));
    child.send({ id, command, input } satisfies HostCall);
    const { value, error } = await answer;
    if (error !== undefined) {
      throw new Error(error);
    }
    return value as ReturnType<HostCommands[C]>;
  }

  /** Makes a container's network and says that it runs. */
  async run(input: ContainerInput): Promise<{ readonly id: string; readonly prepared: PreparedNetwork }> {
    const id = newHexId(randomBytes);
    const request: NetworkRequest = {
      containerId: id,
      containerName: input.name,
      hostname: input.name,
      mode: input.attachments[0]?.network ?? 'bridge',
      attachments: input.attachments,
      publications: input.publications ?? [],
      publishAllPorts: false,
      exposedPorts: [],
      dns: {},
      labels: input.taskId === undefined ? {} : { 'com.docker.swarm.task.id': input.taskId },
      sysctls: {},
    };
    const prepared = await this.call('prepare', request);
    this.containers.set(id, { request, prepared, pid: 0 });
    await this.call('running', { containerId: id, isRunning: true });
    return { id, prepared };
  }

  async remove(containerId: string): Promise<void> {
    this.containers.delete(containerId);
    await this.call('release', containerId);
  }

  /** Runs a shell command in a container's namespace. */
  inside(containerId: string, command: string): Promise<string> {
    return shell(this.#containerNetns(), containerId, command);
  }

  /** Runs a shell command in the host's namespace. */
  shell(command: string): Promise<string> {
    return shell(this.#netns, this.name, command);
  }

  /** Starts a program in a container that runs until the test ends. */
  serve(containerId: string, command: string, args: readonly string[]): void {
    const child = this.#containerNetns().enter(containerId, () =>
      spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    this.#programs.push(child);
  }

  /** As {@link serve}, in the host's own namespace. */
  serveOnHost(command: string, args: readonly string[]): void {
    this.#programs.push(
      this.#netns.enter(this.name, () => spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })),
    );
  }

  kill(): void {
    for (const program of this.#programs) {
      program.kill('SIGKILL');
    }
    this.#process?.kill('SIGKILL');
    const netns = this.#containerNetns();
    for (const name of netns.list()) {
      netns.remove(name);
    }
    netns.close();
  }

  #containers: NetnsDirectory | undefined;

  #containerNetns(): NetnsDirectory {
    this.#containers ??= new NetnsDirectory(join(this.#root, 'run', 'netns'));
    return this.#containers;
  }
}

async function shell(netns: NetnsDirectory, name: string, command: string): Promise<string> {
  const result = await netns.enter(name, () => runChild({ command: 'sh', args: ['-c', command] }));
  return `${result.stdout}${result.stderr}`.trim();
}

async function ip(lines: readonly string[]): Promise<void> {
  const result = await runChild({ command: 'ip', args: ['-batch', '-'], input: `${lines.join('\n')}\n` });
  if (result.exitCode !== 0) {
    throw new Error(result.stderr);
  }
}
