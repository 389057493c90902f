import type { WireEndpoint, WireNetwork, WirePeer, WireService } from '@skep/wire';

/**
 * What the managers tell this host about the cluster's networks: the sum of the `network`, `peer`, `service` and
 * `endpoint` assignments, plus who this host is. The order of the lists has no meaning.
 */
export interface ClusterNetworkState {
  readonly self: SelfNode;
  /** Networks this host takes part in or may be asked to join, the ingress network always among them. */
  readonly networks: readonly WireNetwork[];
  /** The other hosts; an entry for this host itself is ignored. */
  readonly peers: readonly WirePeer[];
  readonly services: readonly WireService[];
  /** One per running task and network, those of this host included. */
  readonly endpoints: readonly WireEndpoint[];
}

/** This host as the cluster knows it. */
export interface SelfNode {
  readonly nodeId: string;
  /** Underlay IPv4 address that VXLAN packets of this host come from. */
  readonly dataPathAddr: string;
  /** UDP port of the VXLAN data path; 4789 unless the cluster was made with another one. */
  readonly dataPathPort: number;
}

/** One interface of a local container, as it is (or shall be) in the kernel. */
export interface LocalAttachment {
  readonly containerId: string;
  readonly networkId: string;
  readonly endpointId: string;
  /** Name inside the container: `eth0`. */
  readonly interfaceName: string;
  readonly macAddress: string;
  /** Plain IPv4 address. */
  readonly address: string;
  readonly prefixLength: number;
  /** On networks with IPv6 only. */
  readonly ipv6?: { readonly address: string; readonly prefixLength: number };
  readonly aliases: readonly string[];
}

/** A port of a local container that is reachable on this host (`docker run -p`, host-mode ports of tasks). */
export interface LocalPublication {
  readonly containerId: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** `0.0.0.0` and `::`: every address of the host, of that family. */
  readonly hostAddress: string;
  readonly hostPort: number;
  /** Where it leads: the container's address of the same family on the network of its default route. */
  readonly address: string;
  readonly containerPort: number;
}

/** A local container with its own network namespace. */
export interface LocalContainer {
  readonly containerId: string;
  readonly name: string;
  readonly hostname: string;
  /** Task the container runs, from the label `com.docker.swarm.task.id`. */
  readonly taskId?: string;
  /** Published names and service endpoints count only while the container's process runs. */
  readonly isRunning: boolean;
  readonly attachments: readonly LocalAttachment[];
  readonly publications: readonly LocalPublication[];
}

/** The IPv6 addresses of a bridge network. */
export interface Ipv6Pool {
  readonly subnet: string;
  readonly gateway: string;
  readonly range?: string;
  readonly auxiliary?: Readonly<Record<string, string>>;
}

/** A bridge network of this host. */
export interface LocalNetwork {
  readonly id: string;
  readonly name: string;
  /** Name of the Linux bridge. */
  readonly bridgeName: string;
  /** Small number, unique among the local networks of this host while the network lives. */
  readonly groupIndex: number;
  readonly subnet: string;
  readonly gateway: string;
  /** Part of the subnet that addresses are chosen from; the whole subnet when absent. */
  readonly range?: string;
  /** Addresses that other machines of the subnet have, by their names: no container gets them. */
  readonly auxiliary?: Readonly<Record<string, string>>;
  /** Absent on a network without IPv6, which most are. */
  readonly ipv6?: Ipv6Pool;
  readonly isInternal: boolean;
  readonly isMasqueraded: boolean;
  /** Docker's `bridge`: no names are answered on it. */
  readonly isDefault: boolean;
  readonly mtu?: number;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly isAttachable: boolean;
}
