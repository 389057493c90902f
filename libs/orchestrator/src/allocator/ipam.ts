import { SwarmError, fail, ok, type Result } from '@skep/kernel';
import type { IpamConfig, Network, NetworkSpec } from '@skep/model';
import type { ReadTx } from '@skep/store';

import {
  contains,
  formatAddress,
  formatSubnet,
  overlaps,
  parseAddress,
  parseSubnet,
  sizeOf,
  subnetOf,
  type Subnet,
} from './ipv4.ts';

/** Subnet, gateway and range of a network as stored once allocated. */
export type NetworkIpam = NonNullable<Network['ipam']>;

/** Whether a network is built by Skep over all hosts; others (`host`, `bridge`) belong to each host. */
export function isOverlay(spec: NetworkSpec): boolean {
  return spec.driver === undefined || spec.driver === 'overlay';
}

/** Subnets of all networks, as given by users or chosen by the allocator. */
function usedSubnets(tx: ReadTx, exceptId: string): Subnet[] {
  const used: Subnet[] = [];
  for (const network of tx.list('network')) {
    if (network.id !== exceptId) {
      const texts = network.ipam ?? (network.spec.ipam?.configs ?? []).filter(hasSubnet);
      texts.forEach(({ subnet }) => used.push(subnetOf(subnet)));
    }
  }
  return used;
}

function hasSubnet(config: IpamConfig): config is IpamConfig & { subnet: string } {
  return config.subnet !== undefined && config.subnet !== '';
}

/**
 * Chooses the subnets of a network: those its spec names, or the first free one of the cluster's pools.
 * The 0th subnet of a pool is left to the ingress network, so that the first overlay gets 10.0.1.0/24 as in Swarm.
 */
export function chooseSubnets(tx: ReadTx, network: Pick<Network, 'id' | 'spec'>): Result<NetworkIpam> {
  const used = usedSubnets(tx, network.id);
  const configs = (network.spec.ipam?.configs ?? []).filter(hasSubnet);
  if (configs.length === 0) {
    return chooseFromPools(tx, network.spec.ingress === true, used);
  }
  const ipam: NetworkIpam = [];
  for (const config of configs) {
    const subnet = subnetOf(config.subnet);
    if (used.some((other) => overlaps(other, subnet))) {
      return fail('failed_precondition', 'Pool overlaps with other one on this address space', {
        details: { subnet: config.subnet },
      });
    }
    used.push(subnet);
    const gateway = config.gateway ?? formatAddress(subnet.base + 1);
    ipam.push({
      subnet: formatSubnet(subnet),
      gateway,
      ...(config.range === undefined || config.range === '' ? {} : { range: config.range }),
    });
  }
  return ok(ipam);
}

function chooseFromPools(tx: ReadTx, isIngress: boolean, used: readonly Subnet[]): Result<NetworkIpam> {
  const cluster = tx.cluster();
  const prefixLength = cluster?.subnetPrefixLength ?? 24;
  for (const poolText of cluster?.addressPools ?? []) {
    const pool = subnetOf(poolText);
    const subnet = firstFree(pool, prefixLength, used, isIngress ? 0 : 1);
    if (subnet !== undefined) {
      return ok([{ subnet: formatSubnet(subnet), gateway: formatAddress(subnet.base + 1) }]);
    }
  }
  return fail(
    'resource_exhausted',
    'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
  );
}

/** The first subnet of a pool, from number `first` on, that overlaps none in use. Jumps over what it meets. */
function firstFree(
  pool: Subnet,
  prefixLength: number,
  used: readonly Subnet[],
  first: number,
): Subnet | undefined {
  const size = 2 ** (32 - prefixLength);
  let base = pool.base + Math.min(first * size, Math.max(0, sizeOf(pool) - size));
  while (base + size <= pool.base + sizeOf(pool)) {
    const candidate = { base, prefixLength };
    const obstacle = used.find((other) => overlaps(other, candidate));
    if (obstacle === undefined) {
      return candidate;
    }
    base = Math.ceil(Math.max(base + size, obstacle.base + sizeOf(obstacle)) / size) * size;
  }
  return undefined;
}

/**
 * Checks what a user asks of IPAM.
 * @throws SwarmError `invalid_argument` in Swarm's words, `unimplemented` for IPv6.
 */
export function assertValidIpam(spec: NetworkSpec): void {
  if (spec.ipv6 === true) {
    throw new SwarmError('unimplemented', 'IPv6 networks are not supported yet; leave out enable_ipv6');
  }
  const driver = spec.ipam?.driver;
  if (driver !== undefined && driver !== '' && driver !== 'default') {
    throw new SwarmError('invalid_argument', 'invalid IPAM specified');
  }
  for (const config of spec.ipam?.configs ?? []) {
    assertValidConfig(config);
  }
}

function assertValidConfig(config: IpamConfig): void {
  const refuse = (what: string): never => {
    throw new SwarmError('invalid_argument', `ipam configuration: ${what}`);
  };
  const text = config.subnet ?? '';
  const subnet = parseSubnet(text) ?? refuse(`invalid subnet ${text}`);
  if (subnet.prefixLength > 29) {
    refuse(`subnet ${text} is too small; use /29 or larger`);
  }
  if (config.range !== undefined && config.range !== '') {
    const range = parseSubnet(config.range) ?? refuse(`invalid range ${config.range}`);
    if (!contains(subnet, range.base)) {
      refuse(`subnet ${text} does not contain range ${config.range}`);
    }
  }
  if (config.gateway !== undefined && config.gateway !== '') {
    const gateway = parseAddress(config.gateway) ?? refuse(`invalid gateway ${config.gateway}`);
    if (!contains(subnet, gateway)) {
      refuse(`subnet ${text} does not contain gateway ${config.gateway}`);
    }
  }
}

/**
 * Chooses addresses. Which are in use is read from the store each time; what is kept here is only where to look next,
 * so that an address that was given back rests as long as possible before another task gets it.
 */
export class AddressPicker {
  readonly #cursors = new Map<string, number>();

  /** A free address of the network in CIDR form, e.g. `10.0.1.7/24`. */
  choose(tx: ReadTx, network: Network): Result<string> {
    for (const { subnet: text, gateway, range } of network.ipam ?? []) {
      const subnet = subnetOf(text);
      const address = this.#next(tx, network.id, {
        subnet,
        gateway: parseAddress(gateway),
        range: range === undefined ? subnet : subnetOf(range),
      });
      if (address !== undefined) {
        return ok(`${formatAddress(address)}/${String(subnet.prefixLength)}`);
      }
    }
    return fail('resource_exhausted', `could not find an available IP on network ${network.spec.name}`, {
      details: { network: network.spec.name, networkId: network.id },
    });
  }

  #next(
    tx: ReadTx,
    networkId: string,
    pool: { readonly subnet: Subnet; readonly gateway: number | undefined; readonly range: Subnet },
  ): number | undefined {
    const first = Math.max(pool.subnet.base + 1, pool.range.base);
    const last = Math.min(
      pool.subnet.base + sizeOf(pool.subnet) - 2,
      pool.range.base + sizeOf(pool.range) - 1,
    );
    const count = last - first + 1;
    if (tx.countAddresses(networkId) >= count && pool.gateway === undefined) {
      return undefined;
    }
    const key = `${networkId}/${String(pool.subnet.base)}`;
    const start = this.#cursors.get(key) ?? first;
    for (let step = 0; step < count; step += 1) {
      const address = first + ((start - first + step) % count);
      if (address !== pool.gateway && tx.ownerOfAddress(networkId, formatAddress(address)) === undefined) {
        this.#cursors.set(key, address + 1 > last ? first : address + 1);
        return address;
      }
    }
    return undefined;
  }
}
