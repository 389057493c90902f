/**
 * The seam between the container engine and whoever makes networks.
 *
 * The engine never touches a link, an address or a packet filter. Before a container starts it asks a
 * `NetworkProvider` for a network namespace; after the container is gone it gives the namespace back. The modes
 * `none`, `host` and `container:<id>` never reach a provider: the engine answers those by itself.
 */

export type TransportProtocol = 'tcp' | 'udp' | 'sctp';

/** One network a container wants to be part of (`docker run --network`, `docker network connect`). */
export interface NetworkAttachment {
  /** Name or id of the network, as the user or the manager wrote it. */
  readonly network: string;
  /** Further names under which others on this network find the container. */
  readonly aliases?: readonly string[];
  /** Wanted IPv4 address without prefix length; the provider chooses when it is absent. */
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  readonly macAddress?: string;
  /** The network whose gateway becomes the default route when it has the greatest value. */
  readonly gatewayPriority?: number;
  readonly driverOptions?: Readonly<Record<string, string>>;
  /** Other containers on this network to be known by further names: `name:alias`. The engine writes them into hosts. */
  readonly links?: readonly string[];
}

/** A container port to be reached from outside the container's networks. */
export interface PortPublication {
  readonly containerPort: number;
  readonly protocol: TransportProtocol;
  /** Address of the host to listen on; every address when absent. */
  readonly hostAddress?: string;
  /** First port of the host that may be taken; absent or 0: the provider chooses a free one. */
  readonly hostPort?: number;
  /** Last port of the host that may be taken (`-p 8000-8010:80`); equals `hostPort` when absent. */
  readonly hostPortEnd?: number;
}

/** Resolver settings a user gave with `--dns`, `--dns-search` and `--dns-option`. */
export interface DnsSettings {
  readonly nameservers?: readonly string[];
  readonly searches?: readonly string[];
  readonly options?: readonly string[];
}

/** Everything a provider may want to know about a container that is about to start. */
export interface NetworkRequest {
  /** 64 hexadecimal digits. */
  readonly containerId: string;
  /** Without a leading slash. */
  readonly containerName: string;
  /** Host name inside the container. */
  readonly hostname: string;
  /** `bridge` (Docker's default network), or the name or id of a network; never none, host or container:<id>. */
  readonly mode: string;
  /** One entry per network, the first one being `mode` when the user named no more. Never empty. */
  readonly attachments: readonly NetworkAttachment[];
  readonly publications: readonly PortPublication[];
  /** `-P`: publish every port in `exposedPorts` on a free port of the host. */
  readonly publishAllPorts: boolean;
  /** Ports the image or the user exposes, such as `80/tcp`. */
  readonly exposedPorts: readonly string[];
  readonly dns: DnsSettings;
  readonly labels: Readonly<Record<string, string>>;
  /** sysctls of the network namespace (`net.*`); the provider need not apply them, the runtime does. */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** One line of `/etc/hosts`. */
export interface HostsEntry {
  readonly address: string;
  readonly names: readonly string[];
}

/** One interface inside the container, as `docker inspect` shows it. */
export interface AttachedInterface {
  readonly networkId: string;
  readonly networkName: string;
  /** `bridge` when absent. */
  readonly driver?: string;
  readonly endpointId: string;
  /** Name inside the container, such as `eth0`. */
  readonly interfaceName: string;
  readonly macAddress: string;
  /** With prefix length: `10.0.1.5/24`; absent when the network has no IPv4. */
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  /** Without prefix length. */
  readonly gateway?: string;
  readonly ipv6Gateway?: string;
  readonly aliases: readonly string[];
  /** Names the embedded DNS answers for this container on this network. */
  readonly dnsNames: readonly string[];
}

/** A publication as it came true. */
export interface PublishedPort {
  readonly containerPort: number;
  readonly protocol: TransportProtocol;
  readonly hostAddress: string;
  readonly hostPort: number;
}

/** What the engine needs to start a container in the network that was made for it. */
export interface PreparedNetwork {
  /** A path that can be given to setns(2), valid until `release`. */
  readonly netnsPath: string;
  /** Lines to add to `/etc/hosts` after those of localhost; must name the container's own host name. */
  readonly hostsEntries: readonly HostsEntry[];
  /** The whole content of the container's `/etc/resolv.conf`. */
  readonly resolvConf: string;
  readonly interfaces: readonly AttachedInterface[];
  readonly ports: readonly PublishedPort[];
}

/** A container that was running before this process started and still runs. */
export interface LiveNetwork {
  readonly request: NetworkRequest;
  readonly prepared: PreparedNetwork;
  /** Process id of the container's first process in the engine's pid namespace. */
  readonly pid: number;
}

/**
 * Makes and unmakes the network of containers.
 *
 * Each call for one container comes after the previous one for it has ended; calls for different containers run
 * side by side. Errors are `SwarmError`s whose message names the network and the remedy.
 */
export interface NetworkProvider {
  /**
   * Makes the network namespace and all that belongs to it.
   * On failure the provider has undone what it had begun: the engine does not call `release`. With `namespacePath` the
   * namespace is there already (a user namespace owns it) and has nothing in it.
   */
  prepare(request: NetworkRequest, namespacePath?: string): Promise<PreparedNetwork>;

  /** Removes all that `prepare` made. Idempotent; must succeed for a container that was never prepared. */
  release(containerId: string): Promise<void>;

  /**
   * Called once when the engine opens, before any other call: these containers run, and nothing else does.
   * The provider takes them over and removes leftovers of all others.
   */
  adopt(live: readonly LiveNetwork[]): Promise<void>;

  /** Adds a running container to one more network; answers the container's network as it is then. */
  connect(containerId: string, attachment: NetworkAttachment): Promise<PreparedNetwork>;

  /** Takes a running container off a network; answers the container's network as it is then. */
  disconnect(containerId: string, network: string): Promise<PreparedNetwork>;

  /**
   * Tells the provider that the container's process runs (or no longer does) while its namespace stays.
   * Optional: a provider that publishes names only for running containers needs it.
   */
  running?(containerId: string, isRunning: boolean): void;
}
