import { SwarmError } from '@skep/kernel';
import type { ClusterView, SecretView, ServiceView } from '@skep/contract';
import {
  defaultClusterSpec,
  type Network,
  type NetworkSpec,
  type Node,
  type NodeSpec,
  type ServiceSpec,
  type Task,
} from '@skep/model';

import type {
  ConfigEntry,
  NewPayload,
  SwarmGateway,
  SwarmLogLine,
  SwarmLogOptions,
  TaskSelection,
} from '../swarm-gateway.ts';

interface Stored {
  readonly id: string;
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly spec: { readonly name?: string | undefined };
}

/** A cluster in memory with the managers' manners: versions, unique names, references by id, name or prefix. */
export class FakeSwarm implements SwarmGateway {
  readonly nodes = new Map<string, Node>();
  readonly services = new Map<string, ServiceView>();
  readonly tasks = new Map<string, Task>();
  readonly networks = new Map<string, Network>();
  readonly secrets = new Map<string, SecretView>();
  readonly configs = new Map<string, ConfigEntry>();
  readonly payloads = new Map<string, Uint8Array>();
  logLines: SwarmLogLine[] = [];
  lastLogOptions: SwarmLogOptions | undefined;
  /** Thrown by every call while it is set. */
  failure: SwarmError | undefined;
  tokens = { worker: 'SWMTKN-1-w', manager: 'SWMTKN-1-m' };
  #index = 10;
  #ids = 0;
  #cluster: ClusterView;

  constructor(certificatePem = 'PEM') {
    this.#cluster = {
      ...this.#meta(),
      spec: defaultClusterSpec(),
      ca: { certificatePem, fingerprint: 'sha256:x' },
      addressPools: ['10.0.0.0/8'],
      subnetPrefixLength: 24,
      dataPathPort: 4789,
    };
    const node: Node = {
      ...this.#meta('node1'),
      spec: { role: 'manager', availability: 'active' },
      description: {
        hostname: 'h1',
        platform: { architecture: 'amd64', os: 'linux' },
        resources: { nanoCpus: 2e9, memoryBytes: 2e9 },
        engine: { version: '0.1.0' },
      },
      status: { state: 'ready', addr: '10.0.0.1' },
      manager: { raftId: 1, addr: '10.0.0.1:2377', reachability: 'reachable', isLeader: true },
    };
    this.nodes.set(node.id, node);
  }

  #meta(prefix = 'obj'): { id: string; version: number; createdAtMs: number; updatedAtMs: number } {
    this.#ids += 1;
    this.#index += 1;
    const id = `${prefix}${String(this.#ids)}`.padEnd(25, '0');
    return { id, version: this.#index, createdAtMs: 1_700_000_000_000, updatedAtMs: 1_700_000_000_000 };
  }

  #check(): void {
    if (this.failure !== undefined) {
      throw this.failure;
    }
  }

  #find<T extends Stored>(table: ReadonlyMap<string, T>, ref: string): T {
    this.#check();
    const all = [...table.values()];
    const found =
      table.get(ref) ??
      all.find((one) => one.spec.name === ref || this.#hostname(one) === ref) ??
      all.find((one) => one.id.startsWith(ref));
    if (found === undefined) {
      throw new SwarmError('not_found', `there is no object "${ref}"`);
    }
    return found;
  }

  #hostname(object: Stored): string | undefined {
    return this.nodes.get(object.id)?.description?.hostname;
  }

  #checkName(table: ReadonlyMap<string, Stored>, name: string | undefined, kind: string): void {
    this.#check();
    if (name === '' || name === undefined) {
      throw new SwarmError('invalid_argument', 'the request is invalid', {
        fields: [{ path: 'name', code: 'too_small', message: 'name must be provided' }],
      });
    }
    if ([...table.values()].some((one) => one.spec.name === name)) {
      throw new SwarmError('name_conflict', `a ${kind} named ${name} exists`);
    }
  }

  #nextVersion(object: Stored, version: number): { version: number; updatedAtMs: number } {
    if (object.version !== version) {
      throw new SwarmError('version_conflict', `the object is at version ${String(object.version)}`);
    }
    this.#index += 1;
    return { version: this.#index, updatedAtMs: object.updatedAtMs + 1000 };
  }

  async getCluster(): Promise<ClusterView> {
    this.#check();
    return this.#cluster;
  }

  async updateCluster(spec: ClusterView['spec'], version: number): Promise<void> {
    this.#check();
    this.#cluster = { ...this.#cluster, ...this.#nextVersion(this.#cluster, version), spec };
  }

  async getJoinTokens(): Promise<{ worker: string; manager: string }> {
    this.#check();
    return this.tokens;
  }

  unlockKey: string | undefined;

  async getUnlockKey(): Promise<string | undefined> {
    return this.unlockKey;
  }

  async rotateUnlockKey(): Promise<void> {
    this.unlockKey = `${this.unlockKey ?? ''}+`;
  }

  async rotateJoinToken(role: 'worker' | 'manager'): Promise<void> {
    this.tokens = { ...this.tokens, [role]: `${this.tokens[role]}-rotated` };
  }

  async listNodes(): Promise<readonly Node[]> {
    this.#check();
    return [...this.nodes.values()];
  }

  async getNode(ref: string): Promise<Node> {
    return this.#find(this.nodes, ref);
  }

  async updateNode(ref: string, spec: NodeSpec, version: number): Promise<void> {
    const node = this.#find(this.nodes, ref);
    this.nodes.set(node.id, { ...node, ...this.#nextVersion(node, version), spec });
  }

  async removeNode(ref: string, options: { readonly force: boolean }): Promise<void> {
    const node = this.#find(this.nodes, ref);
    if (node.status.state !== 'down' && !options.force) {
      throw new SwarmError('failed_precondition', `node ${node.id} is not down and can't be removed`);
    }
    this.nodes.delete(node.id);
  }

  async listServices(): Promise<readonly ServiceView[]> {
    this.#check();
    return [...this.services.values()];
  }

  async getService(ref: string): Promise<ServiceView> {
    return this.#find(this.services, ref);
  }

  async createService(spec: ServiceSpec): Promise<{ id: string; warnings: readonly string[] }> {
    this.#checkName(this.services, spec.name, 'service');
    const meta = this.#meta('svc');
    const replicas = spec.mode.type === 'replicated' ? spec.mode.replicas : 1;
    this.services.set(meta.id, {
      ...meta,
      spec,
      specVersion: meta.version,
      endpoint: { mode: 'vip', ports: spec.endpoint?.ports ?? [], virtualIps: [] },
      tasks: { running: replicas, desired: replicas },
    });
    this.#makeTasks(meta.id, spec, replicas);
    return { id: meta.id, warnings: [] };
  }

  #makeTasks(serviceId: string, spec: ServiceSpec, replicas: number): void {
    for (const task of [...this.tasks.values()].filter((one) => one.serviceId === serviceId)) {
      this.tasks.delete(task.id);
    }
    for (let slot = 1; slot <= replicas; slot += 1) {
      const meta = this.#meta('task');
      this.tasks.set(meta.id, {
        ...meta,
        serviceId,
        serviceName: spec.name,
        slot,
        nodeId: [...this.nodes.keys()][0] ?? '',
        spec: spec.task,
        specVersion: 1,
        labels: spec.labels ?? {},
        status: { state: 'running', atMs: Date.now(), message: 'started', container: { containerId: 'c' } },
        desiredState: 'running',
        networks: (spec.task.networks ?? []).map(({ target }) => ({
          networkId: target,
          addresses: [`10.0.1.${String(slot + 2)}/24`],
        })),
      });
    }
  }

  async updateService(
    ref: string,
    spec: ServiceSpec,
    version: number,
  ): Promise<{ warnings: readonly string[] }> {
    const service = this.#find(this.services, ref);
    const replicas = spec.mode.type === 'replicated' ? spec.mode.replicas : 1;
    this.services.set(service.id, {
      ...service,
      ...this.#nextVersion(service, version),
      previousSpec: service.spec,
      spec,
      tasks: { running: replicas, desired: replicas },
    });
    this.#makeTasks(service.id, spec, replicas);
    return { warnings: [] };
  }

  async rollbackService(ref: string, version: number): Promise<{ warnings: readonly string[] }> {
    const service = this.#find(this.services, ref);
    if (service.previousSpec === undefined) {
      throw new SwarmError('failed_precondition', `service ${ref} does not have a previous spec`);
    }
    return this.updateService(ref, service.previousSpec, version);
  }

  async removeService(ref: string): Promise<void> {
    const { id } = this.#find(this.services, ref);
    this.services.delete(id);
    for (const task of [...this.tasks.values()].filter((one) => one.serviceId === id)) {
      this.tasks.delete(task.id);
    }
  }

  async listTasks(selection: TaskSelection): Promise<readonly Task[]> {
    this.#check();
    return [...this.tasks.values()].filter(
      (task) =>
        (selection.service === undefined || selection.service.includes(task.serviceId)) &&
        (selection.node === undefined || selection.node.includes(task.nodeId ?? '')) &&
        (selection.desiredState === undefined || selection.desiredState.includes(task.desiredState)),
    );
  }

  async getTask(ref: string): Promise<Task> {
    this.#check();
    const task = this.tasks.get(ref);
    if (task === undefined) {
      throw new SwarmError('not_found', `there is no task "${ref}"`);
    }
    return task;
  }

  async *logs(options: SwarmLogOptions): AsyncGenerator<SwarmLogLine> {
    this.lastLogOptions = options;
    yield* this.logLines.filter((line) => (line.stream === 'stdout' ? options.stdout : options.stderr));
    if (options.follow) {
      await new Promise<void>((resolve) => {
        options.signal.addEventListener('abort', () => {
          resolve();
        });
      });
    }
  }

  async listNetworks(): Promise<readonly Network[]> {
    this.#check();
    return [...this.networks.values()];
  }

  async getNetwork(ref: string): Promise<Network> {
    return this.#find(this.networks, ref);
  }

  async createNetwork(spec: NetworkSpec): Promise<{ id: string; warnings: readonly string[] }> {
    this.#checkName(this.networks, spec.name, 'network');
    const meta = this.#meta('net');
    this.networks.set(meta.id, {
      ...meta,
      spec,
      vni: 4097,
      ipam: [{ subnet: '10.0.1.0/24', gateway: '10.0.1.1' }],
    });
    return { id: meta.id, warnings: [] };
  }

  async removeNetwork(ref: string): Promise<void> {
    this.networks.delete(this.#find(this.networks, ref).id);
  }

  async listSecrets(): Promise<readonly SecretView[]> {
    this.#check();
    return [...this.secrets.values()];
  }

  async getSecret(ref: string): Promise<SecretView> {
    return this.#find(this.secrets, ref);
  }

  async createSecret({ data, ...spec }: NewPayload): Promise<string> {
    this.#checkName(this.secrets, spec.name, 'secret');
    const meta = this.#meta('sec');
    this.secrets.set(meta.id, { ...meta, spec: { ...spec, labels: { ...spec.labels } } });
    this.payloads.set(meta.id, data);
    return meta.id;
  }

  async updateSecretLabels(
    ref: string,
    labels: Readonly<Record<string, string>>,
    version: number,
  ): Promise<void> {
    const secret = this.#find(this.secrets, ref);
    const changed = { ...secret, ...this.#nextVersion(secret, version) };
    this.secrets.set(secret.id, { ...changed, spec: { ...secret.spec, labels: { ...labels } } });
  }

  async removeSecret(ref: string): Promise<void> {
    this.secrets.delete(this.#find(this.secrets, ref).id);
  }

  async listConfigs(): Promise<readonly ConfigEntry[]> {
    this.#check();
    return [...this.configs.values()].map(({ data: _data, ...entry }) => entry);
  }

  async getConfig(ref: string): Promise<ConfigEntry> {
    return this.#find(this.configs, ref);
  }

  async createConfig({ data, ...spec }: NewPayload): Promise<string> {
    this.#checkName(this.configs, spec.name, 'config');
    const meta = this.#meta('cfg');
    this.configs.set(meta.id, { ...meta, spec: { ...spec, labels: { ...spec.labels } }, data });
    return meta.id;
  }

  async updateConfigLabels(
    ref: string,
    labels: Readonly<Record<string, string>>,
    version: number,
  ): Promise<void> {
    const config = this.#find(this.configs, ref);
    const changed = { ...config, ...this.#nextVersion(config, version) };
    this.configs.set(config.id, { ...changed, spec: { ...config.spec, labels: { ...labels } } });
  }

  async removeConfig(ref: string): Promise<void> {
    this.configs.delete(this.#find(this.configs, ref).id);
  }
}
