import { SwarmError } from '@skep/kernel';
import type { Network, NetworkSpec } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';
import { metaToDocker, type DockerMeta } from './meta.ts';
import { formatTimeMs } from './timestamps.ts';

const StringMap = z.record(z.string(), z.string());

const DockerIpamConfig = z.object({
  Subnet: z.string().optional(),
  IPRange: z.string().optional(),
  Gateway: z.string().optional(),
  AuxiliaryAddresses: StringMap.optional(),
});
export type DockerIpamConfig = z.infer<typeof DockerIpamConfig>;

/** Body of `POST /networks/create`. */
export const DockerNetworkCreate = z.object({
  Name: z.string().optional(),
  Driver: z.string().optional(),
  Scope: z.string().optional(),
  EnableIPv4: z.boolean().optional(),
  EnableIPv6: z.boolean().optional(),
  Internal: z.boolean().optional(),
  Attachable: z.boolean().optional(),
  Ingress: z.boolean().optional(),
  ConfigOnly: z.boolean().optional(),
  ConfigFrom: z.object({ Network: z.string().optional() }).optional(),
  IPAM: z
    .object({
      Driver: z.string().optional(),
      Options: StringMap.optional(),
      Config: z.array(DockerIpamConfig).optional(),
    })
    .optional(),
  Options: StringMap.optional(),
  Labels: StringMap.optional(),
});
export type DockerNetworkCreate = z.infer<typeof DockerNetworkCreate>;

/** Body of `POST /networks/{id}/connect`. */
export const DockerNetworkConnect = z.object({
  Container: z.string().optional(),
  EndpointConfig: z
    .object({
      IPAMConfig: z
        .object({ IPv4Address: z.string().optional(), IPv6Address: z.string().optional() })
        .optional(),
      Links: z.array(z.string()).optional(),
      Aliases: z.array(z.string()).optional(),
      MacAddress: z.string().optional(),
      DriverOpts: StringMap.optional(),
      GwPriority: z.number().optional(),
    })
    .optional(),
});
export type DockerNetworkConnect = z.infer<typeof DockerNetworkConnect>;

/** Body of `POST /networks/{id}/disconnect`. */
export const DockerNetworkDisconnect = z.object({
  Container: z.string().optional(),
  Force: z.boolean().optional(),
});

/** One container on a network, as `GET /networks/{id}` shows it. */
export interface DockerNetworkContainer {
  readonly Name: string;
  readonly EndpointID: string;
  readonly MacAddress: string;
  readonly IPv4Address: string;
  readonly IPv6Address: string;
}

/** A network in answers of `/networks`, local or of the swarm. */
export interface DockerNetwork {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: string;
  readonly Driver: string;
  readonly EnableIPv4: boolean;
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Driver: string;
    readonly Options: Readonly<Record<string, string>> | null;
    readonly Config: readonly DockerIpamConfig[];
  };
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly Ingress: boolean;
  readonly ConfigFrom: { readonly Network: string };
  readonly ConfigOnly: boolean;
  readonly Containers: Readonly<Record<string, DockerNetworkContainer>>;
  readonly Options: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Peers?: readonly { readonly Name: string; readonly IP: string }[];
}

/** A network inside a task's `NetworksAttachments`. */
export interface DockerSwarmNetwork extends DockerMeta {
  readonly ID: string;
  readonly Spec: Readonly<Record<string, unknown>>;
  readonly DriverState: Readonly<Record<string, unknown>>;
  readonly IPAMOptions: Readonly<Record<string, unknown>>;
}

/** Driver option under which Docker shows the VXLAN numbers of an overlay network. */
const VXLAN_OPTION = 'com.docker.network.driver.overlay.vxlanid_list';

/** @throws SwarmError when the network asks for something that the swarm's networks cannot be. */
export function networkSpecFromDocker(create: DockerNetworkCreate): NetworkSpec {
  if (create.ConfigOnly === true || create.ConfigFrom?.Network) {
    throw new SwarmError('unimplemented', 'configuration-only networks are not supported in a swarm');
  }
  const driver = orOmit(create.Driver) ?? 'overlay';
  if (driver !== 'overlay') {
    throw new SwarmError(
      'invalid_argument',
      `network driver "${driver}" cannot span a swarm; use the overlay driver`,
    );
  }
  return compact<NetworkSpec>({
    name: create.Name ?? '',
    labels: create.Labels,
    driver,
    driverOpts: orOmit(create.Options),
    internal: orOmit(create.Internal),
    attachable: orOmit(create.Attachable),
    ingress: orOmit(create.Ingress),
    ipv6: orOmit(create.EnableIPv6),
    ipam: create.IPAM && {
      driver: orOmit(create.IPAM.Driver) ?? 'default',
      options: orOmit(create.IPAM.Options),
      configs: orOmit(
        create.IPAM.Config?.map((config) => ({
          subnet: orOmit(config.Subnet),
          range: orOmit(config.IPRange),
          gateway: orOmit(config.Gateway),
        })),
      ),
    },
  });
}

/** A network of the swarm in the shape of `/networks`. */
export function networkToDocker(network: Network): DockerNetwork {
  const { spec } = network;
  const vxlan: Record<string, string> =
    network.vni === undefined ? {} : { [VXLAN_OPTION]: String(network.vni) };
  return {
    Name: spec.name,
    Id: network.id,
    Created: formatTimeMs(network.createdAtMs),
    Scope: 'swarm',
    Driver: spec.driver ?? 'overlay',
    EnableIPv4: true,
    EnableIPv6: spec.ipv6 ?? false,
    IPAM: {
      Driver: spec.ipam?.driver ?? 'default',
      Options: spec.ipam?.options ?? null,
      Config: ipamConfigs(network),
    },
    Internal: spec.internal ?? false,
    Attachable: spec.attachable ?? false,
    Ingress: spec.ingress ?? false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: { ...vxlan, ...spec.driverOpts },
    Labels: spec.labels ?? {},
  };
}

function ipamConfigs(network: Network): DockerIpamConfig[] {
  const allocated = network.ipam ?? network.spec.ipam?.configs ?? [];
  return allocated.map(({ subnet, range, gateway }) =>
    compact<DockerIpamConfig>({
      Subnet: orOmit(subnet),
      IPRange: orOmit(range),
      Gateway: orOmit(gateway),
    }),
  );
}

/** A network of the swarm in the shape that tasks carry. */
export function swarmNetworkToDocker(network: Network): DockerSwarmNetwork {
  const { spec } = network;
  return compact<DockerSwarmNetwork>({
    ID: network.id,
    ...metaToDocker(network),
    Spec: {
      Name: spec.name,
      Labels: spec.labels ?? {},
      DriverConfiguration: { Name: spec.driver ?? 'overlay', Options: orOmit(spec.driverOpts) },
      IPv6Enabled: orOmit(spec.ipv6),
      Internal: orOmit(spec.internal),
      Attachable: orOmit(spec.attachable),
      Ingress: orOmit(spec.ingress),
      IPAMOptions: spec.ipam && { Driver: { Name: spec.ipam.driver ?? 'default' } },
      Scope: 'swarm',
    },
    DriverState: {
      Name: spec.driver ?? 'overlay',
      Options: network.vni === undefined ? undefined : { [VXLAN_OPTION]: String(network.vni) },
    },
    IPAMOptions: {
      Driver: { Name: spec.ipam?.driver ?? 'default' },
      Configs: orOmit(
        (network.ipam ?? []).map(({ subnet, gateway }) => ({ Subnet: subnet, Gateway: gateway })),
      ),
    },
  });
}
