import { BRIDGE_GROUP_MASK, GROUP_MASK, bridgeGroup } from './naming.ts';
import { parseIp } from './ip-prefix.ts';
import type { PlanInput } from './plan-input.ts';
import type { NftChain, NftModel, NftSet } from './render-nft.ts';

const SETS: Readonly<Record<string, Omit<NftSet, 'elements'>>> = {
  /** Pairs of device groups (in, out) that may talk: both of one network. */
  same_network: { kind: 'set', definition: 'type devgroup . devgroup' },
  internal: { kind: 'set', definition: 'type devgroup' },
  /** Containers' subnets, all and those with a way out. */
  subnets: { kind: 'set', definition: 'type ipv6_addr; flags interval' },
  masqueraded: { kind: 'set', definition: 'type ipv6_addr; flags interval' },
  published: { kind: 'map', definition: 'type inet_proto . inet_service : ipv6_addr . inet_service' },
  published_on: {
    kind: 'map',
    definition: 'type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service',
  },
};

/**
 * Plans the content of the nft table for IPv6: isolation, way out and published ports of bridge networks. It says what
 * the table for IPv4 says of them; cluster networks and the routing mesh have no IPv6.
 */
export function planNft6(input: PlanInput): NftModel {
  const elements = new Map<string, Map<string, string>>(
    Object.keys(SETS).map((name) => [name, new Map<string, string>()]),
  );
  const put = (set: string, key: string, value = ''): void => {
    elements.get(set)?.set(key, value);
  };
  for (const network of input.localNetworks) {
    const group = hex(bridgeGroup(input.naming, network.groupIndex));
    put('same_network', `${group} . ${group}`);
    if (network.isInternal) {
      put('internal', group);
    }
    if (network.ipv6 !== undefined) {
      put('subnets', network.ipv6.subnet);
      if (!network.isInternal && network.isMasqueraded) {
        put('masqueraded', network.ipv6.subnet);
      }
    }
  }
  for (const port of input.containers.flatMap((container) => container.publications)) {
    const target = `${port.address} . ${String(port.containerPort)}`;
    const source = `${port.protocol} . ${String(port.hostPort)}`;
    if (port.hostAddress === '::') {
      put('published', source, target);
    } else if (parseIp(port.hostAddress)?.family === 6) {
      put('published_on', `${port.hostAddress} . ${source}`, target);
    }
  }
  return {
    sets: new Map(
      Object.entries(SETS).map(([name, set]) => [
        name,
        { ...set, elements: elements.get(name) ?? new Map<string, string>() },
      ]),
    ),
    chains: new Map(Object.entries(chains(input))),
  };
}

function chains({ naming }: PlanInput): Readonly<Record<string, NftChain>> {
  const isOurs = (field: string): string =>
    `meta ${field} and ${hex(GROUP_MASK)} == ${hex(naming.groupBase)}`;
  const isNotOurs = (field: string): string =>
    `meta ${field} and ${hex(GROUP_MASK)} != ${hex(naming.groupBase)}`;
  const toBridge = `meta oifgroup and ${hex(BRIDGE_GROUP_MASK)} == ${hex(bridgeGroup(naming, 0))}`;
  return {
    prerouting_nat: {
      hook: 'type nat hook prerouting priority dstnat; policy accept;',
      rules: ['fib daddr type local jump ports'],
    },
    output_nat: {
      hook: 'type nat hook output priority -100; policy accept;',
      // The kernel lets no packet of ::1 leave the loopback, nor its reply come back: a relay serves that address.
      rules: ['ip6 daddr != ::1 fib daddr type local jump ports'],
    },
    ports: {
      rules: [
        'dnat ip6 to ip6 daddr . meta l4proto . th dport map @published_on',
        'dnat ip6 to meta l4proto . th dport map @published',
      ],
    },
    forward: {
      hook: 'type filter hook forward priority filter; policy accept;',
      rules: [
        'ct state established,related accept',
        `${isOurs('iifgroup')} jump forward_ours`,
        `${isOurs('oifgroup')} jump forward_ours`,
      ],
    },
    forward_ours: {
      rules: [
        'meta iifgroup . meta oifgroup @same_network accept',
        'meta iifgroup @internal drop',
        'meta oifgroup @internal drop',
        'ct status dnat accept',
        `${isOurs('iifgroup')} ${isNotOurs('oifgroup')} accept`,
        'drop',
      ],
    },
    input: {
      hook: 'type filter hook input priority filter; policy accept;',
      rules: ['meta iifgroup @internal ct state new meta l4proto != ipv6-icmp drop'],
    },
    postrouting_nat: {
      hook: 'type nat hook postrouting priority srcnat; policy accept;',
      rules: [
        // Replies to a neighbour would not pass this host: it speaks in the host's name.
        `ct status dnat ip6 saddr @subnets ip6 daddr @subnets ${toBridge} masquerade`,
        `ip6 saddr @masqueraded ${isNotOurs('oifgroup')} masquerade`,
      ],
    },
  };
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
