import { SwarmError } from '@skep/kernel';

import { containsIp, formatPrefix, overlapsPrefix, parseIp, parsePrefix } from './ip-prefix.ts';
import type { IpAddress, IpFamily, IpPrefix } from './ip-prefix.ts';

/** One address pool of a network as a user gives it. */
export interface PoolSpec {
  readonly subnet?: string;
  readonly gateway?: string;
  readonly range?: string;
  /** Name to address: what other machines of the subnet have. */
  readonly auxiliary?: Readonly<Record<string, string>>;
}

const FAMILY_NAME: Readonly<Record<IpFamily, string>> = { 4: 'IPv4', 6: 'IPv6' };

/**
 * Refuses pools that do not fit together, all faults at once and in Docker's words. Pools without a subnet are left to
 * whoever chooses one.
 * @throws SwarmError `invalid_argument`.
 */
export function checkPools(pools: readonly PoolSpec[]): void {
  const faults = pools.flatMap((pool) => (pool.subnet === undefined ? [] : faultsOf(pool, pool.subnet)));
  if (faults.length > 0) {
    throw new SwarmError('invalid_argument', ['invalid network config:', ...faults].join('\n'));
  }
}

/** Family of a pool's subnet; undefined when it has none, or one that is no network. */
export function familyOf({ subnet }: PoolSpec): IpFamily | undefined {
  return subnet === undefined ? undefined : parsePrefix(subnet)?.prefix.family;
}

function faultsOf(pool: PoolSpec, text: string): string[] {
  const parsed = parsePrefix(text);
  if (parsed === undefined) {
    return [`invalid subnet ${text.slice(0, 80)}: invalid CIDR block notation`];
  }
  const { prefix, address } = parsed;
  const named: readonly (readonly [string, string])[] = [
    ...(pool.gateway === undefined ? [] : [[`gateway ${pool.gateway}`, pool.gateway] as const]),
    ...Object.entries(pool.auxiliary ?? {}).map(([name, aux]) => [`auxiliary address ${name}`, aux] as const),
  ];
  return [
    ...unmasked('subnet', text, { prefix, address }),
    ...(pool.range === undefined ? [] : rangeFaults(pool.range, prefix)),
    ...named.flatMap(([what, one]) => {
      const reason = addressFault(one, prefix);
      return reason === undefined ? [] : [`invalid ${what.slice(0, 120)}: ${reason}`];
    }),
  ];
}

function unmasked(
  what: string,
  text: string,
  { prefix, address }: { readonly prefix: IpPrefix; readonly address: IpAddress },
): string[] {
  return prefix.first === address.value
    ? []
    : [`invalid ${what} ${text}: it should be ${formatPrefix(prefix)}`];
}

function rangeFaults(text: string, subnet: IpPrefix): string[] {
  const parsed = parsePrefix(text);
  if (parsed === undefined) {
    return [`invalid ip-range ${text.slice(0, 80)}: invalid CIDR block notation`];
  }
  const { prefix } = parsed;
  const invalid = `invalid ip-range ${text}:`;
  if (prefix.family !== subnet.family) {
    return [`${invalid} parent subnet is an ${FAMILY_NAME[subnet.family]} block`];
  }
  return [
    ...(prefix.prefixLength < subnet.prefixLength
      ? [`${invalid} CIDR block is bigger than its parent subnet ${formatPrefix(subnet)}`]
      : []),
    ...unmasked('ip-range', text, parsed),
    ...(overlapsPrefix(subnet, prefix)
      ? []
      : [`${invalid} parent subnet ${formatPrefix(subnet)} doesn't contain ip-range`]),
  ];
}

function addressFault(text: string, subnet: IpPrefix): string | undefined {
  const address = parseIp(text);
  if (address === undefined) {
    return 'invalid address';
  }
  if (address.family !== subnet.family) {
    return `parent subnet is an ${FAMILY_NAME[subnet.family]} block`;
  }
  return containsIp(subnet, address)
    ? undefined
    : `parent subnet ${formatPrefix(subnet)} doesn't contain this address`;
}
