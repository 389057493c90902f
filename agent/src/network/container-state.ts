import type { NetworkRequest, PreparedNetwork } from '../engine/network-provider.ts';
import { defaultRouteLine } from './attach.ts';
import { TASK_ID_LABEL, findNetwork, gatewayNetworkOf, ipv6GatewayOf, subnetFor } from './container-plan.ts';
import type { JoinableNetwork } from './container-plan.ts';
import { parseIp } from './ip-prefix.ts';
import type { IpFamily } from './ip-prefix.ts';
import type { LocalAttachment, LocalContainer, LocalPublication } from './state.ts';

/** Networks of a container's default routes; undefined where it has none. */
export interface GatewayNetworks {
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
}

/** A container as this host's networks see it. */
export function localContainer(
  request: NetworkRequest,
  parts: Pick<LocalContainer, 'attachments' | 'publications' | 'isRunning'>,
): LocalContainer {
  const taskId = request.labels[TASK_ID_LABEL];
  return {
    containerId: request.containerId,
    name: request.containerName,
    hostname: request.hostname,
    ...(taskId === undefined ? {} : { taskId }),
    ...parts,
  };
}

/** The interfaces of a container that was prepared before this process started. */
export function adoptedAttachments(containerId: string, { interfaces }: PreparedNetwork): LocalAttachment[] {
  return interfaces.flatMap((entry): LocalAttachment[] => {
    const ipv4 = splitAddress(entry.ipv4Address);
    const ipv6 = splitAddress(entry.ipv6Address);
    return ipv4 === undefined
      ? []
      : [
          {
            containerId,
            networkId: entry.networkId,
            endpointId: entry.endpointId,
            interfaceName: entry.interfaceName,
            macAddress: entry.macAddress,
            ...ipv4,
            ...(ipv6 === undefined ? {} : { ipv6 }),
            aliases: entry.aliases,
          },
        ];
  });
}

function splitAddress(text: string | undefined): { address: string; prefixLength: number } | undefined {
  const [address, prefixLength] = (text ?? '').split('/');
  return address === undefined || prefixLength === undefined
    ? undefined
    : { address, prefixLength: Number(prefixLength) };
}

/** The address that a publication on `hostAddress` leads to; undefined when the container has none of its family. */
export function publicationTarget(
  attachments: readonly LocalAttachment[],
  gateways: GatewayNetworks,
  hostAddress: string,
): string | undefined {
  return parseIp(hostAddress)?.family === 6
    ? attachments.find(({ networkId }) => networkId === gateways.ipv6)?.ipv6?.address
    : attachments.find(({ networkId }) => networkId === gateways.ipv4)?.address;
}

/**
 * Publications lead to the address on the network of the default route, whichever that is now; one that has no address
 * any more to lead to is left as it is for IPv4 and goes for IPv6.
 */
export function repointed(container: LocalContainer, gateways: GatewayNetworks): LocalContainer {
  const publications = container.publications.flatMap((port): LocalPublication[] => {
    const address = publicationTarget(container.attachments, gateways, port.hostAddress);
    return address === undefined && parseIp(port.hostAddress)?.family === 6
      ? []
      : [{ ...port, address: address ?? port.address }];
  });
  return { ...container, publications };
}

/** Which networks carry the default routes of a container with these interfaces. */
export function gatewaysOf(
  attachments: readonly LocalAttachment[],
  networks: readonly JoinableNetwork[],
  { attachments: wanted }: Pick<NetworkRequest, 'attachments'>,
): GatewayNetworks {
  const able = attachments.filter(({ ipv6 }) => ipv6 !== undefined);
  return {
    ipv4: gatewayNetworkOf(attachments, networks, wanted),
    ipv6: able.length === 0 ? undefined : gatewayNetworkOf(able, networks, wanted),
  };
}

/** Lines for `ip -batch`, by family, that take an interface away and give its default routes to those that are left. */
export function disconnectLines(
  gone: LocalAttachment,
  left: {
    readonly before: GatewayNetworks;
    readonly gateways: GatewayNetworks;
    readonly attachments: readonly LocalAttachment[];
    readonly networks: readonly JoinableNetwork[];
  },
): readonly (readonly [family: IpFamily, lines: readonly string[]])[] {
  const { before, gateways, attachments, networks } = left;
  const lines: Record<IpFamily, string[]> = { 4: [`link del dev ${gone.interfaceName}`], 6: [] };
  const next4 = attachments.find(({ networkId }) => networkId === gateways.ipv4);
  if (next4 !== undefined && before.ipv4 === gone.networkId) {
    const { gateway } = subnetFor(findNetwork(networks, next4.networkId), next4.address);
    lines[4].push(defaultRouteLine(gateway, next4.interfaceName));
  }
  const next6 = attachments.find(({ networkId }) => networkId === gateways.ipv6);
  if (next6 !== undefined && before.ipv6 === gone.networkId) {
    const gateway = ipv6GatewayOf(findNetwork(networks, next6.networkId));
    lines[6].push(...(gateway === undefined ? [] : [defaultRouteLine(gateway, next6.interfaceName)]));
  }
  return ([4, 6] as const).flatMap((family) =>
    lines[family].length === 0 ? [] : [[family, lines[family]] as const],
  );
}
