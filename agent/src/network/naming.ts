import { sha256Hex } from '@skep/kernel';

/** Names and numbers of everything this host's networks make in the kernel; one value of it owns a disjoint set. */
export interface Naming {
  /** Two letters that begin every device name. */
  readonly devicePrefix: string;
  /** Name of the nft table (family ip). */
  readonly nftTable: string;
  /**
   * Routing table with the containers' addresses. The tables of the mesh's return paths follow it: table + node
   * index. Priorities of `ip rule` are the table numbers.
   */
  readonly routeTable: number;
  /** Top 7 bits of the device group of everything that belongs to a network, as a multiple of 2^25. */
  readonly groupBase: number;
}

/** The names of a host that runs one agent. */
export const DEFAULT_NAMING: Naming = {
  devicePrefix: 'sk',
  nftTable: 'skep',
  routeTable: 5300,
  groupBase: 0x52000000,
};

/** Device groups of our networks differ from the base only in these bits. */
export const GROUP_MASK = 0xfe000000;

/** Groups of local networks' bridges differ from each other only outside these bits. */
export const BRIDGE_GROUP_MASK = 0xff000000;

/** Bits of packet and connection marks that name the host a mesh connection came in by; others are left alone. */
export const MARK_MASK = 0xfff00000;
const MARK_SHIFT_FACTOR = 0x100000;

/** Link-local address of every bridge with IPv6, as Docker's; bridges are links of their own, so one serves all. */
export const BRIDGE_LINK_LOCAL = 'fe80::1/64';

/** Parameter below /proc/sys/net by which this host forwards IPv6. */
export const IPV6_FORWARDING = 'ipv6/conf/all/forwarding';

/** Most hosts that can take part in the mesh: what fits into the mark. */
export const NODE_INDEX_MAX = 0xfff;

/** Hardware address of the host's end of each routed veth: links of two ends only, so one address serves all. */
export const VETH_HOST_MAC = '02:53:00:00:00:01';

/** VXLAN device of an overlay network. */
export function vxlanName(naming: Naming, vni: number): string {
  return `${naming.devicePrefix}x${vni.toString(16)}`;
}

/** Host's end of a container's veth on an overlay network; the endpoint id keeps it apart from others. */
export function routedVethName(naming: Naming, endpointId: string): string {
  return `${naming.devicePrefix}v${endpointDigits(endpointId)}`;
}

/** Host's end of a container's veth that is a port of a bridge. */
export function bridgedVethName(naming: Naming, endpointId: string): string {
  return `${naming.devicePrefix}p${endpointDigits(endpointId)}`;
}

/** Linux bridge of a local network. */
export function bridgeName(naming: Naming, networkId: string): string {
  return `${naming.devicePrefix}b${networkId.slice(0, 12)}`;
}

/** Bridge of Docker's default network. */
export function defaultBridgeName(naming: Naming): string {
  return `${naming.devicePrefix}b0`;
}

/** Endpoint of a container on a network: the same pair always gives the same 64 digits, so a restart finds it again. */
export function endpointIdOf(containerId: string, networkId: string): string {
  return sha256Hex(new TextEncoder().encode(`${containerId}/${networkId}`));
}

/** Device group of all devices of an overlay network. */
export function overlayGroup(naming: Naming, vni: number): number {
  return naming.groupBase + vni;
}

/** Device group of a local network's bridge. */
export function bridgeGroup(naming: Naming, groupIndex: number): number {
  return naming.groupBase + 0x1000000 + groupIndex;
}

/** Hardware address of a host's VXLAN devices: derived from its underlay address, so every host can tell it. */
export function nodeMac(dataPathAddr: string): string {
  return `02:53:${addressHex(dataPathAddr)}`;
}

/** Hardware address of a container: derived from its address, as Docker does, so a reused address stays reachable. */
export function containerMac(address: string): string {
  return `02:42:${addressHex(address)}`;
}

/** Mark of connections that came in by the node of this index (1 to {@link NODE_INDEX_MAX}). */
export function nodeMark(nodeIndex: number): number {
  return nodeIndex * MARK_SHIFT_FACTOR;
}

function addressHex(address: string): string {
  return address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join(':');
}

function endpointDigits(endpointId: string): string {
  return endpointId.slice(0, 12);
}
