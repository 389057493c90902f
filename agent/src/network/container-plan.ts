import { SwarmError } from '@skep/kernel';
import type { WireNetwork } from '@skep/wire';

import type {
  AttachedInterface,
  HostsEntry,
  NetworkAttachment,
  NetworkRequest,
  PortPublication,
  PreparedNetwork,
  TransportProtocol,
} from '../engine/network-provider.ts';
import { chooseAddress } from './address-pool.ts';
import { chooseGateway } from './attach.ts';
import { formatIp, parseIp } from './ip-prefix.ts';
import { contains, parseCidr, requireIpv4 } from './ipv4.ts';
import { chooseIpv6Address } from './ipv6-pool.ts';
import { findByReference } from './local-networks.ts';
import { containerMac, endpointIdOf } from './naming.ts';
import { overlayMtu } from './plan.ts';
import type { LocalAttachment, LocalContainer, LocalNetwork } from './state.ts';

/** A network a container can join on this host. */
export type JoinableNetwork =
  | { readonly kind: 'local'; readonly id: string; readonly name: string; readonly network: LocalNetwork }
  | { readonly kind: 'overlay'; readonly id: string; readonly name: string; readonly network: WireNetwork };

/** Label by which the worker names the task of a container (Docker's). */
export const TASK_ID_LABEL = 'com.docker.swarm.task.id';

/** Everything a container can join: local networks and those of the cluster. */
export function joinableNetworks(
  local: Iterable<LocalNetwork>,
  cluster: readonly WireNetwork[],
): JoinableNetwork[] {
  return [
    ...[...local].map((network) => ({ kind: 'local', id: network.id, name: network.name, network }) as const),
    ...cluster.map((network) => ({ kind: 'overlay', id: network.id, name: network.name, network }) as const),
  ];
}

/**
 * Finds the network an attachment names; `default` is Docker's other word for `bridge`.
 * A cluster network that is not known yet is a temporary condition: the managers may be about to tell of it.
 */
export function findNetwork(networks: readonly JoinableNetwork[], reference: string): JoinableNetwork {
  try {
    return findByReference(networks, reference === 'default' ? 'bridge' : reference);
  } catch (error) {
    throw error instanceof SwarmError && error.code === 'not_found'
      ? new SwarmError('not_found', `network ${reference} not found`, { temporary: true, cause: error })
      : error;
  }
}

/** Subnet and gateway an address of this network has; the first pair when `address` is absent or fits none. */
export function subnetFor(
  network: JoinableNetwork,
  address: string | undefined,
): { readonly subnet: string; readonly gateway: string } {
  if (network.kind === 'local') {
    return network.network;
  }
  const value = address === undefined ? undefined : requireIpv4(address, 'address');
  const { subnets } = network.network;
  const match = subnets.find(({ subnet }) => {
    const range = parseCidr(subnet);
    return value !== undefined && range !== undefined && contains(range, value);
  });
  const chosen = match ?? (address === undefined ? subnets[0] : undefined);
  if (chosen === undefined) {
    throw new SwarmError(
      'invalid_argument',
      `address ${address ?? '(none)'} is in no subnet of network ${network.name}`,
    );
  }
  return chosen;
}

/** MTU of a container's interface on this network. */
export function interfaceMtu(network: JoinableNetwork, underlayMtu: number): number {
  return network.kind === 'local'
    ? (network.network.mtu ?? underlayMtu)
    : overlayMtu(network.network, underlayMtu);
}

export interface AttachmentInput {
  readonly containerId: string;
  readonly interfaceName: string;
  readonly wanted: NetworkAttachment;
  readonly network: JoinableNetwork;
  /** Plain addresses of both families in use on this network. */
  readonly taken: ReadonlySet<string>;
}

/** Plans one interface: its address, hardware address and endpoint. */
export function planAttachment(input: AttachmentInput): LocalAttachment {
  const { network, wanted, containerId } = input;
  const { subnet, gateway } = subnetFor(network, wanted.ipv4Address);
  if (network.kind === 'overlay' && wanted.ipv4Address === undefined) {
    throw new SwarmError(
      'unimplemented',
      `network ${network.name} is a cluster network: only the managers give addresses on it; ` +
        'run the container as a service, or name an address with --ip',
    );
  }
  if (network.kind === 'overlay' && network.network.driverOpts?.['encrypted'] !== undefined) {
    throw new SwarmError(
      'unimplemented',
      `network ${network.name}: encrypted overlay networks are not supported`,
    );
  }
  const { range, auxiliary } = network.kind === 'local' ? network.network : {};
  const address = chooseAddress({
    networkName: network.name,
    subnet,
    gateway,
    taken: auxiliary === undefined ? input.taken : new Set([...input.taken, ...Object.values(auxiliary)]),
    ...(range === undefined ? {} : { range }),
    ...(wanted.ipv4Address === undefined ? {} : { wanted: wanted.ipv4Address }),
  });
  const ipv6 = ipv6AddressOf(input);
  return {
    containerId,
    networkId: network.id,
    endpointId: endpointIdOf(containerId, network.id),
    interfaceName: input.interfaceName,
    macAddress: checkedMac(wanted.macAddress) ?? containerMac(address),
    address,
    prefixLength: Number(subnet.split('/')[1]),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    aliases: wanted.aliases ?? [],
  };
}

function ipv6AddressOf({ network, wanted, taken }: AttachmentInput): LocalAttachment['ipv6'] {
  const pool = network.kind === 'local' ? network.network.ipv6 : undefined;
  if (pool === undefined) {
    if (wanted.ipv6Address !== undefined) {
      throw new SwarmError(
        'invalid_argument',
        `network ${network.name} has no IPv6 subnet for the address ${wanted.ipv6Address}; ` +
          'leave the address out, or use a network that was created with --ipv6',
      );
    }
    return undefined;
  }
  const { ipv6Address } = wanted;
  const address = chooseIpv6Address({
    networkName: network.name,
    pool,
    taken,
    ...(ipv6Address === undefined ? {} : { wanted: ipv6Address }),
  });
  return { address, prefixLength: Number(pool.subnet.split('/')[1]) };
}

/** The gateway of a network's IPv6 addresses; undefined when it has none. */
export function ipv6GatewayOf(network: JoinableNetwork): string | undefined {
  return network.kind === 'local' ? network.network.ipv6?.gateway : undefined;
}

/** Lowest `ethN` that is free. */
export function freeInterfaceName(attachments: readonly LocalAttachment[]): string {
  const used = new Set(attachments.map((attachment) => attachment.interfaceName));
  for (let index = 0; ; index += 1) {
    const name = `eth${String(index)}`;
    if (!used.has(name)) {
      return name;
    }
  }
}

/** The network that carries the container's default route; undefined when all are internal. */
export function gatewayNetworkOf(
  attachments: readonly LocalAttachment[],
  networks: readonly JoinableNetwork[],
  wanted: readonly NetworkAttachment[],
): string | undefined {
  const byId = new Map(networks.map((network) => [network.id, network]));
  return chooseGateway(
    attachments.flatMap((attachment) => {
      const network = byId.get(attachment.networkId);
      const request = wanted.find((item) => item.network === network?.id || item.network === network?.name);
      return network === undefined
        ? []
        : [
            {
              networkId: network.id,
              isIngress: network.kind === 'overlay' && network.network.isIngress,
              isInternal: network.network.isInternal,
              isBridge: network.kind === 'local',
              priority: request?.gatewayPriority ?? 0,
            },
          ];
    }),
  );
}

/** What `-p` and `-P` ask for, in one list: `-P` adds the exposed ports that are not published anyway. */
export function wantedPublications(request: NetworkRequest): PortPublication[] {
  if (!request.publishAllPorts) {
    return [...request.publications];
  }
  const named = new Set(request.publications.map((port) => `${String(port.containerPort)}/${port.protocol}`));
  const exposed = request.exposedPorts.flatMap((text): PortPublication[] => {
    const match = /^(\d+)(?:\/(tcp|udp|sctp))?$/.exec(text);
    const protocol = (match?.[2] ?? 'tcp') as TransportProtocol;
    return match === null || named.has(`${String(match[1])}/${protocol}`)
      ? []
      : [{ containerPort: Number(match[1]), protocol }];
  });
  return [...request.publications, ...exposed];
}

/**
 * The addresses of the host that a publication is for. Without a wish they are all of the families the container has.
 * @throws SwarmError `invalid_argument` for an IPv6 address when the container has none.
 */
export function hostAddressesOf(publication: PortPublication, hasIpv6: boolean): readonly string[] {
  const { hostAddress = '' } = publication;
  const wanted = parseIp(hostAddress);
  if (hostAddress === '') {
    return hasIpv6 ? ['0.0.0.0', '::'] : ['0.0.0.0'];
  }
  if (wanted?.family === 6 && !hasIpv6) {
    throw new SwarmError(
      'invalid_argument',
      `port publication: ${hostAddress} is an IPv6 address, and the container has none to lead to; ` +
        'put it on a network that was created with --ipv6',
    );
  }
  return [wanted === undefined ? hostAddress : formatIp(wanted)];
}

/** What the engine is told of a container's network. */
export function preparedNetwork(input: {
  readonly container: LocalContainer;
  readonly networks: readonly JoinableNetwork[];
  readonly gatewayNetworkId: string | undefined;
  readonly netnsPath: string;
  readonly resolvConf: string;
}): PreparedNetwork {
  const { container } = input;
  const byId = new Map(input.networks.map((network) => [network.id, network]));
  const interfaces = container.attachments.flatMap((attachment): AttachedInterface[] => {
    const network = byId.get(attachment.networkId);
    if (network === undefined) {
      return [];
    }
    const isNamed = !(network.kind === 'local' && network.network.isDefault);
    return [
      {
        networkId: network.id,
        networkName: network.name,
        driver: network.kind === 'local' ? 'bridge' : 'overlay',
        endpointId: attachment.endpointId,
        interfaceName: attachment.interfaceName,
        macAddress: attachment.macAddress,
        ipv4Address: `${attachment.address}/${String(attachment.prefixLength)}`,
        ...(network.network.isInternal ? {} : { gateway: subnetFor(network, attachment.address).gateway }),
        ...ipv6Interface(attachment, network),
        aliases: attachment.aliases,
        dnsNames: isNamed
          ? [
              ...new Set([
                container.name,
                ...attachment.aliases,
                container.containerId.slice(0, 12),
                container.hostname,
              ]),
            ]
          : [],
      },
    ];
  });
  return {
    netnsPath: input.netnsPath,
    hostsEntries: container.attachments.flatMap(({ address, ipv6 }): HostsEntry[] =>
      [address, ...(ipv6 === undefined ? [] : [ipv6.address])].map((one) => ({
        address: one,
        names: [container.hostname],
      })),
    ),
    resolvConf: input.resolvConf,
    interfaces,
    ports: container.publications.map((port) => ({
      containerPort: port.containerPort,
      protocol: port.protocol,
      hostAddress: port.hostAddress,
      hostPort: port.hostPort,
    })),
  };
}

function ipv6Interface(
  { ipv6 }: LocalAttachment,
  network: JoinableNetwork,
): Pick<AttachedInterface, 'ipv6Address' | 'ipv6Gateway'> {
  const gateway = network.network.isInternal ? undefined : ipv6GatewayOf(network);
  return {
    ...(ipv6 === undefined ? {} : { ipv6Address: `${ipv6.address}/${String(ipv6.prefixLength)}` }),
    ...(ipv6 === undefined || gateway === undefined ? {} : { ipv6Gateway: gateway }),
  };
}

function checkedMac(text: string | undefined): string | undefined {
  if (text === undefined || text === '') {
    return undefined;
  }
  if (!/^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(text)) {
    throw new SwarmError(
      'invalid_argument',
      `mac address ${text} is not valid; write it like 02:42:ac:11:00:02`,
    );
  }
  return text.toLowerCase();
}
