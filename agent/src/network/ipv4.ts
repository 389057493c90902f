import { SwarmError } from '@skep/kernel';

/** An IPv4 network: the first address as a number, and how many addresses it has. */
export interface Ipv4Range {
  readonly first: number;
  readonly prefixLength: number;
  readonly size: number;
}

/** Parses a dotted IPv4 address; undefined when it is none. */
export function parseIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) {
    return undefined;
  }
  let value = 0;
  for (const part of match.slice(1)) {
    const byte = Number(part);
    if (byte > 255 || (part.length > 1 && part.startsWith('0'))) {
      return undefined;
    }
    value = value * 256 + byte;
  }
  return value;
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => String((value >>> shift) & 0xff)).join('.');
}

/** Parses `10.0.1.0/24`; bits behind the prefix are cleared. Undefined when it is no IPv4 network. */
export function parseCidr(text: string): Ipv4Range | undefined {
  const slash = text.indexOf('/');
  const address = parseIpv4(slash < 0 ? text : text.slice(0, slash));
  const lengthText = slash < 0 ? '32' : text.slice(slash + 1);
  const prefixLength = /^\d{1,2}$/.test(lengthText) ? Number(lengthText) : 33;
  if (address === undefined || prefixLength > 32) {
    return undefined;
  }
  const size = 2 ** (32 - prefixLength);
  return { first: address - (address % size), prefixLength, size };
}

export function formatCidr(range: Ipv4Range): string {
  return `${formatIpv4(range.first)}/${String(range.prefixLength)}`;
}

/** As {@link parseCidr}, but a wrong text is an `invalid_argument` that names `field`. */
export function requireCidr(text: string, field: string): Ipv4Range {
  const range = parseCidr(text);
  if (range === undefined) {
    throw new SwarmError(
      'invalid_argument',
      `${field}: "${text}" is no IPv4 network; write it like 10.20.0.0/24`,
    );
  }
  return range;
}

/** As {@link parseIpv4}, but a wrong text is an `invalid_argument` that names `field`. */
export function requireIpv4(text: string, field: string): number {
  const value = parseIpv4(text);
  if (value === undefined) {
    throw new SwarmError(
      'invalid_argument',
      `${field}: "${text}" is no IPv4 address; write it like 10.20.0.5`,
    );
  }
  return value;
}

export function contains(range: Ipv4Range, address: number): boolean {
  return address >= range.first && address < range.first + range.size;
}

export function overlaps(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.first < b.first + b.size && b.first < a.first + a.size;
}
