import type { WireEndpoint, WireNetwork, WirePeer } from '@skep/wire';

import { contains, parseCidr, parseIpv4 } from './ipv4.ts';
import { overlayGroup, vxlanName } from './naming.ts';
import type { PlanInput } from './plan-input.ts';
import type { LocalAttachment } from './state.ts';

/** A cluster network this host takes part in, with its numbers parsed. */
export interface ActiveOverlay {
  readonly network: WireNetwork;
  readonly device: string;
  readonly group: number;
  readonly subnets: readonly { readonly subnet: string; readonly gateway: string }[];
  readonly endpoints: readonly WireEndpoint[];
  readonly attachments: readonly LocalAttachment[];
}

/** Networks that are built here: those with a local container, and ingress, by which the mesh reaches every host. */
export function activeOverlays(input: PlanInput, problems: string[]): ActiveOverlay[] {
  if (input.cluster === undefined) {
    return [];
  }
  const attachments = groupBy(
    input.containers.flatMap((container) => container.attachments),
    (attachment) => attachment.networkId,
  );
  const endpoints = groupBy(input.cluster.endpoints, (endpoint) => endpoint.networkId);
  const active: ActiveOverlay[] = [];
  for (const network of [...input.cluster.networks].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const local = attachments.get(network.id) ?? [];
    if (!network.isIngress && local.length === 0) {
      continue;
    }
    const subnets = validSubnets(network, problems);
    if (subnets.length > 0) {
      active.push({
        network,
        device: vxlanName(input.naming, network.vni),
        group: overlayGroup(input.naming, network.vni),
        subnets,
        endpoints: (endpoints.get(network.id) ?? []).filter((endpoint) => isInside(endpoint, subnets)),
        attachments: local,
      });
    }
  }
  return active;
}

function groupBy<T>(items: readonly T[], keyOfItem: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOfItem(item);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, [item]);
    } else {
      group.push(item);
    }
  }
  return groups;
}

function validSubnets(network: WireNetwork, problems: string[]): ActiveOverlay['subnets'] {
  return network.subnets.filter(({ subnet, gateway }) => {
    const range = parseCidr(subnet);
    const address = parseIpv4(gateway);
    const isValid = range !== undefined && address !== undefined && contains(range, address);
    if (!isValid) {
      problems.push(
        `network ${network.name}: subnet ${subnet} with gateway ${gateway} is not usable over IPv4`,
      );
    }
    return isValid;
  });
}

function isInside(endpoint: WireEndpoint, subnets: ActiveOverlay['subnets']): boolean {
  const address = parseIpv4(endpoint.address);
  return (
    address !== undefined &&
    subnets.some(({ subnet }) => {
      const range = parseCidr(subnet);
      return range !== undefined && contains(range, address);
    })
  );
}

/** Other nodes with an IPv4 data path address, by id. */
export function usablePeers(peers: readonly WirePeer[], selfId: string): WirePeer[] {
  return peers
    .filter((peer) => peer.nodeId !== selfId && parseIpv4(peer.addr) !== undefined)
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}
