import { SwarmError, sha256Hex } from '@skep/kernel';

import {
  containsIp,
  formatIp,
  formatPrefix,
  lastOf,
  overlapsPrefix,
  parseIp,
  parsePrefix,
} from './ip-prefix.ts';
import type { IpPrefix } from './ip-prefix.ts';
import type { PoolSpec } from './ipam-checks.ts';
import type { Ipv6Pool } from './state.ts';

/** Bits of the subnets that are chosen, and of the block of the host that they come from (RFC 4193). */
const CHOSEN_BITS = 64;
const SUBNETS_MAX = 1 << 16;
/** A gateway and a container need an address each. */
const PREFIX_BITS_MAX = 126;

export interface Ipv6PoolRequest {
  readonly networkName: string;
  /** Checked with `checkPools`; the subnet is chosen when there is none. */
  readonly pool: PoolSpec | undefined;
  /** Subnets of other networks and of the host; those of the other family do not matter. */
  readonly taken: readonly string[];
  /** What tells this host from all others: its block of local addresses follows from it. */
  readonly hostSeed: string;
}

/**
 * Chooses subnet and gateway of a network with IPv6: what the user wants, else the first free /64 of the host's own
 * block of unique local addresses.
 * @throws SwarmError `invalid_argument`, `failed_precondition` (overlap) or `resource_exhausted`.
 */
export function chooseIpv6Pool(request: Ipv6PoolRequest): Ipv6Pool {
  const { networkName, pool = {} } = request;
  const field = `network ${networkName}`;
  const taken = request.taken
    .map((text) => parsePrefix(text)?.prefix)
    .filter((prefix) => prefix !== undefined)
    .filter(({ family, prefixLength }) => family === 6 && prefixLength > 0);
  const subnet =
    pool.subnet === undefined ? freeSubnet(request, taken) : namedSubnet(pool.subnet, taken, field);
  const { auxiliary = {} } = pool;
  const reserved = new Set(Object.values(auxiliary).map(canonical));
  const gateway = pool.gateway === undefined ? lowestFree(subnet, reserved) : canonical(pool.gateway);
  if (gateway === undefined || reserved.has(gateway) || parseIp(gateway)?.value === subnet.first) {
    throw new SwarmError(
      'invalid_argument',
      `${field}: ${gateway ?? formatPrefix(subnet)} cannot be the gateway; choose another one with --gateway`,
    );
  }
  return {
    subnet: formatPrefix(subnet),
    gateway,
    ...(pool.range === undefined ? {} : { range: pool.range }),
    ...(reserved.size === 0 ? {} : { auxiliary }),
  };
}

export interface Ipv6AddressRequest {
  readonly networkName: string;
  readonly pool: Ipv6Pool;
  /** Plain addresses that are in use, in their usual form. */
  readonly taken: ReadonlySet<string>;
  /** Plain address the user asks for. */
  readonly wanted?: string;
}

/**
 * Chooses a container's address: the wanted one, else the lowest free one.
 * @throws SwarmError `invalid_argument`, `already_exists` (wanted but taken), `resource_exhausted`.
 */
export function chooseIpv6Address({ networkName, pool, taken, wanted }: Ipv6AddressRequest): string {
  const subnet = requirePrefix(pool.subnet);
  const used = new Set([...taken, pool.gateway, ...Object.values(pool.auxiliary ?? {}).map(canonical)]);
  if (wanted !== undefined) {
    const address = parseIp(wanted);
    if (address?.family !== 6) {
      throw new SwarmError(
        'invalid_argument',
        `address: "${wanted.slice(0, 80)}" is no IPv6 address; write it like fd00::5`,
      );
    }
    if (!containsIp(subnet, address)) {
      throw new SwarmError(
        'invalid_argument',
        `address ${wanted} is not in ${pool.subnet}, the IPv6 subnet of network ${networkName}`,
      );
    }
    if (address.value === subnet.first || used.has(formatIp(address))) {
      throw new SwarmError(
        'already_exists',
        `address ${wanted} of network ${networkName} is already in use; choose another one`,
      );
    }
    return formatIp(address);
  }
  const range = pool.range === undefined ? subnet : requirePrefix(pool.range);
  const found = lowestFree(range, used, subnet.first);
  if (found === undefined) {
    throw new SwarmError(
      'resource_exhausted',
      `network ${networkName} has no free address left in ${formatPrefix(range)}; remove containers from it`,
    );
  }
  return found;
}

/** The block of unique local addresses of a host: 40 bits that no other host is likely to have (RFC 4193, 3.2.2). */
function hostBlock(hostSeed: string): bigint {
  const globalId = BigInt(`0x${sha256Hex(new TextEncoder().encode(hostSeed)).slice(0, 10)}`);
  return (0xfdn << 120n) | (globalId << 80n);
}

function freeSubnet({ hostSeed, networkName }: Ipv6PoolRequest, taken: readonly IpPrefix[]): IpPrefix {
  const block = hostBlock(hostSeed);
  for (let index = 0n; index < BigInt(SUBNETS_MAX); index += 1n) {
    const candidate: IpPrefix = { family: 6, first: block + (index << 64n), prefixLength: CHOSEN_BITS };
    if (!taken.some((prefix) => overlapsPrefix(prefix, candidate))) {
      return candidate;
    }
  }
  throw new SwarmError(
    'resource_exhausted',
    `network ${networkName}: all IPv6 subnets of this host are in use; name one with --subnet`,
  );
}

function namedSubnet(text: string, taken: readonly IpPrefix[], field: string): IpPrefix {
  const subnet = requirePrefix(text);
  const clash = taken.find((prefix) => overlapsPrefix(prefix, subnet));
  if (clash !== undefined) {
    throw new SwarmError(
      'failed_precondition',
      `invalid pool request: Pool overlaps with other one on this address space: ${field}: ` +
        `subnet ${text} overlaps ${formatPrefix(clash)}, which is in use; choose another one`,
      { details: { dockerStatus: 403 } },
    );
  }
  if (subnet.prefixLength > PREFIX_BITS_MAX) {
    throw new SwarmError(
      'invalid_argument',
      `${field}: subnet ${text} is too small; use /${String(PREFIX_BITS_MAX)} or larger`,
    );
  }
  return subnet;
}

/** The lowest address of a range that nobody has; `never` is one that nobody may have. */
function lowestFree(range: IpPrefix, used: ReadonlySet<string>, never = range.first): string | undefined {
  const last = lastOf(range);
  for (let value = range.first; value <= last; value += 1n) {
    const text = formatIp({ family: 6, value });
    if (value !== never && !used.has(text)) {
      return text;
    }
  }
  return undefined;
}

function canonical(text: string): string {
  const address = parseIp(text);
  return address === undefined ? text : formatIp(address);
}

function requirePrefix(text: string): IpPrefix {
  const prefix = parsePrefix(text)?.prefix;
  if (prefix?.family !== 6) {
    throw new SwarmError('invalid_argument', `"${text}" is no IPv6 network; write it like fd00:1::/64`);
  }
  return prefix;
}
