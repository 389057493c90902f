import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Logger } from 'pino';

import { SwarmError, errorMessage } from '@skep/kernel';

import { PRODUCT_VERSION, agentPaths, type AgentConfig } from './config.ts';
import { managerGateway, type ManagerGateway } from './docker-api/manager-gateway.ts';
import { DockerApiServer } from './docker-api/server.ts';
import { Engine } from './engine/engine.ts';
import { LocalApiServer } from './local-api/server.ts';
import { NetworkManager } from './network/network-manager.ts';
import { ManagerProcess } from './supervise/manager-process.ts';
import { ensureServiceUser, type ServiceUser } from './supervise/service-user.ts';
import type { WorkerCallbacks } from './supervise/membership-parts.ts';
import { readUserRemapping } from './supervise/user-remapping.ts';
import { SwarmMembership } from './supervise/swarm-membership.ts';
import { IdentityStore } from './worker/identity-store.ts';
import { describeNode } from './worker/node-description.ts';
import { Worker } from './worker/worker.ts';
import { WorkerStore } from './worker/worker-store.ts';

const DEFAULT_MANAGER_USER = 'skep';
const SOCKET_MODE = 0o660;

function groupId(name: string | undefined): number {
  if (name === undefined) {
    return 0;
  }
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const gid = Number(line?.split(':')[2]);
  if (line === undefined || !Number.isSafeInteger(gid)) {
    throw new SwarmError('invalid_argument', `--socket-group: there is no group ${name}`);
  }
  return gid;
}

/** All parts of one host's agent, in the order in which they depend on each other. */
export class Swarmd {
  readonly #config: AgentConfig;
  readonly #log: Logger;
  #networks: NetworkManager | undefined;
  #engine: Engine | undefined;
  #membership: SwarmMembership | undefined;
  #store: WorkerStore | undefined;
  #gateway: ManagerGateway | undefined;
  #docker: DockerApiServer | undefined;
  #local: LocalApiServer | undefined;

  constructor(config: AgentConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
  }

  async start(): Promise<void> {
    const { dataRoot, runRoot } = this.#config;
    const paths = agentPaths(this.#config);
    // The manager's user must be able to walk to its own folders below the roots.
    for (const root of [dataRoot, runRoot]) {
      mkdirSync(root, { recursive: true, mode: 0o755 });
      chmodSync(root, 0o755);
    }
    mkdirSync(paths.logDir, { recursive: true, mode: 0o755 });
    const { usernsRemap } = this.#config;
    const idMap = usernsRemap === undefined ? undefined : readUserRemapping(usernsRemap);
    const networks = await NetworkManager.open({
      stateDir: join(dataRoot, 'network'),
      runDir: join(runRoot, 'network'),
      logger: this.#log,
    });
    this.#networks = networks;
    const engine = await Engine.open({
      dataRoot,
      runRoot,
      cgroupParent: this.#config.cgroupParent,
      networks: networks.provider,
      ...(idMap === undefined ? {} : { idMap }),
      registries: {
        insecureRegistries: this.#config.insecureRegistries,
        mirrors: this.#config.registryMirrors,
        certificateDirectory: this.#config.registryCertificates,
      },
      imageWatermarks: this.#config.imageGc,
      log: this.#log.child({ component: 'engine' }),
    });
    this.#engine = engine;
    this.#store = new WorkerStore(paths.workerDatabase);
    const membership = this.#newMembership({ engine, networks, store: this.#store });
    this.#membership = membership;
    const gateway = managerGateway(paths.managerSocket);
    this.#gateway = gateway;
    this.#docker = new DockerApiServer({
      engine,
      networks,
      swarm: gateway.gateway,
      node: membership,
      log: this.#log.child({ component: 'docker-api' }),
      versions: { product: PRODUCT_VERSION },
    });
    this.#local = new LocalApiServer({
      node: membership,
      managerSocket: paths.managerSocket,
      version: PRODUCT_VERSION,
      hostname: this.#config.hostname,
      purge: () => this.#purge({ engine, networks }),
      log: this.#log.child({ component: 'local-api' }),
    });
    await membership.start();
    const socket = { gid: groupId(this.#config.socketGroup), mode: SOCKET_MODE };
    await this.#docker.listen(paths.dockerSocket, socket);
    await this.#local.listen(paths.apiSocket, socket);
  }

  /** Lets go of everything; containers, networks and the manager run on. */
  async stop(): Promise<void> {
    const steps: readonly (readonly [string, (() => Promise<void> | undefined) | undefined])[] = [
      ['local API', () => this.#local?.close()],
      ['Docker API', () => this.#docker?.close()],
      ['gateway', () => this.#gateway?.close()],
      ['membership', () => this.#membership?.stop()],
      ['engine', () => this.#engine?.close()],
      ['networks', () => this.#networks?.close()],
    ];
    for (const [part, stop] of steps) {
      try {
        await stop?.();
      } catch (error) {
        this.#log.warn({ part, err: errorMessage(error) }, 'part of swarmd did not stop cleanly');
      }
    }
    this.#store?.close();
  }

  #newMembership(parts: {
    readonly engine: Engine;
    readonly networks: NetworkManager;
    readonly store: WorkerStore;
  }): SwarmMembership {
    const config = this.#config;
    const paths = agentPaths(config);
    const user =
      config.managerBin === undefined
        ? undefined
        : ensureServiceUser(config.managerUser ?? DEFAULT_MANAGER_USER, 'that the manager runs as');
    const identity = new IdentityStore(paths.nodeDir, user?.gid ?? 0);
    return new SwarmMembership({
      identity,
      manager: user === undefined ? undefined : this.#newManager(user),
      newWorker: (callbacks) => this.#newWorker(parts, identity, callbacks),
      dataRoot: config.dataRoot,
      raftDir: paths.raftDir,
      listenAddr: config.listenAddr,
      defaultAdvertiseAddr: config.advertiseAddr,
      defaultDataPathAddr: config.dataPathAddr,
      hostname: config.hostname,
      log: this.#log.child({ component: 'membership' }),
    });
  }

  #newManager(user: ServiceUser): ManagerProcess | undefined {
    const config = this.#config;
    return config.managerBin === undefined
      ? undefined
      : new ManagerProcess({
          dataRoot: config.dataRoot,
          runRoot: config.runRoot,
          hostname: config.hostname,
          program: config.managerBin,
          consoleDir: config.consoleDir,
          apiAddr: config.apiAddr,
          databaseUrl: config.databaseUrl,
          logLevel: config.logLevel,
          user,
          log: this.#log.child({ component: 'supervisor' }),
        });
  }

  #newWorker(
    parts: { readonly engine: Engine; readonly networks: NetworkManager; readonly store: WorkerStore },
    identity: IdentityStore,
    callbacks: WorkerCallbacks,
  ): Worker {
    const { hostname, labels, parallelStarts } = this.#config;
    return new Worker({
      ...parts,
      ...callbacks,
      log: this.#log.child({ component: 'worker' }),
      parallelStarts,
      describe: () => describeNode(parts.engine, { hostname, version: PRODUCT_VERSION, labels }),
      identity: () => identity.readTls(),
    });
  }

  /** Removes every container, volume and network of this host. */
  async #purge({
    engine,
    networks,
  }: {
    readonly engine: Engine;
    readonly networks: NetworkManager;
  }): Promise<void> {
    const containers = await engine.containers.list({ all: true });
    await Promise.all(
      containers.map(({ id }) => engine.containers.remove(id, { force: true, removeVolumes: true })),
    );
    const volumes = await engine.volumes.list();
    await Promise.all(volumes.map(({ name }) => engine.volumes.remove(name, { force: true })));
    await networks.removeAll();
  }
}
