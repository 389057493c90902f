import { SwarmError } from '@skep/kernel';

import { contains, formatCidr, formatIpv4, overlaps, parseCidr, requireCidr, requireIpv4 } from './ipv4.ts';
import type { Ipv4Range } from './ipv4.ts';

/** Docker's default pools for local networks: fifteen /16, then sixteen /20. */
export const DEFAULT_POOLS: readonly Ipv4Range[] = [
  ...Array.from({ length: 15 }, (_, index) => block(172, 17 + index, 0, 16)),
  ...Array.from({ length: 16 }, (_, index) => block(192, 168, index * 16, 20)),
];

export interface PoolRequest {
  readonly networkName: string;
  readonly subnet?: string;
  readonly gateway?: string;
  readonly range?: string;
  readonly auxiliary?: Readonly<Record<string, string>>;
  /** Subnets of other networks and routes of the host. */
  readonly taken: readonly string[];
}

export interface PoolChoice {
  readonly subnet: string;
  readonly gateway: string;
  readonly range?: string;
  readonly auxiliary?: Readonly<Record<string, string>>;
}

/**
 * Chooses subnet, gateway and range of a new local network. Subnets that a user names may not overlap another
 * network; chosen ones avoid the routes of the host too.
 * @throws SwarmError `invalid_argument`, `failed_precondition` (overlap) or `resource_exhausted` (no pool left).
 */
export function choosePool(request: PoolRequest): PoolChoice {
  const taken = request.taken.map((text) => parseCidr(text)).filter((range) => range !== undefined);
  const field = `network ${request.networkName}`;
  const subnet =
    request.subnet === undefined
      ? freePool(taken, field)
      : namedSubnet(requireCidr(request.subnet, `${field}: subnet`), taken, field);
  const { auxiliary = {} } = request;
  const reserved = new Set(Object.values(auxiliary));
  const gateway =
    request.gateway === undefined
      ? firstFree(subnet, reserved)
      : requireIpv4(request.gateway, `${field}: gateway`);
  if (reserved.has(formatIpv4(gateway))) {
    throw new SwarmError(
      'invalid_argument',
      `${field}: ${formatIpv4(gateway)} is the gateway and an auxiliary address; choose another one for either`,
    );
  }
  if (!contains(subnet, gateway) || gateway === subnet.first) {
    throw new SwarmError(
      'invalid_argument',
      `${field}: gateway ${formatIpv4(gateway)} is not an address of ${formatCidr(subnet)}`,
    );
  }
  const range = request.range === undefined ? undefined : requireCidr(request.range, `${field}: ip range`);
  if (range !== undefined && !(contains(subnet, range.first) && range.size <= subnet.size)) {
    throw new SwarmError(
      'invalid_argument',
      `${field}: ip range ${formatCidr(range)} is not inside ${formatCidr(subnet)}`,
    );
  }
  return {
    subnet: formatCidr(subnet),
    gateway: formatIpv4(gateway),
    ...(range === undefined ? {} : { range: formatCidr(range) }),
    ...(reserved.size === 0 ? {} : { auxiliary }),
  };
}

function firstFree(subnet: Ipv4Range, reserved: ReadonlySet<string>): number {
  let address = subnet.first + 1;
  while (reserved.has(formatIpv4(address))) {
    address += 1;
  }
  return address;
}

export interface AddressRequest {
  readonly networkName: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly range?: string;
  /** Plain addresses that are in use. */
  readonly taken: ReadonlySet<string>;
  /** Plain address the user asks for. */
  readonly wanted?: string;
}

/**
 * Chooses a container's address: the wanted one, else the lowest free one.
 * @throws SwarmError `invalid_argument`, `already_exists` (wanted but taken), `resource_exhausted`.
 */
export function chooseAddress(request: AddressRequest): string {
  const subnet = requireCidr(request.subnet, 'subnet');
  const gateway = requireIpv4(request.gateway, 'gateway');
  const last = subnet.first + subnet.size - 1;
  const isUsable = (address: number): boolean =>
    address > subnet.first &&
    address < last &&
    address !== gateway &&
    !request.taken.has(formatIpv4(address));
  if (request.wanted !== undefined) {
    const wanted = requireIpv4(request.wanted, 'address');
    if (!contains(subnet, wanted)) {
      throw new SwarmError(
        'invalid_argument',
        `address ${request.wanted} is not in ${request.subnet}, the subnet of network ${request.networkName}`,
      );
    }
    if (!isUsable(wanted)) {
      throw new SwarmError(
        'already_exists',
        `address ${request.wanted} of network ${request.networkName} is already in use; choose another one`,
      );
    }
    return formatIpv4(wanted);
  }
  const range = request.range === undefined ? subnet : requireCidr(request.range, 'range');
  for (let address = range.first; address < range.first + range.size; address += 1) {
    if (isUsable(address)) {
      return formatIpv4(address);
    }
  }
  throw new SwarmError(
    'resource_exhausted',
    `network ${request.networkName} has no free address left in ${formatCidr(range)}; remove containers from it`,
  );
}

function namedSubnet(subnet: Ipv4Range, taken: readonly Ipv4Range[], field: string): Ipv4Range {
  const clash = taken.find((range) => range.prefixLength > 0 && overlaps(range, subnet));
  if (clash !== undefined) {
    throw new SwarmError(
      'failed_precondition',
      `invalid pool request: Pool overlaps with other one on this address space: ${field}: ` +
        `subnet ${formatCidr(subnet)} overlaps ${formatCidr(clash)}, which is in use; choose another one`,
      { details: { dockerStatus: 403 } },
    );
  }
  if (subnet.prefixLength > 30) {
    throw new SwarmError(
      'invalid_argument',
      `${field}: subnet ${formatCidr(subnet)} is too small; use /30 or larger`,
    );
  }
  return subnet;
}

function freePool(taken: readonly Ipv4Range[], field: string): Ipv4Range {
  const free = DEFAULT_POOLS.find((pool) =>
    taken.every((range) => range.prefixLength === 0 || !overlaps(range, pool)),
  );
  if (free === undefined) {
    throw new SwarmError(
      'resource_exhausted',
      `${field}: all default address pools are in use; name a subnet with --subnet`,
    );
  }
  return free;
}

function block(a: number, b: number, c: number, prefixLength: number): Ipv4Range {
  return { first: ((a * 256 + b) * 256 + c) * 256, prefixLength, size: 2 ** (32 - prefixLength) };
}
