import type { WireService } from '@skep/wire';

import { parseIpv4 } from './ipv4.ts';
import { BRIDGE_GROUP_MASK, GROUP_MASK, MARK_MASK, bridgeGroup, nodeMac, nodeMark } from './naming.ts';
import { usablePeers } from './active-overlays.ts';
import type { ActiveOverlay } from './active-overlays.ts';
import type { PlanInput } from './plan-input.ts';
import { baseChains, baseSets } from './nft-base.ts';
import type { NftChain, NftModel, NftSet } from './render-nft.ts';
import { ServingEndpoints } from './serving-endpoints.ts';

type Elements = Map<string, string>;

/** Plans the content of the nft table: isolation, way out, published ports, service addresses and the mesh. */
export function planNft(input: PlanInput, overlays: readonly ActiveOverlay[], problems: string[]): NftModel {
  const elements = new Map<string, Elements>();
  const into = (set: string): Elements => {
    const existing = elements.get(set);
    if (existing !== undefined) {
      return existing;
    }
    const made: Elements = new Map();
    elements.set(set, made);
    return made;
  };
  const chains = new Map<string, NftChain>(
    Object.entries(
      baseChains({
        prefix: input.naming.devicePrefix,
        group: hex(input.naming.groupBase),
        groupMask: hex(GROUP_MASK),
        bridgeGroup: hex(bridgeGroup(input.naming, 0)),
        bridgeGroupMask: hex(BRIDGE_GROUP_MASK),
        markMask: hex(MARK_MASK),
        isSourceChecked: input.host.allRpFilter < 2,
        ...(input.cluster === undefined ? {} : { nodeAddress: input.cluster.self.dataPathAddr }),
      }),
    ),
  );
  planBridges(input, into);
  planOverlays(overlays, into);
  planPublications(input, into);
  const sink: Sink = { into, chains, problems, serving: new ServingEndpoints(input, overlays) };
  planServices(input, overlays, sink);
  planMesh(input, overlays, sink);
  const sets = new Map<string, NftSet>();
  for (const [name, definition] of Object.entries(baseSets())) {
    sets.set(name, { ...definition, elements: elements.get(name) ?? new Map<string, string>() });
  }
  return { sets, chains };
}

type Into = (set: string) => Elements;

function planBridges(input: PlanInput, into: Into): void {
  for (const network of input.localNetworks) {
    const group = hex(bridgeGroup(input.naming, network.groupIndex));
    into('same_network').set(`${group} . ${group}`, '');
    into('subnets').set(network.subnet, '');
    into('gateways').set(network.subnet, network.gateway);
    if (network.isInternal) {
      into('internal').set(group, '');
    } else if (network.isMasqueraded) {
      into('masqueraded').set(network.subnet, '');
    }
  }
}

function planOverlays(overlays: readonly ActiveOverlay[], into: Into): void {
  for (const overlay of overlays) {
    const group = hex(overlay.group);
    into('same_network').set(`${group} . ${group}`, '');
    if (overlay.network.isInternal) {
      into('internal').set(group, '');
    }
    if (overlay.network.isIngress) {
      into('ingress_groups').set(group, '');
    }
    for (const { subnet, gateway } of overlay.subnets) {
      into('subnets').set(subnet, '');
      into('gateways').set(subnet, gateway);
      if (!overlay.network.isInternal) {
        into('masqueraded').set(subnet, '');
      }
    }
    for (const { address } of overlay.attachments) {
      into('hairpin').set(`${address} . ${address}`, '');
    }
  }
}

function planPublications(input: PlanInput, into: Into): void {
  for (const port of input.containers.flatMap((container) => container.publications)) {
    const target = `${port.address} . ${String(port.containerPort)}`;
    const source = `${port.protocol} . ${String(port.hostPort)}`;
    if (port.hostAddress === '0.0.0.0') {
      into('published').set(source, target);
    } else if (parseIpv4(port.hostAddress) !== undefined) {
      into('published_on').set(`${port.hostAddress} . ${source}`, target);
    }
  }
}

/** One chain per service and network that spreads new connections over the endpoints in service. */
function planServices(input: PlanInput, overlays: readonly ActiveOverlay[], sink: Sink): void {
  const { into, chains, serving } = sink;
  const active = new Map(overlays.map((overlay) => [overlay.network.id, overlay]));
  for (const service of servicesById(input)) {
    for (const { networkId, address } of service.mode === 'vip' ? service.virtualIps : []) {
      const overlay = active.get(networkId);
      if (overlay === undefined || overlay.attachments.length === 0 || parseIpv4(address) === undefined) {
        continue;
      }
      into('vip_addresses').set(address, '');
      const targets = serving.addressesOf(overlay.network.id, service.id);
      if (targets.length > 0) {
        const chain = `svc_${identifier(service.id)}_${overlay.network.vni.toString(16)}`;
        chains.set(chain, { rules: [`dnat to ${spread(targets)}`] });
        into('service_vips').set(`${hex(overlay.group)} . ${address}`, `goto ${chain}`);
      }
    }
  }
}

interface Sink {
  readonly into: Into;
  readonly chains: Map<string, NftChain>;
  readonly problems: string[];
  readonly serving: ServingEndpoints;
}

/** One chain per published port of the routing mesh. */
function planMesh(input: PlanInput, overlays: readonly ActiveOverlay[], sink: Sink): void {
  const { cluster, host } = input;
  const ingress = overlays.find((overlay) => overlay.network.isIngress);
  if (cluster === undefined || ingress === undefined) {
    return;
  }
  for (const peer of usablePeers(cluster.peers, cluster.self.nodeId)) {
    const index = host.nodeIndexes.get(peer.nodeId);
    for (const endpoint of ingress.endpoints.filter((item) => item.nodeId === peer.nodeId)) {
      sink.into('mesh_returns').set(`${peer.addr} . ${endpoint.address}`, '');
    }
    if (index !== undefined) {
      sink.into('entry_marks').set(nodeMac(peer.addr), hex(nodeMark(index)));
    }
  }
  for (const service of servicesById(input)) {
    for (const port of service.ingressPorts) {
      const published = port.publishedPort ?? 0;
      if (port.publishMode !== 'ingress' || published === 0) {
        continue;
      }
      if (host.heldPorts.has(`${port.protocol}/${String(published)}`)) {
        sink.problems.push(
          `port ${String(published)}/${port.protocol} of service ${service.name} is in use by a process of this ` +
            'host; stop it or publish another port',
        );
        continue;
      }
      const targets = meshTargets(input, sink.serving, {
        networkId: ingress.network.id,
        serviceId: service.id,
      });
      if (targets.length > 0) {
        const chain = `mesh_${port.protocol}_${String(published)}`;
        sink.chains.set(chain, {
          rules: [`meta l4proto ${port.protocol} dnat to ${spread(targets)} : ${String(port.targetPort)}`],
        });
        sink.into('mesh_ports').set(`${port.protocol} . ${String(published)}`, `goto ${chain}`);
      }
    }
  }
}

/** Addresses a mesh port leads to: those of this host alone when it has any and local ones are preferred. */
function meshTargets(
  input: PlanInput,
  serving: ServingEndpoints,
  of: { readonly networkId: string; readonly serviceId: string },
): readonly string[] {
  const local = serving.localAddressesOf(of.networkId, of.serviceId);
  return input.host.meshSpread === 'prefer-local' && local.length > 0
    ? local
    : serving.addressesOf(of.networkId, of.serviceId);
}

function spread(addresses: readonly string[]): string {
  const [only] = addresses;
  if (addresses.length === 1 && only !== undefined) {
    return only;
  }
  const targets = addresses.map((address, index) => `${String(index)} : ${address}`);
  return `numgen random mod ${String(addresses.length)} map { ${targets.join(', ')} }`;
}

function servicesById(input: PlanInput): WireService[] {
  return [...(input.cluster?.services ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Ids become parts of chain names: whatever is no word character is left out, so that no text can leave its place. */
function identifier(id: string): string {
  return id.replace(/[^0-9A-Za-z]/g, '').slice(0, 64);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
