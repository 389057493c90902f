import type { NftChain, NftSet } from './render-nft.ts';

/** Sets and maps of the table; their elements are planned. */
export function baseSets(): Readonly<Record<string, Omit<NftSet, 'elements'>>> {
  return {
    /** Pairs of device groups (in, out) that may talk: both of one network. */
    same_network: { kind: 'set', definition: 'type devgroup . devgroup' },
    internal: { kind: 'set', definition: 'type devgroup' },
    ingress_groups: { kind: 'set', definition: 'type devgroup' },
    /** Containers' subnets, all and those with a way out. */
    subnets: { kind: 'set', definition: 'type ipv4_addr; flags interval' },
    masqueraded: { kind: 'set', definition: 'type ipv4_addr; flags interval' },
    gateways: { kind: 'map', definition: 'type ipv4_addr : ipv4_addr; flags interval' },
    /** Local containers with themselves: connections that come back to their origin. */
    hairpin: { kind: 'set', definition: 'type ipv4_addr . ipv4_addr' },
    /** Hosts with the tasks that run on them: a mesh connection of such a pair would come home by another host. */
    mesh_returns: { kind: 'set', definition: 'type ipv4_addr . ipv4_addr' },
    vip_addresses: { kind: 'set', definition: 'type ipv4_addr' },
    service_vips: { kind: 'map', definition: 'type devgroup . ipv4_addr : verdict' },
    mesh_ports: { kind: 'map', definition: 'type inet_proto . inet_service : verdict' },
    published: { kind: 'map', definition: 'type inet_proto . inet_service : ipv4_addr . inet_service' },
    published_on: {
      kind: 'map',
      definition: 'type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service',
    },
    /** Hardware address of another host's VXLAN device to the mark of connections that come in by it. */
    entry_marks: { kind: 'map', definition: 'type ether_addr : mark' },
  };
}

export interface BaseParameters {
  readonly prefix: string;
  /** Device groups of ours: `iifgroup and groupMask == group`. */
  readonly group: string;
  readonly groupMask: string;
  /** Those of them that are bridges of local networks. */
  readonly bridgeGroup: string;
  readonly bridgeGroupMask: string;
  readonly markMask: string;
  /** Whether the kernel's own strict reverse path filter works on each container's veth. */
  readonly isSourceChecked: boolean;
  /** Underlay address of this host, once it is in a cluster. */
  readonly nodeAddress?: string;
}

/** The fixed chains of the table. Each base chain accepts by default: what is not ours is not our business. */
export function baseChains(base: BaseParameters): Readonly<Record<string, NftChain>> {
  const isOurs = (field: string): string => `meta ${field} and ${base.groupMask} == ${base.group}`;
  const isNotOurs = (field: string): string => `meta ${field} and ${base.groupMask} != ${base.group}`;
  const veth = `iifname "${base.prefix}v*"`;
  const vxlan = `"${base.prefix}x*"`;
  return {
    prerouting_guard: {
      hook: 'type filter hook prerouting priority raw; policy accept;',
      rules: [
        // A container may only use the address that is routed to it. Where the host lets it, each veth's own
        // rp_filter sees to that without a second look at the routes.
        ...(base.isSourceChecked ? [] : [`${veth} fib saddr . iif oif missing drop`]),
        // route_localnet must not open the host's loopback to containers and other hosts.
        `ip daddr 127.0.0.0/8 ${isOurs('iifgroup')} drop`,
      ],
    },
    prerouting_mark: {
      hook: 'type filter hook prerouting priority mangle; policy accept;',
      rules: [
        `${veth} ct mark and ${base.markMask} != 0 ct direction reply meta mark set ct mark and ${base.markMask}`,
        `iifname ${vxlan} ct state new meta iifgroup @ingress_groups ct mark set ether saddr map @entry_marks`,
      ],
    },
    prerouting_nat: {
      hook: 'type nat hook prerouting priority dstnat; policy accept;',
      rules: [
        'meta iifgroup . ip daddr vmap @service_vips',
        // A neighbour on the wire must not reach what is published on the loopback alone.
        'ip daddr != 127.0.0.0/8 fib daddr type local jump ports',
      ],
    },
    output_nat: {
      hook: 'type nat hook output priority -100; policy accept;',
      rules: ['fib daddr type local jump ports'],
    },
    ports: {
      rules: [
        'meta l4proto . th dport vmap @mesh_ports',
        'dnat ip to ip daddr . meta l4proto . th dport map @published_on',
        'dnat ip to meta l4proto . th dport map @published',
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
    forward_ours: { rules: forwardRules(isOurs, isNotOurs, vxlan) },
    input: {
      hook: 'type filter hook input priority filter; policy accept;',
      rules: ['meta iifgroup @internal ct state new meta l4proto != icmp drop'],
    },
    postrouting_mark: {
      hook: 'type filter hook postrouting priority mangle; policy accept;',
      // The outer packet inherits the mark and would take the mesh's return path itself.
      rules: [`meta mark and ${base.markMask} != 0 oifname ${vxlan} meta mark set 0`],
    },
    postrouting_nat: {
      hook: 'type nat hook postrouting priority srcnat; policy accept;',
      rules: sourceNatRules(base, isOurs, isNotOurs),
    },
  };
}

type GroupTest = (field: string) => string;

function forwardRules(isOurs: GroupTest, isNotOurs: GroupTest, vxlan: string): string[] {
  return [
    // No host is a transit host: a packet that came in by a tunnel ends here.
    `iifname ${vxlan} oifname ${vxlan} drop`,
    'meta iifgroup . meta oifgroup @same_network accept',
    'meta iifgroup @internal drop',
    'meta oifgroup @internal drop',
    'ct status dnat accept',
    `${isOurs('iifgroup')} ${isNotOurs('oifgroup')} accept`,
    'drop',
  ];
}

function sourceNatRules(base: BaseParameters, isOurs: GroupTest, isNotOurs: GroupTest): string[] {
  const bridge = `meta oifgroup and ${base.bridgeGroupMask} == ${base.bridgeGroup}`;
  const fromPublished =
    'ct status dnat ip saddr @subnets ip daddr @subnets ct original ip daddr != @vip_addresses';
  const toNode = base.nodeAddress === undefined ? 'masquerade' : `snat to ${base.nodeAddress}`;
  return [
    // A container that reaches itself through a service's address must not see its own as the source.
    'ct status dnat ip saddr . ip daddr @hairpin snat to ip daddr map @gateways',
    // Replies to a neighbour would not pass this host: it speaks in the host's name.
    `${fromPublished} ${bridge} masquerade`,
    `${fromPublished} ${toNode}`,
    // The task's host would take the reply for its own; here alone the client's address is not kept.
    `ct status dnat ip saddr . ip daddr @mesh_returns ${toNode}`,
    `ip saddr 127.0.0.0/8 ${bridge} masquerade`,
    `ip saddr 127.0.0.0/8 ${isOurs('oifgroup')} ${toNode}`,
    `ip saddr @masqueraded ${isNotOurs('oifgroup')} masquerade`,
  ];
}
