import { isIPv6 } from 'node:net';

import { SwarmError } from '@skep/kernel';

import { formatIpv4, parseIpv4 } from './ipv4.ts';

export type IpFamily = 4 | 6;

/** An address of either family as a number. */
export interface IpAddress {
  readonly family: IpFamily;
  readonly value: bigint;
}

/** A network of either family: its first address as a number. */
export interface IpPrefix {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly prefixLength: number;
}

const BITS = { 4: 32, 6: 128 } as const;
const GROUPS = 8;

/** Parses an address of either family; undefined when it is none. Zones (`fe80::1%eth0`) are not taken. */
export function parseIp(text: string): IpAddress | undefined {
  const v4 = parseIpv4(text);
  if (v4 !== undefined) {
    return { family: 4, value: BigInt(v4) };
  }
  const value = parseIpv6(text);
  return value === undefined ? undefined : { family: 6, value };
}

/** As {@link parseIp}, for what a plan holds. @throws SwarmError `internal` when it is no address. */
export function requireIp(text: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) {
    throw new SwarmError('internal', `"${text.slice(0, 80)}" is no IP address`);
  }
  return address;
}

function parseIpv6(text: string): bigint | undefined {
  if (!isIPv6(text) || text.includes('%')) {
    return undefined;
  }
  // The last four bytes may be written as an IPv4 address.
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const v4 = dotted === null ? undefined : parseIpv4(dotted[2] ?? '');
  const plain =
    dotted === null || v4 === undefined
      ? text
      : `${dotted[1] ?? ''}${(v4 >>> 16).toString(16)}:${(v4 & 0xffff).toString(16)}`;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: GROUPS - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** The text the kernel and Docker use: for IPv6 that of RFC 5952. */
export function formatIp({ family, value }: IpAddress): string {
  return family === 4 ? formatIpv4(Number(value)) : formatIpv6(value);
}

function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: GROUPS }, (_, index) =>
    Number((value >> BigInt(16 * (GROUPS - 1 - index))) & 0xffffn),
  );
  const zeros = longestZeros(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return zeros.length < 2
    ? text(groups)
    : `${text(groups.slice(0, zeros.start))}::${text(groups.slice(zeros.start + zeros.length))}`;
}

/** The first of the longest runs of zeros. */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) {
      best = { start: index - length + 1, length };
    }
  }
  return best;
}

/** Parses `fd00::/64` or `10.0.0.0/8` and the address as it was written; undefined when it is no network. */
export function parsePrefix(
  text: string,
): { readonly prefix: IpPrefix; readonly address: IpAddress } | undefined {
  const [addressText = '', lengthText = '', ...more] = text.split('/');
  const address = parseIp(addressText);
  const prefixLength = /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : 129;
  if (address === undefined || more.length > 0 || prefixLength > BITS[address.family]) {
    return undefined;
  }
  const { family, value } = address;
  const hostBits = BigInt(BITS[family] - prefixLength);
  return { address, prefix: { family, prefixLength, first: (value >> hostBits) << hostBits } };
}

export function formatPrefix({ family, first, prefixLength }: IpPrefix): string {
  return `${formatIp({ family, value: first })}/${String(prefixLength)}`;
}

/** The last address of a network. */
export function lastOf({ family, first, prefixLength }: IpPrefix): bigint {
  return first + (1n << BigInt(BITS[family] - prefixLength)) - 1n;
}

export function containsIp(prefix: IpPrefix, address: IpAddress): boolean {
  return prefix.family === address.family && address.value >= prefix.first && address.value <= lastOf(prefix);
}

export function overlapsPrefix(a: IpPrefix, b: IpPrefix): boolean {
  return a.family === b.family && a.first <= lastOf(b) && b.first <= lastOf(a);
}
