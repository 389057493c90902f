import type { Logger } from 'pino';

import { SwarmError } from '@skep/kernel';

import type {
  LiveNetwork,
  NetworkAttachment,
  NetworkProvider,
  NetworkRequest,
  PreparedNetwork,
} from '../engine/network-provider.ts';
import { hostEndOf } from './attach.ts';
import type { InterfacePlan } from './attach.ts';
import {
  findNetwork,
  freeInterfaceName,
  hostAddressesOf,
  interfaceMtu,
  ipv6GatewayOf,
  joinableNetworks,
  planAttachment,
  preparedNetwork,
  subnetFor,
  wantedPublications,
} from './container-plan.ts';
import type { JoinableNetwork } from './container-plan.ts';
import {
  adoptedAttachments,
  disconnectLines,
  gatewaysOf,
  localContainer,
  publicationTarget,
  repointed,
} from './container-state.ts';
import type { GatewayNetworks } from './container-state.ts';
import type { DnsServer, DnsSockets } from './dns-server.ts';
import type { HostNetwork } from './host-network.ts';
import type { HostPorts, PortRequest } from './host-ports.ts';
import { InterfaceMaker } from './interface-maker.ts';
import type { KernelFollower } from './kernel-follower.ts';
import type { VethLink } from './kernel-object.ts';
import { openDnsSockets, requireSuccess, runIpBatch, setNamespaceSysctls } from './namespace-setup.ts';
import { overlayGroup } from './naming.ts';
import type { Naming } from './naming.ts';
import type { NetnsDirectory } from './netns.ts';
import { EMBEDDED_DNS_ADDRESS, areReachableByContainers, renderResolvConf } from './resolv-conf.ts';
import type { ResolverConfig } from './resolv-conf.ts';
import type { LocalAttachment, LocalContainer, LocalPublication } from './state.ts';

export interface ContainerNetworksOptions {
  readonly naming: Naming;
  readonly host: HostNetwork;
  readonly netns: NetnsDirectory;
  readonly follower: KernelFollower;
  readonly dns: DnsServer;
  readonly ports: HostPorts;
  readonly hostResolvers: () => ResolverConfig;
  readonly logger: Logger;
  /** Called once, when the running containers are known; the kernel follows from then on. */
  readonly onAdopted: () => Promise<void>;
}

/** A container this host made a network for. */
interface ContainerRecord {
  readonly request: NetworkRequest;
  readonly gateways: GatewayNetworks;
  readonly isEmbeddedDns: boolean;
}

/** The engine's {@link NetworkProvider}: namespaces, interfaces, published ports and name service of containers. */
export class ContainerNetworks implements NetworkProvider {
  readonly #options: ContainerNetworksOptions;
  readonly #maker: InterfaceMaker;
  readonly #records = new Map<string, ContainerRecord>();
  /** Interfaces that are being made: their addresses are taken already. */
  readonly #pending = new Map<string, LocalAttachment[]>();

  constructor(options: ContainerNetworksOptions) {
    this.#options = options;
    this.#maker = new InterfaceMaker(options.netns);
  }

  async prepare(request: NetworkRequest, namespacePath?: string): Promise<PreparedNetwork> {
    const { containerId } = request;
    const { host, netns, ports } = this.#options;
    if (host.containers.has(containerId) || this.#pending.has(containerId)) {
      await this.release(containerId);
    }
    const networks = this.#networks();
    try {
      const attachments = this.#planAll(request, networks);
      const gateways = gatewaysOf(attachments, networks, request);
      const isEmbeddedDns = this.#wantsEmbeddedDns(request, attachments, networks);
      const publications = this.#publish(request, attachments, gateways);
      const plans = attachments.map((attachment) => this.#interfacePlan(attachment, networks, gateways));
      const openInside = (): DnsSockets | undefined => {
        setNamespaceSysctls();
        return isEmbeddedDns ? openDnsSockets() : undefined;
      };
      const sockets = netns.create(containerId, openInside, namespacePath);
      if (sockets !== undefined) {
        this.#options.dns.attach(containerId, sockets);
      }
      const made = await this.#maker.make(containerId, request.containerName, plans);
      this.#records.set(containerId, { request, gateways, isEmbeddedDns });
      const container = localContainer(request, { attachments, publications, isRunning: false });
      await this.#enter(container, made);
      return this.#prepared(container, networks);
    } catch (error) {
      await this.release(containerId);
      throw error;
    } finally {
      this.#pending.delete(containerId);
      if (!host.containers.has(containerId)) {
        ports.release(containerId);
      }
    }
  }

  async release(containerId: string): Promise<void> {
    const { dns, host, netns, ports, follower } = this.#options;
    dns.detach(containerId);
    ports.release(containerId);
    this.#records.delete(containerId);
    this.#pending.delete(containerId);
    const container = host.containers.get(containerId);
    host.removeContainer(containerId);
    netns.remove(containerId);
    if (container !== undefined) {
      // The kernel ends the links together with the namespace, many at a time and in the background.
      follower.forgetDevices(new Set(this.#hostEnds(container.attachments)));
      this.#followSoon();
    }
    await Promise.resolve();
  }

  async adopt(live: readonly LiveNetwork[]): Promise<void> {
    const { netns, logger } = this.#options;
    const known = new Set(live.map((item) => item.request.containerId));
    for (const name of netns.list()) {
      if (!known.has(name)) {
        netns.remove(name);
      }
    }
    for (const item of live) {
      try {
        this.#adoptOne(item);
      } catch (err) {
        logger.error(
          { err, containerId: item.request.containerId },
          'container network could not be taken over',
        );
      }
    }
    await this.#options.onAdopted();
  }

  async connect(containerId: string, attachment: NetworkAttachment): Promise<PreparedNetwork> {
    const { host, netns, dns } = this.#options;
    const { container, record } = this.#require(containerId);
    const networks = this.#networks();
    const network = findNetwork(networks, attachment.network);
    if (container.attachments.some((existing) => existing.networkId === network.id)) {
      throw new SwarmError(
        'already_exists',
        `container ${container.name} is already attached to network ${network.name}`,
        { details: { dockerStatus: 403 } },
      );
    }
    const made = planAttachment({
      containerId,
      interfaceName: freeInterfaceName(container.attachments),
      wanted: attachment,
      network,
      taken: this.#taken(network.id),
    });
    this.#pending.set(containerId, [made]);
    try {
      const attachments = [...container.attachments, made];
      const request = { ...record.request, attachments: [...record.request.attachments, attachment] };
      const gateways = gatewaysOf(attachments, networks, request);
      const plan = this.#interfacePlan(made, networks, gateways);
      const links = await this.#maker.make(containerId, container.name, [plan]);
      const isEmbeddedDns = record.isEmbeddedDns || this.#wantsEmbeddedDns(request, attachments, networks);
      if (isEmbeddedDns && !record.isEmbeddedDns) {
        dns.attach(containerId, netns.enter(containerId, openDnsSockets));
      }
      this.#records.set(containerId, { request, gateways, isEmbeddedDns });
      const current = host.containers.get(containerId) ?? container;
      const next = repointed({ ...current, attachments }, gateways);
      await this.#enter(next, links);
      return this.#prepared(next, networks);
    } finally {
      this.#pending.delete(containerId);
    }
  }

  async disconnect(containerId: string, network: string): Promise<PreparedNetwork> {
    const { host, netns, follower } = this.#options;
    const { container, record } = this.#require(containerId);
    const networks = this.#networks();
    const { id, name } = findNetwork(networks, network);
    const gone = container.attachments.find((attachment) => attachment.networkId === id);
    if (gone === undefined) {
      throw new SwarmError('not_found', `container ${container.name} is not connected to network ${name}`);
    }
    const attachments = container.attachments.filter((attachment) => attachment !== gone);
    const request = {
      ...record.request,
      attachments: record.request.attachments.filter((item) => item.network !== id && item.network !== name),
    };
    const gateways = gatewaysOf(attachments, networks, request);
    for (const [family, lines] of disconnectLines(gone, {
      before: record.gateways,
      gateways,
      attachments,
      networks,
    })) {
      requireSuccess(await netns.enter(containerId, () => runIpBatch(family, lines)), container.name);
    }
    follower.forgetDevices(new Set(this.#hostEnds([gone])));
    this.#records.set(containerId, { ...record, request, gateways });
    const current = host.containers.get(containerId) ?? container;
    const changed = repointed({ ...current, attachments }, gateways);
    host.putContainer(changed);
    await follower.follow();
    return this.#prepared(changed, networks);
  }

  running(containerId: string, isRunning: boolean): void {
    const { host } = this.#options;
    const container = host.containers.get(containerId);
    if (container !== undefined && container.isRunning !== isRunning) {
      host.putContainer({ ...container, isRunning });
      this.#followSoon();
    }
  }

  /** Resolvers a container's other queries go to; none when it has no way out. */
  serversOf(containerId: string): readonly string[] {
    const record = this.#records.get(containerId);
    if (record?.gateways.ipv4 === undefined) {
      return [];
    }
    const own = record.request.dns.nameservers ?? [];
    return own.length > 0 ? own : this.#options.hostResolvers().nameservers;
  }

  /** Networks of a container in the order in which names are looked up. */
  networkIdsOf(containerId: string): readonly string[] {
    return this.#options.host.containers.get(containerId)?.attachments.map((item) => item.networkId) ?? [];
  }

  close(): void {
    this.#maker.close();
  }

  /** Whether containers are, or are about to be, attached to a network. */
  isInUse(networkId: string): boolean {
    return this.#taken(networkId).size > 0;
  }

  #adoptOne(item: LiveNetwork): void {
    const { host, netns, ports, dns } = this.#options;
    const { request, prepared } = item;
    const { containerId } = request;
    if (!netns.isAlive(containerId)) {
      throw new SwarmError('not_found', `network namespace of container ${request.containerName} is gone`);
    }
    const networks = this.#networks();
    const attachments = adoptedAttachments(containerId, prepared);
    const gateways = gatewaysOf(attachments, networks, request);
    const publications = prepared.ports.map((port): LocalPublication => ({
      containerId,
      ...port,
      address: publicationTarget(attachments, gateways, port.hostAddress) ?? '',
    }));
    for (const { hostAddress, hostPort, protocol } of prepared.ports) {
      ports.take({
        owner: containerId,
        protocol,
        hostAddresses: [hostAddress],
        first: hostPort,
        last: hostPort,
        relayTo: this.#relayTo(containerId),
      });
    }
    const isEmbeddedDns = prepared.resolvConf.includes(`nameserver ${EMBEDDED_DNS_ADDRESS}\n`);
    if (isEmbeddedDns) {
      dns.attach(containerId, netns.enter(containerId, openDnsSockets));
    }
    this.#records.set(containerId, { request, gateways, isEmbeddedDns });
    host.putContainer(localContainer(request, { attachments, publications, isRunning: true }));
  }

  /** Takes a container with new interfaces into the state and lets the kernel follow. */
  async #enter(container: LocalContainer, made: readonly VethLink[]): Promise<void> {
    const { host, follower } = this.#options;
    follower.note(made);
    host.putContainer(container);
    await follower.follow();
  }

  #planAll(request: NetworkRequest, networks: readonly JoinableNetwork[]): LocalAttachment[] {
    const planned: LocalAttachment[] = [];
    // Plans of one container see each other, and those of others see them, from the first line on.
    this.#pending.set(request.containerId, planned);
    for (const wanted of request.attachments) {
      const network = findNetwork(networks, wanted.network);
      planned.push(
        planAttachment({
          containerId: request.containerId,
          interfaceName: freeInterfaceName(planned),
          wanted,
          network,
          taken: this.#taken(network.id),
        }),
      );
    }
    return planned;
  }

  #publish(
    request: NetworkRequest,
    attachments: readonly LocalAttachment[],
    gateways: GatewayNetworks,
  ): LocalPublication[] {
    const { containerId } = request;
    const targetOf = (hostAddress: string): string | undefined =>
      publicationTarget(attachments, gateways, hostAddress);
    if (gateways.ipv4 === undefined) {
      return [];
    }
    return wantedPublications(request).flatMap((port) => {
      const first = port.hostPort ?? 0;
      const hostAddresses = hostAddressesOf(port, targetOf('::') !== undefined);
      const { protocol, containerPort } = port;
      const hostPort = this.#options.ports.take({
        owner: containerId,
        protocol,
        hostAddresses,
        first,
        last: Math.max(first, port.hostPortEnd ?? first),
        relayTo: this.#relayTo(containerId),
      });
      return hostAddresses.map((hostAddress): LocalPublication => {
        const address = targetOf(hostAddress) ?? '';
        return { containerId, protocol, hostAddress, hostPort, address, containerPort };
      });
    });
  }

  /** Where connections to a published port of a container lead at the moment they come. */
  #relayTo(containerId: string): NonNullable<PortRequest['relayTo']> {
    return (port, hostAddress) => {
      const found = this.#options.host.containers
        .get(containerId)
        ?.publications.find(
          (one) => one.protocol === 'tcp' && one.hostPort === port && one.hostAddress === hostAddress,
        );
      return found === undefined ? undefined : { address: found.address, port: found.containerPort };
    };
  }

  #interfacePlan(
    attachment: LocalAttachment,
    networks: readonly JoinableNetwork[],
    gateways: GatewayNetworks,
  ): InterfacePlan {
    const { naming, host } = this.#options;
    const network = findNetwork(networks, attachment.networkId);
    const ipv6Gateway = ipv6GatewayOf(network);
    return {
      naming,
      attachment,
      bridgeName: network.kind === 'local' ? network.network.bridgeName : undefined,
      group: network.kind === 'local' ? 0 : overlayGroup(naming, network.network.vni),
      gateway: subnetFor(network, attachment.address).gateway,
      mtu: interfaceMtu(network, host.observed.underlayMtu),
      isDefaultRoute: attachment.networkId === gateways.ipv4,
      ...(ipv6Gateway === undefined
        ? {}
        : { ipv6: { gateway: ipv6Gateway, isDefaultRoute: attachment.networkId === gateways.ipv6 } }),
    };
  }

  #wantsEmbeddedDns(
    request: NetworkRequest,
    attachments: readonly LocalAttachment[],
    networks: readonly JoinableNetwork[],
  ): boolean {
    const isNamed = attachments.some((attachment) => {
      const network = findNetwork(networks, attachment.networkId);
      return network.kind === 'overlay' || !network.network.isDefault;
    });
    const ownServers = request.dns.nameservers ?? [];
    return (
      isNamed ||
      (ownServers.length === 0 && !areReachableByContainers(this.#options.hostResolvers().nameservers))
    );
  }

  #prepared(container: LocalContainer, networks: readonly JoinableNetwork[]): PreparedNetwork {
    const { record } = this.#require(container.containerId);
    return preparedNetwork({
      container,
      networks,
      gatewayNetworkId: record.gateways.ipv4,
      netnsPath: this.#options.netns.pathOf(container.containerId),
      resolvConf: renderResolvConf({
        host: this.#options.hostResolvers(),
        dns: record.request.dns,
        isEmbedded: record.isEmbeddedDns,
      }),
    });
  }

  #require(containerId: string): { container: LocalContainer; record: ContainerRecord } {
    const container = this.#options.host.containers.get(containerId);
    const record = this.#records.get(containerId);
    if (container === undefined || record === undefined) {
      throw new SwarmError('not_found', `container ${containerId.slice(0, 12)} has no network on this host`);
    }
    return { container, record };
  }

  #hostEnds(attachments: readonly LocalAttachment[]): string[] {
    return attachments.flatMap((attachment) =>
      (['bridged', 'routed'] as const).map((link) =>
        hostEndOf(this.#options.naming, link, attachment.endpointId),
      ),
    );
  }

  #taken(networkId: string): Set<string> {
    const attachments = [
      ...[...this.#options.host.containers.values()].flatMap((container) => container.attachments),
      ...[...this.#pending.values()].flat(),
    ];
    return new Set(
      attachments
        .filter((item) => item.networkId === networkId)
        .flatMap(({ address, ipv6 }) => (ipv6 === undefined ? [address] : [address, ipv6.address])),
    );
  }

  #networks(): JoinableNetwork[] {
    const { host } = this.#options;
    return joinableNetworks(host.usableLocalNetworks(), host.cluster?.networks ?? []);
  }

  #followSoon(): void {
    // A failed pass is logged, counted and tried again by the follower itself.
    this.#options.follower.follow().catch(() => undefined);
  }
}
