import { SwarmError } from '@skep/kernel';
import ipaddr from 'ipaddr.js';

/** An IPv4 subnet as numbers: `base` has no host bits. */
export interface Subnet {
  readonly base: number;
  readonly prefixLength: number;
}

/** Number of addresses in a subnet, the network's own and the broadcast address included. */
export const sizeOf = (subnet: Subnet): number => 2 ** (32 - subnet.prefixLength);

/** Parses `10.0.1.0/24`; undefined when it is not an IPv4 subnet. Host bits are dropped. */
export function parseSubnet(text: string): Subnet | undefined {
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) {
    return undefined;
  }
  const [address, prefixLength] = ipaddr.IPv4.parseCIDR(text);
  const size = 2 ** (32 - prefixLength);
  return { base: Math.floor(toNumber(address) / size) * size, prefixLength };
}

/** Like {@link parseSubnet} for text that was checked before. */
export function subnetOf(text: string): Subnet {
  const subnet = parseSubnet(text);
  if (subnet === undefined) {
    throw new SwarmError('invalid_argument', `invalid CIDR address: ${text}`);
  }
  return subnet;
}

/** Parses `10.0.1.5`; undefined when it is not a full IPv4 address. */
export function parseAddress(text: string): number | undefined {
  return ipaddr.IPv4.isValidFourPartDecimal(text) ? toNumber(ipaddr.IPv4.parse(text)) : undefined;
}

function toNumber(address: ipaddr.IPv4): number {
  return address.octets.reduce((number, octet) => number * 256 + octet, 0);
}

export function formatAddress(address: number): string {
  return [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(address / unit) % 256).join('.');
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.base)}/${String(subnet.prefixLength)}`;
}

export function contains(subnet: Subnet, address: number): boolean {
  return address >= subnet.base && address < subnet.base + sizeOf(subnet);
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return contains(a, b.base) || contains(b, a.base);
}
