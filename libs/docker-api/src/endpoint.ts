import { SwarmError } from '@skep/kernel';
import type { EndpointSpec, PortConfig, ServiceEndpoint } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';

/** Docker's `PortConfig` of a service. */
export const DockerPortConfig = z.object({
  Name: z.string().optional(),
  Protocol: z.enum(['', 'tcp', 'udp', 'sctp']).optional(),
  TargetPort: z.number().optional(),
  PublishedPort: z.number().optional(),
  PublishMode: z.enum(['', 'ingress', 'host']).optional(),
});
export type DockerPortConfig = z.infer<typeof DockerPortConfig>;

export const DockerEndpointSpec = z.object({
  Mode: z.string().optional(),
  Ports: z.array(DockerPortConfig).optional(),
});
export type DockerEndpointSpec = z.infer<typeof DockerEndpointSpec>;

/** Docker's `Endpoint`: what the allocator gave a service. */
export interface DockerEndpoint {
  readonly Spec: DockerEndpointSpec;
  readonly Ports?: readonly DockerPortConfig[] | undefined;
  readonly VirtualIPs?:
    readonly { readonly NetworkID: string; readonly Addr?: string | undefined }[] | undefined;
}

function portFromDocker(port: DockerPortConfig): PortConfig {
  return compact<PortConfig>({
    name: orOmit(port.Name),
    protocol: orOmit(port.Protocol) ?? 'tcp',
    targetPort: port.TargetPort ?? 0,
    publishedPort: orOmit(port.PublishedPort),
    publishMode: orOmit(port.PublishMode) ?? 'ingress',
  });
}

export function portToDocker(port: PortConfig): DockerPortConfig {
  return compact<DockerPortConfig>({
    Name: orOmit(port.name),
    Protocol: port.protocol,
    TargetPort: orOmit(port.targetPort),
    PublishedPort: orOmit(port.publishedPort),
    PublishMode: port.publishMode,
  });
}

/** @throws SwarmError `invalid_argument` for a resolution mode other than vip and dnsrr. */
export function endpointSpecFromDocker(spec: DockerEndpointSpec): EndpointSpec {
  const mode = orOmit(spec.Mode) ?? 'vip';
  if (mode !== 'vip' && mode !== 'dnsrr') {
    throw new SwarmError('invalid_argument', `invalid resolution mode: "${mode}"`);
  }
  return compact<EndpointSpec>({ mode, ports: orOmit(spec.Ports?.map(portFromDocker)) });
}

export function endpointSpecToDocker(spec: EndpointSpec): DockerEndpointSpec {
  return compact<DockerEndpointSpec>({
    Mode: spec.mode ?? 'vip',
    Ports: orOmit(spec.ports?.map(portToDocker)),
  });
}

/** A service without networks and ports has nothing allocated: Docker then answers an empty `Spec`. */
export function endpointToDocker(
  endpoint: ServiceEndpoint | undefined,
  spec: EndpointSpec | undefined,
): DockerEndpoint {
  if (endpoint === undefined) {
    return { Spec: {} };
  }
  return compact<DockerEndpoint>({
    Spec: spec === undefined ? { Mode: endpoint.mode } : endpointSpecToDocker(spec),
    Ports: orOmit(endpoint.ports.map(portToDocker)),
    VirtualIPs: orOmit(
      endpoint.virtualIps.map(({ networkId, address }) => ({ NetworkID: networkId, Addr: orOmit(address) })),
    ),
  });
}
