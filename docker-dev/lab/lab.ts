import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SwarmError } from '@skep/kernel';

import { remainingCgroups, removeCgroup } from './cgroups.ts';
import { run } from './command.ts';
import { Host } from './host.ts';
import { mustCall } from './local-api.ts';
import {
  CLIENT_ADDRESS,
  HOSTS_MAX,
  LAB_PREFIX,
  REGISTRY,
  SAMPLE_IMAGE,
  hostPaths,
  labPaths,
  namespaceName,
  type LabPaths,
} from './paths.ts';
import { isAlive, signalProcess, waitUntil, type ProcessRecord } from './processes.ts';
import { inClient, pushSample, startRegistry } from './registry.ts';
import { agentArgv, assertPrerequisites } from './program.ts';
import { Switch } from './switch.ts';

const API_PORT = 8377;

export interface UpOptions {
  readonly hosts: number;
  readonly managers: number;
  /** Start the hosts only: no init, no join. */
  readonly isBare: boolean;
  /** Leave the cluster without an administrator, as a new one is. Default: one is made for scripts. */
  readonly isWithoutAdmin?: boolean;
  /** Told what happens, one line each. */
  readonly onProgress?: (line: string) => void;
}

export interface HostReport {
  readonly name: string;
  readonly ip: string;
  readonly netns: string;
  readonly dataRoot: string;
  readonly dockerSocket: string;
  readonly apiSocket: string;
  readonly consoleUrl: string;
  readonly role: 'manager' | 'worker' | 'none';
  readonly state: 'up' | 'off' | 'agent-down';
}

export interface LabReport {
  readonly name: string;
  readonly hosts: readonly HostReport[];
  readonly registry: string;
  readonly sampleImage: string;
  readonly client: { readonly ip: string; readonly netns: string };
  readonly admin: { readonly user: string; readonly passwordFile: string; readonly tokenFile: string };
}

interface LabState {
  readonly hosts: number;
  readonly inits: Record<string, ProcessRecord>;
  readonly registry?: ProcessRecord;
}

/** Many hosts on one machine (design.md 11): real swarmd and manager processes, real kernel, one namespace set each. */
export class Lab {
  readonly paths: LabPaths;
  readonly switch: Switch;
  #hosts: Host[] = [];
  #registry: ProcessRecord | undefined;

  private constructor(name: string) {
    this.paths = labPaths(name);
    this.switch = new Switch(name);
  }

  /**
   * The lab as it was left by an earlier process.
   * @throws SwarmError `failed_precondition` when none is up.
   */
  static open(name = 'lab'): Lab {
    const lab = new Lab(name);
    if (!existsSync(lab.paths.stateFile)) {
      throw new SwarmError(
        'failed_precondition',
        'no lab is up; start one with: npm run lab -- up --hosts 3 --managers 1',
      );
    }
    const state = JSON.parse(readFileSync(lab.paths.stateFile, 'utf8')) as LabState;
    lab.#registry = state.registry;
    lab.#hosts = Array.from({ length: state.hosts }, (_, index) =>
      lab.#newHost(index + 1, state.inits[`h${String(index + 1)}`]),
    );
    return lab;
  }

  /** Starts a lab; what an earlier, broken one left behind under the same name is removed first. */
  static async up(options: UpOptions, name = 'lab'): Promise<Lab> {
    checkSize(options);
    assertPrerequisites();
    const say = options.onProgress ?? (() => undefined);
    if (existsSync(labPaths(name).stateFile)) {
      say('removing the lab that was up before');
      await Lab.open(name).down();
    }
    const lab = new Lab(name);
    await lab.#sweep();
    try {
      await lab.#up(options, say);
    } catch (error) {
      await lab.down({ keepLogs: true });
      throw error;
    }
    return lab;
  }

  async #up(
    { hosts, managers, isBare, isWithoutAdmin = false }: UpOptions,
    say: (line: string) => void,
  ): Promise<void> {
    mkdirSync(this.paths.root, { recursive: true, mode: 0o755 });
    say(`switch ${LAB_PREFIX}.0/24, registry ${REGISTRY}`);
    await this.switch.create();
    this.#save();
    this.#hosts = Array.from({ length: hosts }, (_, index) => this.#newHost(index + 1));
    await Promise.all([this.#startRegistry(), this.#startHosts(say)]);
    say(`sample image ${SAMPLE_IMAGE}`);
    if (!isBare) {
      await this.#form({ managers, isWithoutAdmin }, say);
    }
  }

  async #startHosts(say: (line: string) => void): Promise<void> {
    for (const host of this.#hosts) {
      await host.start();
      this.#save();
      say(`${host.paths.name} up at ${host.paths.address}`);
    }
  }

  async #startRegistry(): Promise<void> {
    this.#registry = await startRegistry(this.paths);
    this.#save();
    await pushSample(this.paths, 'sample', [SAMPLE_IMAGE]);
  }

  /** Makes the hosts one swarm: the first inits, the others join, all must become Ready. */
  async #form(
    { managers, isWithoutAdmin }: { readonly managers: number; readonly isWithoutAdmin: boolean },
    say: (line: string) => void,
  ): Promise<void> {
    const [first, ...others] = this.#hosts;
    if (first === undefined) {
      return;
    }
    await mustCall(first.paths.apiSocket, {
      method: 'POST',
      path: '/local/v1/init',
      body: { advertiseAddr: first.paths.address },
    });
    say(`${first.paths.name} made the swarm`);
    if (!isWithoutAdmin) {
      await this.#makeAdmin(first);
    }
    const tokens = (await mustCall(first.paths.apiSocket, {
      method: 'GET',
      path: '/api/v1/cluster/join-tokens',
    })) as {
      worker: string;
      manager: string;
    };
    // Managers one after another (each changes the quorum), workers side by side.
    const joining = others.map((host, index) => ({
      host,
      token: index + 1 < managers ? tokens.manager : tokens.worker,
    }));
    for (const { host, token } of joining.filter((item) => item.token === tokens.manager)) {
      await this.#join(host, first, token);
      say(`${host.paths.name} joined as manager`);
    }
    await Promise.all(
      joining
        .filter((item) => item.token === tokens.worker)
        .map(async ({ host, token }) => {
          await this.#join(host, first, token);
          say(`${host.paths.name} joined as worker`);
        }),
    );
    await this.waitReady(this.#hosts.length);
    say('all nodes are Ready');
  }

  async #join(host: Host, manager: Host, token: string): Promise<void> {
    await mustCall(host.paths.apiSocket, {
      method: 'POST',
      path: '/local/v1/join',
      body: { remoteAddrs: [`${manager.paths.address}:2377`], token, advertiseAddr: host.paths.address },
    });
  }

  /** Waits until `count` nodes are Ready, and every manager reachable. */
  async waitReady(count: number, timeoutMs = 60_000): Promise<void> {
    await waitUntil(`${String(count)} nodes Ready`, async () => (await this.readyNodes()) >= count, {
      timeoutMs,
      everyMs: 150,
    });
  }

  /** How many nodes the first manager that answers calls Ready. */
  async readyNodes(): Promise<number> {
    for (const host of this.#hosts.filter(({ isUp }) => isUp)) {
      try {
        const list = (await mustCall(host.paths.apiSocket, {
          method: 'GET',
          path: '/api/v1/nodes',
          timeoutMs: 5000,
        })) as NodeList;
        return list.items.filter(
          ({ status, manager }) =>
            status.state === 'ready' && (manager === undefined || manager.reachability === 'reachable'),
        ).length;
      } catch {
        continue; // A worker, or a manager that is just starting: ask the next one.
      }
    }
    return 0;
  }

  /** An administrator for scripts: password and API token in files that only root reads. */
  async #makeAdmin(first: Host): Promise<void> {
    const password = randomBytes(18).toString('base64url');
    await mustCall(first.paths.apiSocket, {
      method: 'POST',
      path: '/api/v1/users',
      body: { name: 'admin', role: 'admin', password },
    });
    const token = (await mustCall(first.paths.apiSocket, {
      method: 'POST',
      path: '/api/v1/tokens',
      body: { name: 'lab', role: 'admin', days: 30 },
    })) as { token: string };
    writeFileSync(this.paths.adminPasswordFile, password, { mode: 0o600 });
    writeFileSync(this.paths.adminTokenFile, token.token, { mode: 0o600 });
  }

  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /**
   * A host by name.
   * @throws SwarmError `not_found` with the names there are.
   */
  host(name: string): Host {
    const found = this.#hosts.find(({ paths }) => paths.name === name);
    if (found === undefined) {
      const names = this.#hosts.map(({ paths }) => paths.name).join(', ');
      throw new SwarmError('not_found', `the lab has no host "${name}"; it has ${names}`);
    }
    return found;
  }

  async start(name: string): Promise<void> {
    await this.host(name).start();
    this.#save();
  }

  async crash(name: string): Promise<void> {
    await this.host(name).crash();
    this.#save();
  }

  /** A command line that runs `argv` in the client's namespace. */
  client(argv: readonly string[]): string[] {
    return [...inClient(this.paths), ...argv];
  }

  async status(): Promise<LabReport> {
    return {
      name: this.paths.name,
      hosts: await Promise.all(this.#hosts.map((host) => this.#report(host))),
      registry: REGISTRY,
      sampleImage: SAMPLE_IMAGE,
      client: { ip: CLIENT_ADDRESS, netns: namespaceName(this.paths.name, 'client') },
      admin: {
        user: 'admin',
        passwordFile: this.paths.adminPasswordFile,
        tokenFile: this.paths.adminTokenFile,
      },
    };
  }

  async #report(host: Host): Promise<HostReport> {
    const { paths } = host;
    const state = !host.isUp ? 'off' : host.agent === undefined ? 'agent-down' : 'up';
    return {
      name: paths.name,
      ip: paths.address,
      netns: paths.netns,
      dataRoot: paths.dataRoot,
      dockerSocket: paths.dockerSocket,
      apiSocket: paths.apiSocket,
      consoleUrl: `https://${paths.address}:${String(API_PORT)}`,
      role: state === 'up' ? await roleOf(paths.apiSocket) : 'none',
      state,
    };
  }

  /** Ends every process of the lab and removes everything it made. */
  async down({ keepLogs = false } = {}): Promise<void> {
    for (const host of this.#hosts) {
      if (host.isUp) {
        host.resume();
      }
      await host.crash();
    }
    if (this.#registry !== undefined) {
      const registry = this.#registry;
      signalProcess(registry, 'SIGKILL');
      await waitUntil('the registry ended', () => !isAlive(registry), { timeoutMs: 5000 });
    }
    await this.#sweep({ keepLogs });
  }

  async #sweep({ keepLogs = false } = {}): Promise<void> {
    await this.switch.remove();
    removeCgroup(this.paths.cgroup);
    rmSync(this.paths.stateFile, { force: true });
    if (keepLogs) {
      return;
    }
    rmSync(this.paths.root, { recursive: true, force: true });
  }

  /** What `down` should have removed and did not: empty when all is well. */
  async leftovers(): Promise<string[]> {
    const netns = await run(['ip', 'netns', 'list']);
    const prefix = namespaceName(this.paths.name, '');
    const namespaces = netns.stdout.split('\n').filter((line) => line.startsWith(prefix));
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(this.paths.root));
    return [
      ...namespaces,
      ...mounts,
      ...remainingCgroups(this.paths.cgroup),
      ...(existsSync(this.paths.root) ? [this.paths.root] : []),
    ];
  }

  #newHost(number: number, init?: ProcessRecord): Host {
    const paths = hostPaths(this.paths, number);
    return new Host(paths, this.switch, { agentArgv: agentArgv(paths) }, init);
  }

  #save(): void {
    const inits: Record<string, ProcessRecord> = {};
    for (const host of this.#hosts) {
      if (host.init !== undefined) {
        inits[host.paths.name] = host.init;
      }
    }
    const state: LabState = {
      hosts: this.#hosts.length,
      inits,
      ...(this.#registry === undefined ? {} : { registry: this.#registry }),
    };
    const draft = join(this.paths.root, 'lab.json.new');
    writeFileSync(draft, JSON.stringify(state));
    renameSync(draft, this.paths.stateFile);
  }
}

interface NodeList {
  readonly items: readonly {
    readonly status: { readonly state: string };
    readonly manager?: { readonly reachability: string };
  }[];
}

async function roleOf(apiSocket: string): Promise<HostReport['role']> {
  try {
    const info = (await mustCall(apiSocket, { method: 'GET', path: '/local/v1/info', timeoutMs: 5000 })) as {
      role?: 'manager' | 'worker';
    };
    return info.role ?? 'none';
  } catch {
    return 'none';
  }
}

function checkSize({ hosts, managers }: UpOptions): void {
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > HOSTS_MAX) {
    throw new SwarmError('invalid_argument', `--hosts must be 1 to ${String(HOSTS_MAX)}`);
  }
  if (!Number.isInteger(managers) || managers < 1 || managers > hosts) {
    throw new SwarmError('invalid_argument', '--managers must be at least 1 and at most the number of hosts');
  }
}
