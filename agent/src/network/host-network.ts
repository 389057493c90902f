import { NODE_INDEX_MAX } from './naming.ts';
import type { Ipv6Facts, MeshSpread, PlanInput } from './plan-input.ts';
import type { Naming } from './naming.ts';
import { buildNameIndex } from './dns-names.ts';
import type { NameIndex } from './dns-names.ts';
import type { ClusterNetworkState, LocalContainer, LocalNetwork } from './state.ts';

export interface HostNetworkOptions {
  readonly naming: Naming;
  readonly meshSpread: MeshSpread;
}

/** Facts observed on the host that the plan needs. */
export interface ObservedHost {
  readonly underlayMtu: number;
  readonly allRpFilter: number;
  /** Absent where the host has no IPv6. */
  readonly ipv6?: Ipv6Facts;
}

/** What this host wants of its networks: local networks, containers and the cluster's word. Pure state, no I/O. */
export class HostNetwork {
  readonly localNetworks = new Map<string, LocalNetwork>();
  readonly containers = new Map<string, LocalContainer>();
  heldPorts: ReadonlySet<string> = new Set();
  observed: ObservedHost = { underlayMtu: 1500, allRpFilter: 0 };
  readonly #options: HostNetworkOptions;
  #cluster: ClusterNetworkState | undefined;
  #nodeIndexes: ReadonlyMap<string, number> = new Map();
  #names: NameIndex | undefined;

  constructor(options: HostNetworkOptions) {
    this.#options = options;
  }

  get cluster(): ClusterNetworkState | undefined {
    return this.#cluster;
  }

  get nodeIndexes(): ReadonlyMap<string, number> {
    return this.#nodeIndexes;
  }

  setCluster(cluster: ClusterNetworkState | undefined): void {
    this.#cluster = cluster;
    if (cluster !== undefined) {
      this.#nodeIndexes = assignNodeIndexes(
        this.#nodeIndexes,
        cluster.peers.map((peer) => peer.nodeId),
      );
    }
    this.#names = undefined;
  }

  restoreNodeIndexes(indexes: Readonly<Record<string, number>>): void {
    this.#nodeIndexes = new Map(Object.entries(indexes));
  }

  putContainer(container: LocalContainer): void {
    this.containers.set(container.containerId, container);
    this.#names = undefined;
  }

  removeContainer(containerId: string): void {
    this.containers.delete(containerId);
    this.#names = undefined;
  }

  putLocalNetwork(network: LocalNetwork): void {
    this.localNetworks.set(network.id, network);
    this.#names = undefined;
  }

  removeLocalNetwork(networkId: string): void {
    this.localNetworks.delete(networkId);
    this.#names = undefined;
  }

  /** The local networks as this host can have them now: without IPv6 where it has none. */
  usableLocalNetworks(): LocalNetwork[] {
    return [...this.localNetworks.values()].map((network) => {
      const { ipv6, ...rest } = network;
      return ipv6 === undefined || this.observed.ipv6 !== undefined ? network : rest;
    });
  }

  /** Names of all networks, made again after each change when the first query asks. */
  names(): NameIndex {
    this.#names ??= buildNameIndex({
      localNetworks: [...this.localNetworks.values()],
      containers: [...this.containers.values()],
      ...(this.#cluster === undefined ? {} : { cluster: this.#cluster }),
    });
    return this.#names;
  }

  /** Mesh ports of all services, as `tcp/8080`. */
  meshPorts(): Set<string> {
    return new Set(
      (this.#cluster?.services ?? []).flatMap((service) =>
        service.ingressPorts
          .filter((port) => port.publishMode === 'ingress' && (port.publishedPort ?? 0) > 0)
          .map((port) => `${port.protocol}/${String(port.publishedPort)}`),
      ),
    );
  }

  planInput(): PlanInput {
    return {
      naming: this.#options.naming,
      host: {
        ...this.observed,
        nodeIndexes: this.#nodeIndexes,
        heldPorts: this.heldPorts,
        meshSpread: this.#options.meshSpread,
      },
      localNetworks: [...this.localNetworks.values()],
      containers: [...this.containers.values()],
      ...(this.#cluster === undefined ? {} : { cluster: this.#cluster }),
    };
  }
}

/**
 * Gives each node an index for the mesh's marks. A node keeps the one it has, and an index is used again only when
 * all others are in use, since connections of a former node may still carry it. Pure.
 */
export function assignNodeIndexes(
  known: ReadonlyMap<string, number>,
  nodeIds: readonly string[],
): ReadonlyMap<string, number> {
  const present = new Set(nodeIds);
  const indexes = new Map([...known].filter(([nodeId]) => present.has(nodeId)));
  const used = new Set(indexes.values());
  const formerMax = Math.max(0, ...known.values());
  let candidate = formerMax;
  for (const nodeId of [...present].sort()) {
    if (indexes.has(nodeId)) {
      continue;
    }
    for (let tries = 0; tries < NODE_INDEX_MAX; tries += 1) {
      candidate = (candidate % NODE_INDEX_MAX) + 1;
      if (!used.has(candidate)) {
        indexes.set(nodeId, candidate);
        used.add(candidate);
        break;
      }
    }
  }
  return indexes;
}
