import {
  orOmit,
  type DockerContainerCreate,
  type DockerEndpointConfig,
  type DockerHostConfig,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { NetworkConfig } from '../../engine/container-config.ts';
import type { NetworkAttachment, PortPublication, TransportProtocol } from '../../engine/network-provider.ts';
import { withProtocol } from './port.ts';

/** Mode as the engine names it: `default` and nothing are `bridge`. */
export function networkModeOf(mode: string | undefined): string {
  return mode === undefined || mode === '' || mode === 'default' ? 'bridge' : mode;
}

/** The network part of a create request. @throws SwarmError that names the bad field. */
export function networkConfigOf(body: DockerContainerCreate): NetworkConfig {
  const host = body.HostConfig ?? {};
  const mode = body.NetworkDisabled === true ? 'none' : networkModeOf(host.NetworkMode);
  const isOwn = mode !== 'none' && mode !== 'host' && !mode.startsWith('container:');
  const publications = publicationsOf(host.PortBindings ?? {});
  if (!isOwn && publications.length > 0 && mode.startsWith('container:')) {
    throw new SwarmError(
      'invalid_argument',
      'conflicting options: port publishing and the container type network mode',
    );
  }
  const attachments = isOwn ? attachmentsOf(mode, body) : [];
  return {
    mode,
    ...(attachments.length > 0 ? { attachments } : {}),
    ...(isOwn && publications.length > 0 ? { publications } : {}),
    ...(host.PublishAllPorts === true ? { publishAllPorts: true } : {}),
    ...dnsOf(host),
    ...(host.ExtraHosts === undefined ? {} : { extraHosts: host.ExtraHosts }),
    ...(host.Sysctls === undefined ? {} : { sysctls: host.Sysctls }),
  };
}

function dnsOf(host: DockerHostConfig): Pick<NetworkConfig, 'dns'> {
  const lists = { nameservers: host.Dns, searches: host.DnsSearch, options: host.DnsOptions };
  const given = Object.entries(lists).filter(([, list]) => list !== undefined && list.length > 0);
  return given.length === 0 ? {} : { dns: Object.fromEntries(given) };
}

function attachmentsOf(mode: string, body: DockerContainerCreate): NetworkAttachment[] {
  const configs = new Map<string, DockerEndpointConfig>();
  for (const [name, config] of Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {})) {
    configs.set(networkModeOf(name), config ?? {});
  }
  const primary = configs.get(mode) ?? {};
  configs.delete(mode);
  const mac = orOmit(body.MacAddress);
  const first = {
    ...primary,
    ...(mac !== undefined && primary.MacAddress === undefined ? { MacAddress: mac } : {}),
    Links: [...new Set([...(primary.Links ?? []), ...(body.HostConfig?.Links ?? [])])],
  };
  return [
    attachmentOf(mode, first),
    ...[...configs].map(([network, config]) => attachmentOf(network, config)),
  ];
}

/** How a container joins one network; for create and for `docker network connect`. */
export function attachmentOf(network: string, config: DockerEndpointConfig): NetworkAttachment {
  const ipam = config.IPAMConfig ?? {};
  return {
    network,
    ...(config.Aliases === undefined || config.Aliases.length === 0 ? {} : { aliases: config.Aliases }),
    ...(ipam.IPv4Address ? { ipv4Address: ipam.IPv4Address } : {}),
    ...(ipam.IPv6Address ? { ipv6Address: ipam.IPv6Address } : {}),
    ...(config.MacAddress ? { macAddress: config.MacAddress } : {}),
    ...(config.GwPriority ? { gatewayPriority: config.GwPriority } : {}),
    ...(config.DriverOpts === undefined ? {} : { driverOptions: config.DriverOpts }),
    ...(config.Links === undefined || config.Links.length === 0 ? {} : { links: config.Links }),
  };
}

type PortBindings = NonNullable<NonNullable<DockerContainerCreate['HostConfig']>['PortBindings']>;

function publicationsOf(bindings: PortBindings): PortPublication[] {
  return Object.entries(bindings).flatMap(([port, hosts]) => {
    const [number = '', protocol = ''] = withProtocol(port).split('/');
    const base = { containerPort: Number(number), protocol: protocol as TransportProtocol };
    return (hosts ?? []).map((host) => publicationOf(base, host));
  });
}

function publicationOf(
  base: Pick<PortPublication, 'containerPort' | 'protocol'>,
  host: { readonly HostIp?: string | undefined; readonly HostPort?: string | undefined },
): PortPublication {
  const address = orOmit(host.HostIp);
  const text = host.HostPort ?? '';
  const match = /^(?:(\d{1,5})(?:-(\d{1,5}))?)?$/.exec(text);
  const first = Number(match?.[1] ?? 0);
  const last = Number(match?.[2] ?? first);
  if (match === null || first > 65_535 || last > 65_535 || last < first) {
    throw new SwarmError('invalid_argument', `invalid port specification: "${text}"`);
  }
  return {
    ...base,
    ...(address === undefined ? {} : { hostAddress: address }),
    ...(first === 0 ? {} : { hostPort: first }),
    ...(last === first ? {} : { hostPortEnd: last }),
  };
}
