import { requireCidr, requireIpv4 } from './ipv4.ts';
import { VETH_HOST_MAC, bridgedVethName, routedVethName } from './naming.ts';
import type { Naming } from './naming.ts';
import { requireIp } from './ip-prefix.ts';
import {
  addAddress,
  addIpv6Address,
  addIpv6DefaultRoute,
  addNeighbour,
  addRoute,
  addVeth,
  bringLinkUp,
  withHairpin,
  withoutOwnAddress,
} from './netlink.ts';
import type { NetlinkRequest } from './netlink.ts';
import type { LocalAttachment } from './state.ts';

/** An interface to make in a container's namespace. */
export interface InterfacePlan {
  readonly naming: Naming;
  readonly attachment: LocalAttachment;
  /** The bridge that the host's end is a port of; routed when absent. */
  readonly bridgeName: string | undefined;
  readonly gateway: string;
  readonly mtu: number;
  /** Whether the container's default route goes this way. */
  readonly isDefaultRoute: boolean;
  /** For an attachment with an IPv6 address. */
  readonly ipv6?: { readonly gateway: string; readonly isDefaultRoute: boolean };
  /** Device group of the host's end. */
  readonly group: number;
}

/** Name of the host's end of an attachment's veth. */
export function hostEndOf(naming: Naming, link: 'bridged' | 'routed', endpointId: string): string {
  return link === 'bridged' ? bridgedVethName(naming, endpointId) : routedVethName(naming, endpointId);
}

/** As {@link hostEndOf}, for an interface that is to be made. */
export function hostEndOfPlan({ naming, bridgeName, attachment }: InterfacePlan): string {
  return hostEndOf(naming, bridgeName === undefined ? 'routed' : 'bridged', attachment.endpointId);
}

/**
 * What the host's namespace is asked for: the pair, with its host end as the plan of the host wants it, so that nothing
 * is left to do for the follower. `bridgeIndex` is absent when there is no such bridge (yet).
 */
export function hostRequests(
  plan: InterfacePlan,
  namespaceFd: number,
  bridgeIndex: number | undefined,
): NetlinkRequest[] {
  const { attachment, mtu, group, bridgeName } = plan;
  const name = hostEndOfPlan(plan);
  const near = {
    name,
    mtu,
    group,
    ...(bridgeName === undefined ? { macAddress: VETH_HOST_MAC } : {}),
    ...(bridgeIndex === undefined ? {} : { masterIndex: bridgeIndex }),
  };
  const far = { name: attachment.interfaceName, mtu, macAddress: attachment.macAddress };
  return [
    addVeth({ near, far, farNamespaceFd: namespaceFd }),
    withoutOwnAddress(name),
    ...(bridgeIndex === undefined ? [] : [withHairpin(name)]),
    bringLinkUp(name),
  ];
}

/**
 * What the container's namespace is asked for, once its end is there. On routed networks all others of
 * the subnet are reached through the host, whose end of the veth has a known hardware address: nothing is ever asked
 * by ARP, and the neighbour tables (whose size the kernel bounds for all namespaces together) stay empty.
 */
export function containerRequests(plan: InterfacePlan, deviceIndex: number): NetlinkRequest[] {
  const { attachment, isDefaultRoute, bridgeName } = plan;
  const { interfaceName, prefixLength } = attachment;
  const address = requireIpv4(attachment.address, 'address');
  const gateway = requireIpv4(plan.gateway, 'gateway');
  const subnet = requireCidr(`${attachment.address}/${String(prefixLength)}`, 'address');
  const own = { deviceIndex, address, prefixLength };
  const up = bringLinkUp(interfaceName);
  const addressing =
    bridgeName !== undefined
      ? [addAddress({ ...own, broadcast: subnet.first + subnet.size - 1 }), up]
      : [
          addAddress(own),
          up,
          addNeighbour({ deviceIndex, address: gateway, macAddress: VETH_HOST_MAC }),
          addRoute({ deviceIndex, destination: gateway, prefixLength: 32, source: address }),
          addRoute({ deviceIndex, destination: subnet.first, prefixLength, gateway, source: address }),
        ];
  return [
    ...addressing,
    ...(isDefaultRoute ? [addRoute({ deviceIndex, destination: 0, prefixLength: 0, gateway })] : []),
    ...ipv6Requests(plan, deviceIndex),
  ];
}

function ipv6Requests({ attachment, ipv6 }: InterfacePlan, deviceIndex: number): NetlinkRequest[] {
  if (attachment.ipv6 === undefined || ipv6 === undefined) {
    return [];
  }
  const { address, prefixLength } = attachment.ipv6;
  return [
    addIpv6Address({ deviceIndex, address: requireIp(address).value, prefixLength }),
    ...(ipv6.isDefaultRoute
      ? [addIpv6DefaultRoute({ deviceIndex, gateway: requireIp(ipv6.gateway).value })]
      : []),
  ];
}

/**
 * Parameters of a container's interface that is to have IPv6, below /proc/sys/net of its namespace; others have none.
 * Nothing is heard from routers, and its own addresses need not be asked for: no container waits for them.
 */
export function ipv6Sysctls(interfaceName: string): readonly (readonly [path: string, value: string])[] {
  const at = `ipv6/conf/${interfaceName}`;
  return [
    [`${at}/accept_ra`, '0'],
    [`${at}/accept_dad`, '0'],
    [`${at}/disable_ipv6`, '0'],
  ];
}

/** Line that makes the container's default route of either family, or moves it. */
export function defaultRouteLine(gateway: string, device: string): string {
  return `route replace default via ${gateway} dev ${device}`;
}

/** A candidate for the container's default route. */
export interface GatewayCandidate {
  readonly networkId: string;
  readonly isIngress: boolean;
  readonly isInternal: boolean;
  readonly isBridge: boolean;
  readonly priority: number;
}

/**
 * Chooses the network of the default route: ingress when the container is on it (replies of mesh connections must
 * leave the way they came), else the greatest priority, else a bridge, else the first. Internal networks never are.
 */
export function chooseGateway(candidates: readonly GatewayCandidate[]): string | undefined {
  const rank = (candidate: GatewayCandidate): readonly [number, number, number] => [
    candidate.isIngress ? 1 : 0,
    candidate.priority,
    candidate.isBridge ? 1 : 0,
  ];
  let best: GatewayCandidate | undefined;
  for (const candidate of candidates) {
    if (candidate.isInternal) {
      continue;
    }
    if (best === undefined || compare(rank(candidate), rank(best)) > 0) {
      best = candidate;
    }
  }
  return best?.networkId;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    if (value !== other) {
      return value - other;
    }
  }
  return 0;
}
