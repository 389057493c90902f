import type { WireNetwork } from '@skep/wire';

import { formatIpv4, overlaps, parseCidr } from './ipv4.ts';
import { toKernelState } from './kernel-object.ts';
import type { KernelObject, KernelState } from './kernel-object.ts';
import {
  BRIDGE_LINK_LOCAL,
  IPV6_FORWARDING,
  MARK_MASK,
  NODE_INDEX_MAX,
  bridgeGroup,
  bridgedVethName,
  nodeMac,
  nodeMark,
  overlayGroup,
  routedVethName,
} from './naming.ts';
import type { Naming } from './naming.ts';
import { activeOverlays, usablePeers } from './active-overlays.ts';
import type { ActiveOverlay } from './active-overlays.ts';
import { planNft } from './plan-nft.ts';
import type { PlanInput } from './plan-input.ts';
import { planNft6 } from './plan-nft6.ts';
import type { NftModel } from './render-nft.ts';
import type { LocalNetwork } from './state.ts';

/** Bytes VXLAN over IPv4 adds: outer IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14 (RFC 7348). */
export const VXLAN_OVERHEAD_BYTES = 50;

/** What the kernel shall hold, and what could not be planned. */
export interface NetworkPlan {
  readonly kernel: KernelState;
  readonly nft: NftModel;
  /** Of the table for IPv6; absent when no network has IPv6. */
  readonly nft6?: NftModel;
  /** One sentence each: parts of the input that were left out, and why. */
  readonly problems: readonly string[];
}

/** Plans the whole wanted state of this host's networks. Pure: the same input gives the same plan. */
export function planNetworks(given: PlanInput): NetworkPlan {
  const problems: string[] = [];
  const input = withUsableIpv6(given, problems);
  const hasIpv6 = input.localNetworks.some(({ ipv6 }) => ipv6 !== undefined);
  const overlays = activeOverlays(input, problems);
  const objects: KernelObject[] = [
    { kind: 'sysctl', path: 'ipv4/ip_forward', value: '1' },
    ...(hasIpv6 ? ipv6Objects(input) : []),
    ...bridgeObjects(input),
    ...vethObjects(input),
    ...overlays.flatMap((overlay) => overlayObjects(input, overlay)),
    ...policyObjects(input, overlays, problems),
  ];
  const nft = planNft(input, overlays, problems);
  return {
    kernel: toKernelState(objects),
    nft,
    ...(hasIpv6 ? { nft6: planNft6(input) } : {}),
    problems,
  };
}

/** A host that has lost its IPv6 keeps what it has of its networks. */
function withUsableIpv6(input: PlanInput, problems: string[]): PlanInput {
  if (input.host.ipv6 !== undefined || input.localNetworks.every(({ ipv6 }) => ipv6 === undefined)) {
    return input;
  }
  return {
    ...input,
    localNetworks: input.localNetworks.map(({ ipv6, ...network }) => {
      if (ipv6 !== undefined) {
        problems.push(`network ${network.name}: this host has no IPv6 now; its containers have IPv4 only`);
      }
      return network;
    }),
  };
}

/** Forwarding, without losing the routes that a router tells this host of. */
function ipv6Objects({ host }: PlanInput): KernelObject[] {
  return [
    ...(host.ipv6?.advertisedDevices ?? []).map((device): KernelObject => ({
      kind: 'sysctl',
      path: `ipv6/conf/${device}/accept_ra`,
      value: '2',
      device,
    })),
    { kind: 'sysctl', path: IPV6_FORWARDING, value: '1' },
  ];
}

/** MTU of an overlay network's devices, from its driver option or the underlay. */
export function overlayMtu(network: WireNetwork, underlayMtu: number): number {
  const wanted = Number(network.driverOpts?.['com.docker.network.driver.mtu'] ?? Number.NaN);
  return Number.isInteger(wanted) && wanted >= 576 && wanted <= 65_535
    ? wanted
    : underlayMtu - VXLAN_OVERHEAD_BYTES;
}

function bridgeObjects(input: PlanInput): KernelObject[] {
  return input.localNetworks.flatMap((network): KernelObject[] => {
    const prefixLength = network.subnet.split('/')[1] ?? '32';
    return [
      {
        kind: 'link',
        type: 'bridge',
        name: network.bridgeName,
        macAddress: `02:42:${nodeMac(network.gateway).slice(6)}`,
        mtu: network.mtu ?? input.host.underlayMtu,
        group: bridgeGroup(input.naming, network.groupIndex),
        isUp: true,
      },
      { kind: 'address', device: network.bridgeName, address: `${network.gateway}/${prefixLength}` },
      // Connections from 127.0.0.1 to a published port leave by the bridge.
      routeLocalnet(network.bridgeName),
      ...bridgeIpv6Objects(network),
    ];
  });
}

function bridgeIpv6Objects({ bridgeName: device, ipv6 }: LocalNetwork): KernelObject[] {
  if (ipv6 === undefined) {
    return [];
  }
  return [
    // The host may be set up to give new devices no IPv6.
    { kind: 'sysctl', path: `ipv6/conf/${device}/disable_ipv6`, value: '0', device },
    { kind: 'address', device, address: `${ipv6.gateway}/${ipv6.subnet.split('/')[1] ?? '64'}` },
    // Without it the kernel cannot ask for the neighbours that packets of others are forwarded to (RFC 4861, 7.2.2).
    { kind: 'address', device, address: BRIDGE_LINK_LOCAL },
  ];
}

function vethObjects(input: PlanInput): KernelObject[] {
  const bridges = new Map(input.localNetworks.map((network) => [network.id, network]));
  const overlays = new Map(input.cluster?.networks.map((network) => [network.id, network]) ?? []);
  const objects: KernelObject[] = [];
  for (const attachment of input.containers.flatMap((container) => container.attachments)) {
    const bridge = bridges.get(attachment.networkId);
    if (bridge !== undefined) {
      const name = bridgedVethName(input.naming, attachment.endpointId);
      const master = bridge.bridgeName;
      objects.push({ kind: 'link', type: 'veth', name, group: 0, isUp: true, master, isHairpin: true });
      continue;
    }
    const name = routedVethName(input.naming, attachment.endpointId);
    const overlay = overlays.get(attachment.networkId);
    // A network the managers no longer name keeps its links, cut off, until its containers are gone.
    const group = overlay === undefined ? input.naming.groupBase : overlayGroup(input.naming, overlay.vni);
    objects.push({ kind: 'link', type: 'veth', name, group, isUp: true });
    if (overlay?.isIngress === true) {
      objects.push(routeLocalnet(name));
    }
    if (input.host.allRpFilter < 2) {
      // A container may only use the address that is routed to it.
      objects.push({ kind: 'sysctl', path: `ipv4/conf/${name}/rp_filter`, value: '1', device: name });
    }
  }
  return objects;
}

function routeLocalnet(device: string): KernelObject {
  return { kind: 'sysctl', path: `ipv4/conf/${device}/route_localnet`, value: '1', device };
}

function overlayObjects(input: PlanInput, overlay: ActiveOverlay): KernelObject[] {
  const { cluster, naming, host } = input;
  if (cluster === undefined) {
    return [];
  }
  const { device, network } = overlay;
  const table = naming.routeTable;
  const remote = overlay.endpoints.filter((endpoint) => endpoint.nodeId !== cluster.self.nodeId);
  const hosting = new Set(remote.map((endpoint) => endpoint.nodeId));
  const peers = usablePeers(cluster.peers, cluster.self.nodeId).filter(
    (peer) => network.isIngress || hosting.has(peer.nodeId),
  );
  const peerAddresses = new Map(peers.map((peer) => [peer.nodeId, peer.addr]));
  const local = new Set(overlay.attachments.map((attachment) => attachment.address));
  return [
    {
      kind: 'link',
      type: 'vxlan',
      name: device,
      vni: network.vni,
      local: cluster.self.dataPathAddr,
      port: cluster.self.dataPathPort,
      macAddress: nodeMac(cluster.self.dataPathAddr),
      mtu: overlayMtu(network, host.underlayMtu),
      group: overlay.group,
      isUp: true,
    },
    {
      kind: 'sysctl',
      path: `ipv4/conf/${device}/rp_filter`,
      // Mesh packets carry the client's address, which is reached by another device: never strict here.
      value: host.allRpFilter === 0 ? '0' : '2',
      device,
    },
    ...(network.isIngress ? [routeLocalnet(device)] : []),
    ...overlay.subnets.flatMap(({ subnet, gateway }): KernelObject[] => [
      { kind: 'address', device, address: `${gateway}/32` },
      { kind: 'route', table, destination: subnet, type: 'unreachable' },
    ]),
    ...peers.flatMap((peer): KernelObject[] => [
      { kind: 'neighbour', device, address: peer.addr, macAddress: nodeMac(peer.addr) },
      { kind: 'fdb', device, macAddress: nodeMac(peer.addr), destination: peer.addr },
    ]),
    ...remote.flatMap((endpoint): KernelObject[] => {
      const via = peerAddresses.get(endpoint.nodeId);
      return via === undefined || local.has(endpoint.address)
        ? []
        : [{ kind: 'route', table, destination: `${endpoint.address}/32`, type: 'unicast', device, via }];
    }),
    ...overlay.attachments.flatMap((attachment): KernelObject[] => {
      const veth = routedVethName(naming, attachment.endpointId);
      const { address, macAddress } = attachment;
      return [
        { kind: 'neighbour', device: veth, address, macAddress },
        { kind: 'route', table, destination: `${address}/32`, type: 'unicast', device: veth },
      ];
    }),
  ];
}

/**
 * Rules and tables that route: one table for the containers' addresses, and for each other host one by which replies
 * of mesh connections go back to the host they came in by. Unmarked packets jump over the per-host rules.
 */
function policyObjects(
  input: PlanInput,
  overlays: readonly ActiveOverlay[],
  problems: string[],
): KernelObject[] {
  const { cluster, naming } = input;
  if (cluster === undefined || overlays.length === 0) {
    return [];
  }
  const containerRule = containerRulePriority(naming);
  const objects: KernelObject[] = [
    {
      kind: 'rule',
      priority: naming.routeTable,
      mark: { value: 0, mask: MARK_MASK },
      action: { type: 'goto', priority: containerRule },
    },
    { kind: 'rule', priority: containerRule, action: { type: 'lookup', table: naming.routeTable } },
  ];
  const ingress = overlays.find((overlay) => overlay.network.isIngress);
  if (ingress === undefined) {
    return objects;
  }
  for (const peer of usablePeers(cluster.peers, cluster.self.nodeId)) {
    const index = input.host.nodeIndexes.get(peer.nodeId);
    if (index === undefined) {
      problems.push(
        `node ${peer.nodeId}: no mesh index is left for it; at most ${NODE_INDEX_MAX} nodes can have one`,
      );
      continue;
    }
    const table = naming.routeTable + index;
    objects.push(
      {
        kind: 'rule',
        priority: table,
        mark: { value: nodeMark(index), mask: MARK_MASK },
        action: { type: 'lookup', table },
      },
      {
        kind: 'route',
        table,
        destination: '0.0.0.0/0',
        type: 'unicast',
        device: ingress.device,
        via: peer.addr,
      },
    );
  }
  return objects;
}

/** Priority of the rule that looks up the containers' addresses; behind those of all nodes. */
export function containerRulePriority(naming: Naming): number {
  return naming.routeTable + NODE_INDEX_MAX + 1;
}

/**
 * Cluster networks whose subnet covers an address of the underlay: routes to their containers would hide hosts.
 * Answers one sentence for each.
 */
export function underlayClashes(input: PlanInput): string[] {
  const { cluster } = input;
  if (cluster === undefined) {
    return [];
  }
  const hosts = [cluster.self.dataPathAddr, ...cluster.peers.map((peer) => peer.addr)]
    .map((address) => parseCidr(address))
    .filter((range) => range !== undefined);
  return cluster.networks.flatMap((network) =>
    network.subnets.flatMap(({ subnet }) => {
      const range = parseCidr(subnet);
      const host = range === undefined ? undefined : hosts.find((address) => overlaps(range, address));
      return host === undefined
        ? []
        : [
            `network ${network.name}: its subnet ${subnet} covers the host ${formatIpv4(host.first)}; ` +
              'recreate it with a subnet that no host uses',
          ];
    }),
  );
}
