import type { NameIndex, NetworkNames } from './dns-names.ts';
import { formatIp } from './ip-prefix.ts';

/** What the embedded DNS does with one question of a container. */
export type DnsDecision =
  /** Our name: these addresses, all of one family (none: the name exists, but has no record of the wanted type). */
  | { readonly type: 'addresses'; readonly addresses: readonly string[] }
  | { readonly type: 'pointer'; readonly name: string }
  /** Not ours: ask the resolvers of the host. */
  | { readonly type: 'forward' };

export interface DnsQuestion {
  readonly name: string;
  /** `A`, `AAAA`, `PTR`... */
  readonly type: string;
}

export interface DnsView {
  readonly index: NameIndex;
  /** Networks of the container that asks; an earlier one wins. */
  readonly networkIds: readonly string[];
  /** Turns the list of addresses, so that clients that take the first one spread. */
  readonly rotation: number;
}

/**
 * Decides the answer to one question. Names are compared without case; `name.network` is understood for the networks
 * of the container. A name of ours never leaves the host, whatever record is asked for.
 */
export function decideDns(question: DnsQuestion, view: DnsView): DnsDecision {
  const name = question.name.toLowerCase().replace(/\.$/, '');
  if (question.type === 'PTR') {
    return decidePointer(name, view);
  }
  const found = lookUp(name, view);
  if (found === undefined) {
    return { type: 'forward' };
  }
  return { type: 'addresses', addresses: rotate(recordsOf(found, question.type), view.rotation) };
}

function recordsOf({ network, key }: FoundName, type: string): readonly string[] {
  switch (type) {
    case 'A':
    case 'ANY':
      return network.addresses.get(key) ?? [];
    case 'AAAA':
      return network.ipv6Addresses.get(key) ?? [];
    default:
      return [];
  }
}

function decidePointer(name: string, view: DnsView): DnsDecision {
  const address = addressOfPointer(name);
  if (address === undefined) {
    return { type: 'forward' };
  }
  for (const networkId of view.networkIds) {
    const network = view.index.networks.get(networkId);
    const found = network?.reverse.get(address);
    if (network !== undefined && found !== undefined) {
      return { type: 'pointer', name: `${found}.${network.name}` };
    }
  }
  return { type: 'forward' };
}

/** The address a reverse name stands for (RFC 1035 3.5, RFC 3596 2.5). */
function addressOfPointer(name: string): string | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (v4 !== null) {
    return v4.slice(1).reverse().join('.');
  }
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  const digits = v6?.[1]?.split('.').reverse().join('');
  return digits === undefined ? undefined : formatIp({ family: 6, value: BigInt(`0x${digits}`) });
}

/** Where a name was found, and under which key. */
interface FoundName {
  readonly network: NetworkNames;
  readonly key: string;
}

function lookUp(name: string, view: DnsView): FoundName | undefined {
  const networks = view.networkIds
    .map((id) => view.index.networks.get(id))
    .filter((network) => network !== undefined);
  for (const network of networks) {
    if (network.addresses.has(name)) {
      return { network, key: name };
    }
  }
  for (const network of networks) {
    const suffix = `.${network.name.toLowerCase()}`;
    if (name.endsWith(suffix)) {
      const key = name.slice(0, -suffix.length);
      if (network.addresses.has(key)) {
        return { network, key };
      }
    }
  }
  return undefined;
}

function rotate(addresses: readonly string[], rotation: number): readonly string[] {
  if (addresses.length < 2) {
    return addresses;
  }
  const start = rotation % addresses.length;
  return [...addresses.slice(start), ...addresses.slice(0, start)];
}
