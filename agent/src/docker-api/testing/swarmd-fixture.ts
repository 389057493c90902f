import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { buildArchive, buildBusyboxImage } from '@skep/oci';

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));
const START_DEADLINE_MS = 60_000;

/** Lines of a shell that make a host of a fresh network namespace: loopback, one uplink, a default route. */
const NETWORK = [
  'ip link set lo up',
  'ip link add up0 type veth peer name up1',
  'ip addr add 10.99.0.1/24 dev up0',
  'ip link set up0 up',
  'ip link set up1 up',
  'ip route add default via 10.99.0.254',
].join('; ');

export interface SwarmdFixtureOptions {
  /** Accounts that are made are made in a copy of /etc that only this swarmd sees. */
  readonly hasOwnEtc?: boolean;
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly input?: string | Buffer;
  readonly timeoutMs?: number;
  readonly directory?: string;
}

/** Whether the docker CLI is installed; its tests are skipped where it is not. */
export function hasDockerCli(): boolean {
  return spawnSync('docker', ['--version']).status === 0;
}

/**
 * The real swarmd in namespaces of its own, without a manager, and the docker CLI that speaks to it. The namespaces are
 * held by a process of the fixture, so that swarmd can be killed and started again on the same host.
 */
export class SwarmdFixture {
  readonly root: string;
  readonly #holder: ChildProcess;
  readonly #cgroup: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(root: string, flags: readonly string[], options: SwarmdFixtureOptions) {
    this.root = root;
    this.#cgroup = `/${basename(root)}`;
    this.#flags = flags;
    const layers = `lowerdir=/etc,upperdir=${root}/etc/upper,workdir=${root}/etc/work`;
    const ownEtc = `mkdir -p ${root}/etc/upper ${root}/etc/work; mount -t overlay overlay -o ${layers} /etc; `;
    const script = `${options.hasOwnEtc === true ? ownEtc : ''}${NETWORK}; echo ready; exec cat`;
    this.#holder = spawn('unshare', ['--mount', '--net', '--', 'sh', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  /** `flags` are further arguments of swarmd, made from the folder of the fixture. */
  static async start(
    flags: (root: string) => readonly string[] = () => [],
    options: SwarmdFixtureOptions = {},
  ): Promise<SwarmdFixture> {
    const root = await mkdtemp('/tmp/skep-dockerd-');
    // A remapped root must be able to pass.
    await chmod(root, 0o711);
    const fixture = new SwarmdFixture(root, flags(root), options);
    await new Promise((resolve, reject) => {
      fixture.#holder.stdout?.once('data', resolve);
      fixture.#holder.once('close', () => {
        reject(new Error('the namespaces of the host could not be made'));
      });
    });
    await fixture.startDaemon();
    const archive = join(fixture.root, 'busybox.tar');
    await writeFile(archive, buildArchive(buildBusyboxImage({}), ['busybox:latest']));
    const loaded = await fixture.docker(['load', '-i', archive]);
    if (loaded.code !== 0) {
      throw new Error(`docker load failed: ${loaded.stderr}`);
    }
    return fixture;
  }

  /** What a swarmd says that ends at once because of its flags. */
  static async failure(flags: readonly string[]): Promise<string> {
    const root = await mkdtemp('/tmp/skep-dockerd-');
    const roots = [`--data-root=${root}/data`, `--run-root=${root}/run`];
    const swarmd = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, ...roots, ...flags];
    const { stderr } = spawnSync('unshare', ['--mount', '--net', '--', ...swarmd], {
      encoding: 'utf8',
      timeout: START_DEADLINE_MS,
    });
    await rm(root, { recursive: true, force: true });
    return stderr;
  }

  /** Starts swarmd on the state it left, and waits until it answers. */
  async startDaemon(): Promise<void> {
    this.#child = spawn(
      'nsenter',
      [
        ...this.#namespaces(),
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        MAIN,
        `--data-root=${join(this.root, 'data')}`,
        `--run-root=${join(this.root, 'run')}`,
        `--cgroup-parent=${this.#cgroup}`,
        '--hostname=d1',
        '--log-level=warn',
        ...this.#flags,
      ],
      { stdio: ['ignore', 'ignore', process.env['SKEP_TEST_LOG'] === undefined ? 'ignore' : 'inherit'] },
    );
    await this.#untilReady();
  }

  /** Kills swarmd as a crash would: nothing of it is told. */
  async killDaemon(): Promise<void> {
    await this.#end('SIGKILL');
  }

  #namespaces(): string[] {
    return [`--target=${String(this.#holder.pid)}`, '--mount', '--net', '--'];
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill(signal);
      await ended;
    }
  }

  get socketPath(): string {
    return join(this.root, 'run', 'docker.sock');
  }

  async #untilReady(): Promise<void> {
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await this.#answers())) {
      if (Date.now() > deadline || this.#child?.exitCode !== null) {
        throw new Error('swarmd did not come up; run with SKEP_TEST_LOG=1 to see why');
      }
      await delay(50);
    }
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const ping = request({ socketPath: this.socketPath, path: '/_ping', agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      });
      ping.on('error', () => {
        resolve(false);
      });
      ping.end();
    });
  }

  /** Runs the docker CLI. A command that hangs is killed and has no exit code. */
  docker(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return this.client('docker', args, options);
  }

  /** Where clients find the daemon and their configuration. */
  get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      DOCKER_HOST: `unix://${this.socketPath}`,
      DOCKER_CONFIG: join(this.root, 'cli'),
    };
  }

  /** The process of swarmd itself. */
  get pid(): number {
    return Number.parseInt(readFileSync(join(this.root, 'run', 'swarmd.pid'), 'utf8'), 10);
  }

  /** Runs any client of the Docker API, which finds the socket in DOCKER_HOST. */
  client(program: string, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const child = spawn(program, args, {
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
      env: this.environment,
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
    });
    const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        resolve({
          code,
          stdout: Buffer.concat(chunks.stdout).toString('utf8'),
          stderr: Buffer.concat(chunks.stderr).toString('utf8'),
        });
      });
    });
  }

  /** Starts a program on the host of swarmd. */
  inNamespaces(
    program: string,
    args: readonly string[],
  ): { readonly output: () => string; readonly stop: () => Promise<void> } {
    const child = spawn('nsenter', [...this.#namespaces(), program, ...args]);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    return {
      output: () => said,
      stop: async () => {
        child.kill('SIGTERM');
        await ended;
      },
    };
  }

  /** Runs a script of the shell on the host of swarmd and answers what it printed; its exit code does not matter. */
  onHost(script: string): string {
    const made = spawnSync('nsenter', [...this.#namespaces(), 'sh', '-c', script], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    return `${made.stdout}${made.stderr}`.trim();
  }

  /** Answers the text of a POST without a body. */
  post(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { socketPath: this.socketPath, method: 'POST', path, agent: false },
        (answer) => {
          text(answer).then(resolve, reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  /** What a command that must fail says, without the newline at its end. */
  async refused(...args: string[]): Promise<string> {
    const result = await this.docker(args);
    if (result.code === 0) {
      throw new Error(`docker ${args.join(' ')} was not refused: ${result.stdout}`);
    }
    return result.stderr.replace(/\n$/, '');
  }

  /** The standard output of a command that must succeed, without the newline at its end. */
  async ok(...args: string[]): Promise<string> {
    const result = await this.docker(args);
    if (result.code !== 0) {
      throw new Error(`docker ${args.join(' ')} ended with ${String(result.code)}: ${result.stderr}`);
    }
    return result.stdout.replace(/\n$/, '');
  }

  /** Removes every container, ends swarmd and takes its files and cgroups away. */
  async stop(): Promise<void> {
    const ids = (await this.ok('ps', '-aq')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) {
      await this.docker(['rm', '-f', '-v', ...ids]);
    }
    await this.#end('SIGTERM');
    const released = new Promise((resolve) => this.#holder.once('close', resolve));
    this.#holder.stdin?.end();
    await released;
    for (const hierarchy of ['', ...readdirSync('/sys/fs/cgroup')]) {
      const path = join('/sys/fs/cgroup', hierarchy, this.#cgroup);
      if (existsSync(path)) {
        rmdirSync(path);
      }
    }
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Runs a docker command on a terminal of its own (util-linux `script`), as a person would who types `input`. */
export function onTerminal(fixture: SwarmdFixture, command: string, input = ''): string {
  return execFileSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, DOCKER_HOST: `unix://${fixture.socketPath}` },
    input,
  });
}
