import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SWARMD = fileURLToPath(new URL('../../../dist/swarmd.mjs', import.meta.url));
const START_DEADLINE_MS = 60_000;

/** Makes a host of a fresh network namespace: loopback, one uplink, a default route. `/run` is its own. */
const HOST_SCRIPT = [
  'ip link set lo up',
  'ip link add up0 type veth peer name up1',
  'ip addr add 10.99.0.1/24 dev up0',
  'ip link set up0 up',
  'ip link set up1 up',
  'ip route add default via 10.99.0.254',
  'mount -t tmpfs tmpfs /run',
  'exec "$@"',
].join('; ');

export interface EngineAnswer {
  readonly status: number;
  readonly text: string;
}

/** One container engine in namespaces of its own, with a registry on 127.0.0.1:5000 beside it. */
export class BenchHost {
  readonly name: string;
  readonly #root: string;
  readonly #socket: string;
  readonly #children: ChildProcess[] = [];

  private constructor(name: string, root: string) {
    this.name = name;
    this.#root = root;
    // Not below /run: that is another one inside.
    this.#socket = join(root, 'run', 'docker.sock');
  }

  /** Starts Skep's engine as it is built. */
  static async skep(root: string, registryConfig: string): Promise<BenchHost> {
    const host = new BenchHost('skep', root);
    await host.#start(
      [process.execPath, SWARMD, `--data-root=${root}/data`, `--run-root=${root}/run`].concat([
        `--cgroup-parent=/${basename(root)}`,
        '--log-level=error',
        '--insecure-registry=127.0.0.1:5000',
      ]),
      registryConfig,
    );
    return host;
  }

  /** Starts Docker's engine as the distribution brings it. */
  static async docker(root: string, registryConfig: string): Promise<BenchHost> {
    const host = new BenchHost('docker', root);
    await host.#start(
      ['dockerd', '-H', `unix://${root}/run/docker.sock`, `--data-root=${root}/data`].concat([
        `--exec-root=${root}/run/exec`,
        '-p',
        `${root}/run/docker.pid`,
        '--storage-driver=overlay2',
        `--cgroup-parent=/${basename(root)}`,
        '--insecure-registry=127.0.0.1:5000',
      ]),
      registryConfig,
    );
    return host;
  }

  async #start(engine: readonly string[], registryConfig: string): Promise<void> {
    await mkdir(join(this.#root, 'run'), { recursive: true });
    const isolated = ['--mount', '--net', '--propagation', 'private', '--', 'sh', '-c', HOST_SCRIPT, 'sh'];
    const daemon = spawn('unshare', [...isolated, ...engine], { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    daemon.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-2000);
    });
    this.#children.push(daemon);
    const deadline = Date.now() + START_DEADLINE_MS;
    while ((await this.call('GET', '/_ping').catch(() => ({ status: 0 }))).status !== 200) {
      if (daemon.exitCode !== null || Date.now() > deadline) {
        throw new Error(`${this.name} does not start: ${complaint}`);
      }
      await delay(50);
    }
    const registry = this.enter(['docker-registry', 'serve', registryConfig]);
    this.#children.push(spawn(registry[0] ?? '', registry.slice(1), { stdio: 'ignore' }));
    const probe = ['busybox', 'wget', '-q', '-O', '/dev/null', 'http://127.0.0.1:5000/v2/'];
    while ((await this.run(this.enter(probe))).code !== 0) {
      await delay(50);
    }
  }

  /** A command line inside the engine's namespaces. */
  enter(argv: readonly string[]): string[] {
    return ['nsenter', '--target', String(this.#children[0]?.pid ?? 0), '--mount', '--net', '--', ...argv];
  }

  /** Runs the docker CLI; the command must succeed. */
  async docker(...args: readonly string[]): Promise<string> {
    const { code, output } = await this.run(['docker', '-H', `unix://${this.#socket}`, ...args]);
    if (code !== 0) {
      throw new Error(`${this.name}: docker ${args.join(' ')} ended with ${String(code)}: ${output}`);
    }
    return output.trim();
  }

  /** Runs a program to its end. */
  run(argv: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
    const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        resolve({ code: code ?? 1, output });
      });
    });
  }

  /** One request to the Engine API. */
  call(method: string, path: string, body?: unknown): Promise<EngineAnswer> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = { host: 'docker', 'content-type': 'application/json', 'content-length': payload.length };
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.#socket, method, path, headers }, (incoming) => {
        let text = '';
        incoming.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        incoming.on('error', reject);
        incoming.on('end', () => {
          resolve({ status: incoming.statusCode ?? 0, text });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }

  /** Resident memory in MB of the engine's own processes, and of what stands beside each container. */
  memory(): { readonly engineMb: number; readonly perContainerMb: number } {
    const engine = ['swarmd.mjs', 'dockerd', 'containerd ', 'containerd-archive'];
    const watchers = ['conmon', 'containerd-shim', 'docker-proxy'];
    let engineMb = 0;
    let watchersMb = 0;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const command = textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
      if (!command.includes(this.#root)) {
        continue;
      }
      // Shared pages are counted in parts, so that sums are true.
      const pss = Number(/^Pss:\s+(\d+)/m.exec(textOf(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1024;
      const program = basename(command.split(' ')[0] ?? '');
      if (watchers.some((name) => program.startsWith(name))) {
        watchersMb += pss;
      } else if (engine.some((name) => command.includes(name)) && program !== 'nsenter') {
        engineMb += pss;
      }
    }
    return { engineMb, perContainerMb: watchersMb };
  }

  /** Removes all containers, ends the engine and takes its files away. */
  async stop(): Promise<void> {
    const ids = (await this.docker('ps', '-aq')).split('\n').filter((id) => id !== '');
    for (let i = 0; i < ids.length; i += 100) {
      await this.docker('rm', '-f', ...ids.slice(i, i + 100));
    }
    for (const child of this.#children.reverse()) {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    for (const hierarchy of ['', ...readdirSync('/sys/fs/cgroup')]) {
      const path = join('/sys/fs/cgroup', hierarchy, basename(this.#root));
      if (existsSync(path)) {
        rmdirSync(path);
      }
    }
    await rm(this.#root, { recursive: true, force: true });
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended between the listing and the reading.
    return '';
  }
}
