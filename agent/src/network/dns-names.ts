import type { WireEndpoint, WireService } from '@skep/wire';

import type { ClusterNetworkState, LocalContainer, LocalNetwork } from './state.ts';

/** Names and addresses of every network of this host, made once per change of state and read for each query. */
export interface NameIndex {
  readonly networks: ReadonlyMap<string, NetworkNames>;
}

export interface NetworkNames {
  readonly name: string;
  /** Lower-case name to plain addresses; an empty list is a known name without an address now. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** The same for IPv6; names of containers that have it, on networks that have it. */
  readonly ipv6Addresses: ReadonlyMap<string, readonly string[]>;
  /** Plain address to the name that PTR queries get. */
  readonly reverse: ReadonlyMap<string, string>;
}

export interface NameSources {
  readonly localNetworks: readonly LocalNetwork[];
  readonly containers: readonly LocalContainer[];
  readonly cluster?: ClusterNetworkState;
}

interface NamesBuilder {
  readonly name: string;
  readonly addresses: Map<string, string[]>;
  readonly ipv6Addresses: Map<string, string[]>;
  readonly reverse: Map<string, string>;
}

/**
 * Gathers what each network answers: containers by name, short id and alias; services by name and alias (their
 * virtual address, or the tasks' own with dnsrr); `tasks.<service>`; tasks by name. A service wins over a container of
 * the same name. Docker's default bridge answers nothing.
 */
export function buildNameIndex(sources: NameSources): NameIndex {
  const networks = new Map<string, NamesBuilder>();
  const open = (id: string, name: string): void => {
    networks.set(id, { name, addresses: new Map(), ipv6Addresses: new Map(), reverse: new Map() });
  };
  for (const network of sources.localNetworks) {
    if (!network.isDefault) {
      open(network.id, network.name);
    }
  }
  for (const network of sources.cluster?.networks ?? []) {
    open(network.id, network.name);
  }
  addContainers(sources.containers, networks);
  if (sources.cluster !== undefined) {
    addServices(sources.cluster, networks);
  }
  return { networks };
}

function addContainers(
  containers: readonly LocalContainer[],
  networks: ReadonlyMap<string, NamesBuilder>,
): void {
  for (const container of containers) {
    for (const attachment of container.isRunning ? container.attachments : []) {
      const network = networks.get(attachment.networkId);
      if (network === undefined) {
        continue;
      }
      const names = [
        container.name,
        container.containerId.slice(0, 12),
        container.hostname,
        ...attachment.aliases,
      ];
      for (const name of new Set(names.map((text) => text.toLowerCase()))) {
        addAddress(network.addresses, name, attachment.address);
        if (attachment.ipv6 !== undefined) {
          addAddress(network.ipv6Addresses, name, attachment.ipv6.address);
        }
      }
      network.reverse.set(attachment.address, container.name);
      if (attachment.ipv6 !== undefined) {
        network.reverse.set(attachment.ipv6.address, container.name);
      }
    }
  }
}

function addServices(cluster: ClusterNetworkState, networks: ReadonlyMap<string, NamesBuilder>): void {
  const endpoints = new Map<string, WireEndpoint[]>();
  for (const endpoint of cluster.endpoints) {
    const key = `${endpoint.serviceId} ${endpoint.networkId}`;
    endpoints.set(key, [...(endpoints.get(key) ?? []), endpoint]);
    const network = networks.get(endpoint.networkId);
    if (network !== undefined) {
      network.addresses.set(endpoint.taskName.toLowerCase(), [endpoint.address]);
      network.reverse.set(endpoint.address, endpoint.taskName);
    }
  }
  for (const service of [...cluster.services].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    for (const [networkId, network] of networks) {
      const members = endpoints.get(`${service.id} ${networkId}`) ?? [];
      addService(service, members, { networkId, network });
    }
  }
}

function addService(
  service: WireService,
  members: readonly WireEndpoint[],
  place: { readonly networkId: string; readonly network: NamesBuilder },
): void {
  const { networkId, network } = place;
  const virtualIp = service.virtualIps.find((vip) => vip.networkId === networkId)?.address;
  if (virtualIp === undefined && members.length === 0) {
    return;
  }
  const serving = [
    ...new Set(members.filter((member) => member.isServing).map((member) => member.address)),
  ].sort();
  const own = service.mode === 'vip' && virtualIp !== undefined ? [virtualIp] : serving;
  const aliases = service.aliases
    .filter((alias) => alias.networkId === networkId)
    .flatMap((alias) => alias.names);
  for (const name of new Set([service.name, ...aliases].map((text) => text.toLowerCase()))) {
    network.addresses.set(name, own);
    network.addresses.set(`tasks.${name}`, serving);
  }
  if (virtualIp !== undefined) {
    network.reverse.set(virtualIp, service.name);
  }
}

function addAddress(names: Map<string, string[]>, name: string, address: string): void {
  const addresses = names.get(name);
  if (addresses === undefined) {
    names.set(name, [address]);
  } else if (!addresses.includes(address)) {
    addresses.push(address);
  }
}
