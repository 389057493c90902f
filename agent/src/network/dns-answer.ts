import type { NameIndex } from './dns-names.ts';

/** What the embedded DNS does with one question of a container. */
export type DnsDecision =
  /** Our name: these addresses (none: the name exists, but has no record of the wanted type). */
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
  const addresses = lookUp(name, view);
  if (addresses === undefined) {
    return { type: 'forward' };
  }
  return {
    type: 'addresses',
    addresses: question.type === 'A' || question.type === 'ANY' ? rotate(addresses, view.rotation) : [],
  };
}

function decidePointer(name: string, view: DnsView): DnsDecision {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (match === null) {
    return { type: 'forward' };
  }
  const address = match.slice(1).reverse().join('.');
  for (const networkId of view.networkIds) {
    const network = view.index.networks.get(networkId);
    const found = network?.reverse.get(address);
    if (network !== undefined && found !== undefined) {
      return { type: 'pointer', name: `${found}.${network.name}` };
    }
  }
  return { type: 'forward' };
}

function lookUp(name: string, view: DnsView): readonly string[] | undefined {
  const networks = view.networkIds
    .map((id) => view.index.networks.get(id))
    .filter((network) => network !== undefined);
  for (const network of networks) {
    const found = network.addresses.get(name);
    if (found !== undefined) {
      return found;
    }
  }
  for (const network of networks) {
    const suffix = `.${network.name.toLowerCase()}`;
    if (name.endsWith(suffix)) {
      const found = network.addresses.get(name.slice(0, -suffix.length));
      if (found !== undefined) {
        return found;
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
