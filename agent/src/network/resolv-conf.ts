import type { DnsSettings } from '../engine/network-provider.ts';

/** Address the embedded DNS has in each container's own namespace, as in Docker. */
export const EMBEDDED_DNS_ADDRESS = '127.0.0.11';

export interface ResolverConfig {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Reads the text of a resolv.conf (resolv.conf(5)); the last `search` line counts. */
export function parseResolvConf(text: string): ResolverConfig {
  const nameservers: string[] = [];
  let searches: string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && words[0] !== undefined) {
      nameservers.push(words[0]);
    } else if (keyword === 'search' || keyword === 'domain') {
      searches = words;
    } else if (keyword === 'options') {
      options.push(...words);
    }
  }
  return { nameservers, searches, options };
}

/** Whether a container on Docker's default bridge can use the host's resolvers as they are: none is a loopback one. */
export function areReachableByContainers(nameservers: readonly string[]): boolean {
  return nameservers.length > 0 && nameservers.every((address) => !/^127\.|^::1$/.test(address));
}

export interface ContainerResolverInput {
  readonly host: ResolverConfig;
  readonly dns: DnsSettings;
  /** Whether the container asks {@link EMBEDDED_DNS_ADDRESS}, which then forwards to the wanted resolvers. */
  readonly isEmbedded: boolean;
}

/** The container's `/etc/resolv.conf`: the user's settings, else the host's; `.` as the only search means none. */
export function renderResolvConf(input: ContainerResolverInput): string {
  const { dns, host } = input;
  const wanted = dns.nameservers ?? [];
  const nameservers = input.isEmbedded
    ? [EMBEDDED_DNS_ADDRESS]
    : wanted.length > 0
      ? wanted
      : host.nameservers;
  const searches = (dns.searches ?? []).length > 0 ? (dns.searches ?? []) : host.searches;
  const given = (dns.options ?? []).length > 0 ? (dns.options ?? []) : host.options;
  const hasDots = given.some((option) => option.startsWith('ndots:'));
  // With the embedded DNS a bare name is always tried as it is first: it may be a service.
  const options = input.isEmbedded && !hasDots ? [...given, 'ndots:0'] : given;
  const lines = nameservers.map((address) => `nameserver ${address}`);
  if (searches.length > 0 && !(searches.length === 1 && searches[0] === '.')) {
    lines.push(`search ${searches.join(' ')}`);
  }
  if (options.length > 0) {
    lines.push(`options ${options.join(' ')}`);
  }
  return `${lines.join('\n')}\n`;
}
