import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Logger } from 'pino';

import { SwarmError, newHexId } from '@skep/kernel';

import type { NetworkProvider } from '../engine/network-provider.ts';
import { ContainerNetworks } from './container-networks.ts';
import { decideDns } from './dns-answer.ts';
import { DnsServer } from './dns-server.ts';
import { HostNetwork } from './host-network.ts';
import { HostPorts } from './host-ports.ts';
import { KernelFollower } from './kernel-follower.ts';
import { findByReference, listViews, newLocalNetwork } from './local-networks.ts';
import type { PredefinedIds } from './local-networks.ts';
import { DEFAULT_NAMING } from './naming.ts';
import type { Naming } from './naming.ts';
import { NetnsDirectory } from './netns.ts';
import type { LocalNetworkSpec, NetworkApi, NetworkStats, NetworkView } from './network-api.ts';
import { ipv6Obstacle, observeIpv6, observeKernel, readSysctl } from './observe.ts';
import type { Observation } from './observe.ts';
import { parseForeignDevices, parseForeignSubnets, parseUnderlayMtu } from './parse-ip.ts';
import { droppingForwardChains } from './parse-nft.ts';
import type { MeshSpread } from './plan-input.ts';
import { planNetworks, underlayClashes } from './plan.ts';
import { parseResolvConf } from './resolv-conf.ts';
import type { ResolverConfig } from './resolv-conf.ts';
import { ClusterFile, LocalNetworksFile, StateFile } from './state-file.ts';
import type { ClusterNetworkState, LocalNetwork } from './state.ts';

export interface NetworkManagerOptions {
  /** Keeps what must outlive this process: `<data-root>/network`. */
  readonly stateDir: string;
  /** Keeps what must not outlive the boot: namespace files go to `<run-dir>/netns`. */
  readonly runDir: string;
  readonly logger: Logger;
  readonly naming?: Naming;
  /** `prefer-local` unless given. */
  readonly meshSpread?: MeshSpread;
  /** Wanted subnet of Docker's default network; chosen when absent. Used when the network is first made. */
  readonly defaultSubnet?: string;
  /** `/etc/resolv.conf` unless given. */
  readonly hostResolvConf?: string;
}

/** Owner name under which mesh ports are held. */
const MESH_OWNER = 'routing mesh';
const RESOLV_CONF_MAX_AGE_MS = 5000;
const PERSIST_DELAY_MS = 200;

/** All networks of one host. Open it, hand `provider` to the engine, then tell it of the cluster. */
export class NetworkManager implements NetworkApi {
  readonly provider: NetworkProvider;
  readonly #options: NetworkManagerOptions;
  readonly #naming: Naming;
  readonly #logger: Logger;
  readonly #host: HostNetwork;
  readonly #netns: NetnsDirectory;
  readonly #follower: KernelFollower;
  readonly #ports = new HostPorts();
  readonly #dns: DnsServer;
  readonly #containers: ContainerNetworks;
  readonly #localFile: StateFile<LocalNetworksFile>;
  readonly #clusterFile: StateFile<ClusterFile>;
  #predefined: PredefinedIds = { hostId: '', noneId: '', createdAtMs: 0 };
  #foreignSubnets: readonly string[] = [];
  #listing = '';
  #droppingChains: readonly string[] = [];
  #resolvers: { readonly config: ResolverConfig; readonly readAtMs: number } | undefined;
  #rotation = 0;
  #persistTimer: NodeJS.Timeout | undefined;
  #isAdopted = false;
  #isClosed = false;

  private constructor(options: NetworkManagerOptions) {
    this.#options = options;
    this.#naming = options.naming ?? DEFAULT_NAMING;
    this.#logger = options.logger.child({ component: 'network' });
    this.#host = new HostNetwork({
      naming: this.#naming,
      meshSpread: options.meshSpread ?? 'prefer-local',
    });
    this.#netns = new NetnsDirectory(join(options.runDir, 'netns'));
    this.#localFile = new StateFile(options.stateDir, 'networks.json', LocalNetworksFile);
    this.#clusterFile = new StateFile(options.stateDir, 'cluster.json', ClusterFile);
    this.#follower = new KernelFollower({
      naming: this.#naming,
      logger: this.#logger,
      monotonicMs: () => performance.now(),
      plan: () => this.#plan(),
      onLook: (observation) => {
        this.#onLook(observation);
      },
    });
    this.#dns = new DnsServer(
      {
        decide: (containerId, question) =>
          decideDns(question, {
            index: this.#host.names(),
            networkIds: this.#containers.networkIdsOf(containerId),
            rotation: (this.#rotation = (this.#rotation + 1) % 0x10000),
          }),
        serversOf: (containerId) => this.#containers.serversOf(containerId),
      },
      this.#logger,
    );
    this.#containers = new ContainerNetworks({
      naming: this.#naming,
      host: this.#host,
      netns: this.#netns,
      follower: this.#follower,
      dns: this.#dns,
      ports: this.#ports,
      hostResolvers: () => this.#hostResolvers(),
      logger: this.#logger,
      onAdopted: () => this.#onAdopted(),
    });
    this.provider = this.#containers;
  }

  /**
   * Reads the state of the last run and looks at the host. Nothing in the kernel changes until the engine has told
   * which containers run (`provider.adopt`).
   * @throws SwarmError `data_loss` when the list of local networks is damaged, `unavailable` without iproute2.
   */
  static async open(options: NetworkManagerOptions): Promise<NetworkManager> {
    const manager = new NetworkManager(options);
    await manager.#load();
    return manager;
  }

  async setClusterState(state: ClusterNetworkState): Promise<void> {
    this.#host.setCluster(state);
    this.#persistClusterSoon();
    for (const clash of underlayClashes(this.#host.planInput())) {
      this.#logger.error({ clash }, 'cluster network hides a host');
    }
    if (this.#isAdopted) {
      this.#observeUnderlay(state.self.dataPathAddr);
      await this.#follower.follow();
    }
  }

  async clearClusterState(): Promise<void> {
    this.#host.setCluster(undefined);
    this.#persistCluster();
    if (this.#isAdopted) {
      await this.#follower.follow();
    }
  }

  async createLocalNetwork(spec: LocalNetworkSpec): Promise<NetworkView> {
    if (this.listNetworks().some((network) => network.name === spec.name)) {
      throw new SwarmError('name_conflict', `network with name ${spec.name} already exists`);
    }
    if (spec.isIpv6 === true) {
      this.#onLook(await observeKernel(this.#naming, new Map()));
    }
    const network = this.#newNetwork(spec, false);
    if ([...this.#host.localNetworks.values()].some((other) => other.bridgeName === network.bridgeName)) {
      throw new SwarmError(
        'name_conflict',
        `network ${spec.name}: bridge ${network.bridgeName} is already in use`,
      );
    }
    this.#host.putLocalNetwork(network);
    this.#observeIpv6();
    try {
      this.#persistLocal();
      await this.#followIfAdopted();
    } catch (error) {
      this.#host.removeLocalNetwork(network.id);
      this.#persistLocal();
      throw error;
    }
    return this.inspectNetwork(network.id);
  }

  async removeLocalNetwork(reference: string): Promise<void> {
    const view = this.inspectNetwork(reference);
    const network = this.#host.localNetworks.get(view.id);
    if (network === undefined || network.isDefault) {
      throw new SwarmError(
        view.scope === 'swarm' ? 'failed_precondition' : 'permission_denied',
        view.scope === 'swarm'
          ? `network ${view.name} belongs to the cluster; remove it on a manager`
          : `${view.name} is a pre-defined network and cannot be removed`,
      );
    }
    if (this.#containers.isInUse(network.id)) {
      const names = view.containers.map((container) => container.name).join(', ');
      throw new SwarmError(
        'failed_precondition',
        `error while removing network: network ${view.name} has active endpoints (${names}); disconnect them first`,
        { details: { dockerStatus: 403 } },
      );
    }
    this.#host.removeLocalNetwork(network.id);
    this.#persistLocal();
    await this.#followIfAdopted();
  }

  async pruneLocalNetworks(filter?: (network: NetworkView) => boolean): Promise<string[]> {
    const names: string[] = [];
    for (const view of this.listNetworks()) {
      const network = this.#host.localNetworks.get(view.id);
      const isWanted = network !== undefined && !network.isDefault && (filter?.(view) ?? true);
      if (isWanted && !this.#containers.isInUse(view.id)) {
        this.#host.removeLocalNetwork(view.id);
        names.push(view.name);
      }
    }
    if (names.length > 0) {
      this.#persistLocal();
      await this.#followIfAdopted();
    }
    return names;
  }

  inspectNetwork(reference: string): NetworkView {
    return findByReference(this.listNetworks(), reference);
  }

  listNetworks(): NetworkView[] {
    return listViews(this.#host, this.#predefined);
  }

  stats(): NetworkStats {
    const { cluster } = this.#host;
    const { stats } = this.#follower;
    return {
      containers: this.#host.containers.size,
      localNetworks: this.#host.localNetworks.size,
      clusterNetworks: cluster?.networks.length ?? 0,
      peers: cluster?.peers.length ?? 0,
      services: cluster?.services.length ?? 0,
      endpoints: cluster?.endpoints.length ?? 0,
      reconciles: stats.passes,
      lastReconcileMs: stats.lastPassMs,
      failures: stats.failures,
      problems: this.#problems(),
      dns: { ...this.#dns.counters },
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    if (this.#persistTimer !== undefined) {
      this.#persistCluster();
    }
    await this.#follower.close();
    this.#dns.close();
    this.#ports.close();
    this.#containers.close();
    this.#netns.close();
  }

  async removeAll(): Promise<void> {
    if (this.#isClosed) {
      return;
    }
    await this.#follower.close();
    this.#dns.close();
    this.#netns.removeAll();
    await this.#follower.removeAll();
    await this.close();
  }

  async #load(): Promise<void> {
    this.#onLook(await observeKernel(this.#naming, new Map()));
    this.#host.observed = {
      ...this.#host.observed,
      allRpFilter: Number((await readSysctl('ipv4/conf/all/rp_filter')) ?? '0'),
    };
    this.#loadLocal();
    this.#loadCluster();
  }

  #onLook(observation: Observation): void {
    const { addresses } = observation.listings;
    this.#listing = addresses;
    this.#foreignSubnets = parseForeignSubnets(this.#naming, addresses);
    this.#observeIpv6();
    this.#droppingChains = droppingForwardChains(this.#naming.nftTable, observation.chains);
    if (this.#host.cluster !== undefined) {
      this.#observeUnderlay(this.#host.cluster.self.dataPathAddr);
    }
  }

  #problems(): string[] {
    const { devicePrefix } = this.#naming;
    return [
      ...this.#follower.stats.problems,
      ...underlayClashes(this.#host.planInput()),
      ...this.#droppingChains.map(
        (chain) =>
          `the chain "${chain}" of this host's firewall drops forwarded packets by default; ` +
          `let those of the interfaces ${devicePrefix}b*, ${devicePrefix}v* and ${devicePrefix}x* pass in it`,
      ),
    ];
  }

  #loadLocal(): void {
    const file = this.#localFile.read();
    const nowMs = Date.now();
    this.#predefined = file ?? {
      hostId: newHexId(randomBytes),
      noneId: newHexId(randomBytes),
      createdAtMs: nowMs,
    };
    for (const network of file?.networks ?? []) {
      this.#host.putLocalNetwork(withoutUndefined(network));
    }
    if (![...this.#host.localNetworks.values()].some((network) => network.isDefault)) {
      const subnet = this.#options.defaultSubnet;
      this.#host.putLocalNetwork(
        this.#newNetwork(
          {
            name: 'bridge',
            options: { 'com.docker.network.bridge.default_bridge': 'true' },
            ...(subnet === undefined ? {} : { ipam: [{ subnet }] }),
          },
          true,
        ),
      );
      this.#persistLocal();
    }
  }

  /** What the managers said is only a cache: a damaged one is left and they are asked again. */
  #loadCluster(): void {
    try {
      const file = this.#clusterFile.read();
      this.#host.restoreNodeIndexes(file?.nodeIndexes ?? {});
      if (file?.state !== undefined) {
        this.#host.setCluster(file.state);
        this.#observeUnderlay(file.state.self.dataPathAddr);
      }
    } catch (err) {
      this.#logger.warn({ err }, 'remembered cluster state was not readable');
    }
  }

  async #onAdopted(): Promise<void> {
    this.#isAdopted = true;
    if (this.#host.cluster !== undefined) {
      this.#observeUnderlay(this.#host.cluster.self.dataPathAddr);
    }
    await this.#follower.follow();
  }

  #plan(): ReturnType<typeof planNetworks> {
    this.#host.heldPorts = this.#ports.holdExactly(MESH_OWNER, this.#host.meshPorts());
    return planNetworks(this.#host.planInput());
  }

  #newNetwork(spec: LocalNetworkSpec, isDefault: boolean): LocalNetwork {
    const existing = [...this.#host.localNetworks.values()];
    return newLocalNetwork({
      spec,
      id: spec.id ?? newHexId(randomBytes),
      naming: this.#naming,
      isDefault,
      nowMs: Date.now(),
      existing,
      taken: [
        ...existing.flatMap(({ subnet, ipv6 }) => [subnet, ...(ipv6 === undefined ? [] : [ipv6.subnet])]),
        ...(this.#host.cluster?.networks ?? []).flatMap((network) =>
          network.subnets.map((item) => item.subnet),
        ),
        ...this.#foreignSubnets,
      ],
      ipv6Obstacle: ipv6Obstacle(),
      hostSeed: this.#predefined.hostId,
    });
  }

  /** Only a host whose networks have IPv6 will forward it, and has to know who listens to routers. */
  #observeIpv6(): void {
    const isWanted = [...this.#host.localNetworks.values()].some(({ ipv6 }) => ipv6 !== undefined);
    const { ipv6: _before, ...observed } = this.#host.observed;
    const ipv6 = observeIpv6(isWanted ? parseForeignDevices(this.#naming, this.#listing) : []);
    this.#host.observed = { ...observed, ...(ipv6 === undefined ? {} : { ipv6 }) };
  }

  #observeUnderlay(address: string): void {
    const mtu = parseUnderlayMtu(this.#listing, address);
    if (mtu !== undefined) {
      this.#host.observed = { ...this.#host.observed, underlayMtu: mtu };
    }
  }

  async #followIfAdopted(): Promise<void> {
    if (this.#isAdopted) {
      await this.#follower.follow();
    }
  }

  #hostResolvers(): ResolverConfig {
    const nowMs = performance.now();
    if (this.#resolvers === undefined || nowMs - this.#resolvers.readAtMs > RESOLV_CONF_MAX_AGE_MS) {
      let text = '';
      try {
        text = readFileSync(this.#options.hostResolvConf ?? '/etc/resolv.conf', 'utf8');
      } catch (err) {
        this.#logger.warn({ err }, 'resolver configuration of the host was not readable');
      }
      this.#resolvers = { config: parseResolvConf(text), readAtMs: nowMs };
    }
    return this.#resolvers.config;
  }

  #persistLocal(): void {
    this.#localFile.write(
      {
        v: 1,
        networks: [...this.#host.localNetworks.values()].map((network) => ({
          ...network,
          labels: { ...network.labels },
          options: { ...network.options },
        })),
        hostId: this.#predefined.hostId,
        noneId: this.#predefined.noneId,
        createdAtMs: this.#predefined.createdAtMs,
      },
      { isDurable: true },
    );
  }

  /** A burst of states is written once; the managers tell a lost one again. */
  #persistClusterSoon(): void {
    this.#persistTimer ??= setTimeout(() => {
      this.#persistCluster();
    }, PERSIST_DELAY_MS).unref();
  }

  #persistCluster(): void {
    clearTimeout(this.#persistTimer);
    this.#persistTimer = undefined;
    const { cluster } = this.#host;
    this.#clusterFile.write(
      {
        v: 1,
        nodeIndexes: Object.fromEntries(this.#host.nodeIndexes),
        ...(cluster === undefined
          ? {}
          : {
              state: {
                self: { ...cluster.self },
                networks: [...cluster.networks],
                peers: [...cluster.peers],
                services: [...cluster.services],
                endpoints: [...cluster.endpoints],
              },
            }),
      },
      { isDurable: false },
    );
  }
}

function withoutUndefined(network: LocalNetworksFile['networks'][number]): LocalNetwork {
  const { range, auxiliary, ipv6, mtu, ...rest } = network;
  return {
    ...rest,
    ...(range === undefined ? {} : { range }),
    ...(auxiliary === undefined ? {} : { auxiliary }),
    ...(ipv6 === undefined ? {} : { ipv6: ipv6PoolOf(ipv6) }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}

function ipv6PoolOf(
  pool: NonNullable<LocalNetworksFile['networks'][number]['ipv6']>,
): NonNullable<LocalNetwork['ipv6']> {
  const { range, auxiliary, ...rest } = pool;
  return {
    ...rest,
    ...(range === undefined ? {} : { range }),
    ...(auxiliary === undefined ? {} : { auxiliary }),
  };
}
