import type { NetworkProvider } from '../engine/network-provider.ts';
import type { PoolSpec } from './ipam-checks.ts';
import type { ClusterNetworkState } from './state.ts';

/**
 * The networks of one host as its callers see them: the worker (cluster state), the engine (`provider`) and the
 * Docker face (`docker network`).
 *
 * Errors are `SwarmError`s: `not_found` names the network, `name_conflict` a taken name, `failed_precondition` a
 * network in use. `network` arguments take a name, an id, or an unambiguous prefix of an id.
 */
export interface NetworkApi {
  /** The engine's seam. */
  readonly provider: NetworkProvider;

  /**
   * Replaces what this host knows of the cluster. Resolves when the kernel and the DNS answers follow it: an endpoint
   * that is no longer serving gets no new connection from here on. Rejects when the kernel refused a part; the rest
   * is applied all the same and the manager tries again by itself.
   */
  setClusterState(state: ClusterNetworkState): Promise<void>;

  /** Forgets the cluster (the node left): overlay networks, mesh and cluster names go; local networks stay. */
  clearClusterState(): Promise<void>;

  createLocalNetwork(spec: LocalNetworkSpec): Promise<NetworkView>;
  /** Refused while containers are attached, and for `bridge`, `host` and `none`. */
  removeLocalNetwork(network: string): Promise<void>;
  /** Removes local networks without containers; answers their names. Predefined ones stay. */
  pruneLocalNetworks(filter?: (network: NetworkView) => boolean): Promise<string[]>;
  inspectNetwork(network: string): NetworkView;
  /** Local networks and the cluster networks this host knows, by name. */
  listNetworks(): NetworkView[];

  stats(): NetworkStats;

  /** Stops serving DNS and lets go of everything; containers keep their networks. */
  close(): Promise<void>;
  /** Removes everything this host's networks made in the kernel, then closes. For `leave`, `lab down` and Ctrl-C. */
  removeAll(): Promise<void>;
}

/** `docker network create` for the `bridge` driver. */
export interface LocalNetworkSpec {
  readonly name: string;
  /** Only `bridge` is a local driver that can be created. */
  readonly driver?: string;
  readonly isInternal?: boolean;
  readonly isAttachable?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** Docker's `com.docker.network.bridge.*` and `com.docker.network.driver.mtu` are understood. */
  readonly options?: Readonly<Record<string, string>>;
  /** Whether containers get an IPv6 address too. */
  readonly isIpv6?: boolean;
  /** At most one pool of each family; what is absent is chosen from Docker's default pools or the host's own block. */
  readonly ipam?: readonly PoolSpec[];
  /** 64 hexadecimal digits; made when absent. */
  readonly id?: string;
}

/** A network as `docker network inspect` shows it. */
export interface NetworkView {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly scope: 'local' | 'swarm';
  readonly driver: 'bridge' | 'overlay' | 'host' | 'null';
  readonly isInternal: boolean;
  readonly isAttachable: boolean;
  readonly isIngress: boolean;
  readonly isIpv6: boolean;
  readonly ipam: readonly PoolView[];
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Containers of this host only. */
  readonly containers: readonly AttachedContainer[];
  /** Other hosts of a cluster network. */
  readonly peers: readonly { readonly name: string; readonly address: string }[];
}

export interface PoolView {
  readonly subnet: string;
  readonly gateway: string;
  readonly range?: string;
  readonly auxiliary?: Readonly<Record<string, string>>;
}

export interface AttachedContainer {
  readonly containerId: string;
  readonly name: string;
  readonly endpointId: string;
  readonly macAddress: string;
  /** With prefix length. */
  readonly ipv4Address: string;
  readonly ipv6Address?: string;
}

export interface NetworkStats {
  readonly containers: number;
  readonly localNetworks: number;
  readonly clusterNetworks: number;
  readonly peers: number;
  readonly services: number;
  readonly endpoints: number;
  /** Passes that made the kernel follow the wanted state, and how long the last one took. */
  readonly reconciles: number;
  readonly lastReconcileMs: number;
  /** Operations the kernel refused since the start. */
  readonly failures: number;
  /** What stands in the way right now, one sentence each; empty when all is as wanted. */
  readonly problems: readonly string[];
  readonly dns: { readonly queries: number; readonly forwarded: number; readonly failures: number };
}
