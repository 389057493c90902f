import {
  compact,
  formatTimeMs,
  type DockerEndpointSettings,
  type DockerNetwork,
  type DockerNetworkSettings,
  type DockerPort,
  type DockerPortMap,
} from '@skep/docker-api';

import type { ContainerDetails, ContainerSummary } from '../../engine/container-api.ts';
import type { AttachedInterface, NetworkAttachment } from '../../engine/network-provider.ts';
import type { NetworkView } from '../../network/network-api.ts';

function splitCidr(cidr: string | undefined): { readonly address: string; readonly length: number } {
  const [address = '', length = '0'] = (cidr ?? '').split('/');
  return { address, length: Number(length) };
}

/** The ports of a list: published ones with their host side, the rest by themselves. */
export function portsOf(summary: Pick<ContainerSummary, 'ports' | 'exposedPorts'>): DockerPort[] {
  const published = summary.ports.map((port) => ({
    IP: port.hostAddress,
    PrivatePort: port.containerPort,
    PublicPort: port.hostPort,
    Type: port.protocol,
  }));
  const taken = new Set(published.map((port) => `${String(port.PrivatePort)}/${port.Type}`));
  const exposed = summary.exposedPorts
    .filter((port) => !taken.has(port))
    .map((port) => {
      const [number = '0', type = 'tcp'] = port.split('/');
      return { PrivatePort: Number(number), Type: type };
    });
  return [...exposed, ...published];
}

/** `NetworkSettings.Ports`. */
export function portMapOf(summary: Pick<ContainerSummary, 'ports' | 'exposedPorts'>): DockerPortMap {
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const port of summary.exposedPorts) {
    map[port] = null;
  }
  for (const port of summary.ports) {
    const key = `${String(port.containerPort)}/${port.protocol}`;
    map[key] = [...(map[key] ?? []), { HostIp: port.hostAddress, HostPort: String(port.hostPort) }];
  }
  return map;
}

/** What Docker answers for an endpoint that is not made yet. */
const NO_ENDPOINT: DockerEndpointSettings = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  MacAddress: '',
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: '',
  EndpointID: '',
  Gateway: '',
  IPAddress: '',
  IPPrefixLen: 0,
  IPv6Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
};

function wantedToDocker(wanted: NetworkAttachment): Partial<DockerEndpointSettings> {
  const hasFixedAddress = wanted.ipv4Address !== undefined || wanted.ipv6Address !== undefined;
  return compact<Partial<DockerEndpointSettings>>({
    ...(hasFixedAddress
      ? { IPAMConfig: { IPv4Address: wanted.ipv4Address, IPv6Address: wanted.ipv6Address } }
      : {}),
    ...(wanted.aliases === undefined || wanted.aliases.length === 0 ? {} : { Aliases: wanted.aliases }),
    ...(wanted.links === undefined ? {} : { Links: wanted.links }),
    ...(wanted.driverOptions === undefined ? {} : { DriverOpts: wanted.driverOptions }),
    ...(wanted.gatewayPriority === undefined ? {} : { GwPriority: wanted.gatewayPriority }),
  });
}

function attachedToDocker(attached: AttachedInterface): Partial<DockerEndpointSettings> {
  const v4 = splitCidr(attached.ipv4Address);
  const v6 = splitCidr(attached.ipv6Address);
  return {
    MacAddress: attached.macAddress,
    NetworkID: attached.networkId,
    EndpointID: attached.endpointId,
    Gateway: attached.gateway ?? '',
    IPAddress: v4.address,
    IPPrefixLen: v4.length,
    IPv6Gateway: attached.ipv6Gateway ?? '',
    GlobalIPv6Address: v6.address,
    GlobalIPv6PrefixLen: v6.length,
    DNSNames: attached.dnsNames.length === 0 ? null : attached.dnsNames,
  };
}

function endpointToDocker(
  attached: AttachedInterface | undefined,
  wanted: NetworkAttachment | undefined,
): DockerEndpointSettings {
  return {
    ...NO_ENDPOINT,
    ...(wanted === undefined ? {} : wantedToDocker(wanted)),
    ...(attached === undefined ? {} : attachedToDocker(attached)),
  };
}

/** Networks by name: those the container is on, else (stopped) those it will be on. */
export function networksToDocker(
  summary: Pick<ContainerSummary, 'interfaces' | 'networkMode'>,
  wanted: readonly NetworkAttachment[],
): Readonly<Record<string, DockerEndpointSettings>> {
  const networks: Record<string, DockerEndpointSettings> = {};
  for (const attached of summary.interfaces) {
    const request = wanted.find(({ network }) =>
      [attached.networkName, attached.networkId].includes(network),
    );
    networks[attached.networkName] = endpointToDocker(attached, request);
  }
  if (summary.interfaces.length > 0 || summary.networkMode.startsWith('container:')) {
    return networks;
  }
  for (const request of wanted) {
    networks[request.network] = endpointToDocker(undefined, request);
  }
  networks[summary.networkMode] ??= endpointToDocker(undefined, undefined);
  return networks;
}

export function networkSettingsOf(details: ContainerDetails): DockerNetworkSettings {
  const networks = networksToDocker(details, details.config.network?.attachments ?? []);
  const bridge = networks['bridge'] ?? NO_ENDPOINT;
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: details.netnsPath,
    Ports: portMapOf(details),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge.EndpointID,
    Gateway: bridge.Gateway,
    GlobalIPv6Address: bridge.GlobalIPv6Address,
    GlobalIPv6PrefixLen: bridge.GlobalIPv6PrefixLen,
    IPAddress: bridge.IPAddress,
    IPPrefixLen: bridge.IPPrefixLen,
    IPv6Gateway: bridge.IPv6Gateway,
    MacAddress: bridge.MacAddress,
    Networks: networks,
  };
}

/** A network of this host, or the local view of one of the swarm. Lists leave the containers out, as Docker does. */
export function localNetworkToDocker(network: NetworkView, withContainers: boolean): DockerNetwork {
  const containers = network.containers.map((container) => [
    container.containerId,
    {
      Name: container.name,
      EndpointID: container.endpointId,
      MacAddress: container.macAddress,
      IPv4Address: container.ipv4Address,
      IPv6Address: container.ipv6Address ?? '',
    },
  ]);
  return {
    Name: network.name,
    Id: network.id,
    Created: formatTimeMs(network.createdAtMs),
    Scope: network.scope,
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: network.isIpv6,
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: network.ipam.map(({ subnet, gateway, range, auxiliary }) => ({
        Subnet: subnet,
        ...(range === undefined ? {} : { IPRange: range }),
        Gateway: gateway,
        ...(auxiliary === undefined ? {} : { AuxiliaryAddresses: auxiliary }),
      })),
    },
    Internal: network.isInternal,
    Attachable: network.isAttachable,
    Ingress: network.isIngress,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: withContainers ? (Object.fromEntries(containers) as DockerNetwork['Containers']) : {},
    Options: network.options,
    Labels: network.labels,
    ...(withContainers && network.peers.length > 0
      ? { Peers: network.peers.map(({ name, address }) => ({ Name: name, IP: address })) }
      : {}),
  };
}
