import type { Naming } from './naming.ts';
import type { ClusterNetworkState, LocalContainer, LocalNetwork } from './state.ts';

/** Everything the plan of a host's networks is made from. */
export interface PlanInput {
  readonly naming: Naming;
  readonly host: HostFacts;
  readonly localNetworks: readonly LocalNetwork[];
  readonly containers: readonly LocalContainer[];
  /** Absent while the host belongs to no cluster. */
  readonly cluster?: ClusterNetworkState;
}

/** Facts about this host that the plan depends on. */
export interface HostFacts {
  /** MTU of the device that carries the VXLAN packets. */
  readonly underlayMtu: number;
  /** The host's `net.ipv4.conf.all.rp_filter`: a device's own value can only make it stricter or looser than this. */
  readonly allRpFilter: number;
  /** Absent where the host has no IPv6: networks are planned without it. */
  readonly ipv6?: Ipv6Facts;
  /** Index of each other node in the mesh's marks; stable over restarts, since connections carry them. */
  readonly nodeIndexes: ReadonlyMap<string, number>;
  /** Mesh ports, as `tcp/8080`, that a process of this host holds: they are left to it. */
  readonly heldPorts: ReadonlySet<string>;
  readonly meshSpread: MeshSpread;
}

/** What matters once this host forwards IPv6. */
export interface Ipv6Facts {
  /**
   * Devices that learn their routes from a router (`accept_ra` = 1) while they do not forward. A host that forwards
   * stops listening to routers unless it is told to listen all the same.
   */
  readonly advertisedDevices: readonly string[];
}

/** How the routing mesh chooses a task: local ones when there are any, or all alike. */
export type MeshSpread = 'prefer-local' | 'even';
