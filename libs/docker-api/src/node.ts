import { SwarmError } from '@skep/kernel';
import type { Node, NodeSpec } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';
import { metaToDocker, type DockerMeta } from './meta.ts';
import { genericResourceToDocker, type DockerGenericResource } from './resources.ts';

/** Body of `POST /nodes/{id}/update`. */
export const DockerNodeSpec = z.object({
  Name: z.string().optional(),
  Labels: z.record(z.string(), z.string()).optional(),
  Role: z.string().optional(),
  Availability: z.string().optional(),
});
export type DockerNodeSpec = z.infer<typeof DockerNodeSpec>;

/** The cluster's certificate authority as Docker shows it; the two issuer fields are DER in base 64. */
export interface DockerTlsInfo {
  readonly TrustRoot?: string | undefined;
  readonly CertIssuerSubject?: string | undefined;
  readonly CertIssuerPublicKey?: string | undefined;
}

/** Answer of `GET /nodes/{id}`. */
export interface DockerNode extends DockerMeta {
  readonly ID: string;
  readonly Spec: DockerNodeSpec;
  readonly Description: {
    readonly Hostname?: string | undefined;
    readonly Platform: { readonly Architecture?: string | undefined; readonly OS?: string | undefined };
    readonly Resources: {
      readonly NanoCPUs?: number | undefined;
      readonly MemoryBytes?: number | undefined;
      readonly GenericResources?: readonly DockerGenericResource[] | undefined;
    };
    readonly Engine: {
      readonly EngineVersion?: string | undefined;
      readonly Labels?: Readonly<Record<string, string>> | undefined;
      readonly Plugins?: readonly { readonly Type: string; readonly Name: string }[] | undefined;
    };
    readonly TLSInfo: DockerTlsInfo;
  };
  readonly Status: {
    readonly State: string;
    readonly Message?: string | undefined;
    readonly Addr?: string | undefined;
  };
  readonly ManagerStatus?:
    | {
        readonly Leader?: boolean | undefined;
        readonly Reachability: string;
        readonly Addr?: string | undefined;
      }
    | undefined;
}

/** @throws SwarmError `invalid_argument` with Docker's sentence for an unknown role or availability. */
export function nodeSpecFromDocker(spec: DockerNodeSpec): NodeSpec {
  const role = spec.Role?.toLowerCase() ?? '';
  if (role !== 'worker' && role !== 'manager') {
    throw new SwarmError('invalid_argument', `invalid Role: "${spec.Role ?? ''}"`);
  }
  const availability = spec.Availability?.toLowerCase() ?? '';
  if (availability !== 'active' && availability !== 'pause' && availability !== 'drain') {
    throw new SwarmError('invalid_argument', `invalid Availability: "${spec.Availability ?? ''}"`);
  }
  return compact<NodeSpec>({ name: orOmit(spec.Name), labels: spec.Labels, role, availability });
}

function descriptionToDocker(node: Node, tls: DockerTlsInfo): DockerNode['Description'] {
  const description = node.description;
  return {
    Hostname: orOmit(description?.hostname),
    Platform: {
      Architecture: dockerArchitecture(description?.platform.architecture),
      OS: orOmit(description?.platform.os),
    },
    Resources: {
      NanoCPUs: orOmit(description?.resources.nanoCpus),
      MemoryBytes: orOmit(description?.resources.memoryBytes),
      GenericResources: orOmit(description?.resources.generic?.map(genericResourceToDocker)),
    },
    Engine: {
      EngineVersion: orOmit(description?.engine.version),
      Labels: orOmit(description?.engine.labels),
      Plugins: orOmit(description?.engine.plugins?.map(({ type, name }) => ({ Type: type, Name: name }))),
    },
    TLSInfo: tls,
  };
}

/** Nodes tell their architecture as `uname -m` writes it, not as Go does. */
function dockerArchitecture(architecture: string | undefined): string | undefined {
  const names: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' };
  return architecture === undefined ? undefined : orOmit(names[architecture] ?? architecture);
}

export function nodeToDocker(node: Node, tls: DockerTlsInfo): DockerNode {
  return compact<DockerNode>({
    ID: node.id,
    ...metaToDocker(node),
    Spec: {
      Name: orOmit(node.spec.name),
      Labels: node.spec.labels ?? {},
      Role: node.spec.role,
      Availability: node.spec.availability,
    },
    Description: descriptionToDocker(node, tls),
    Status: {
      State: node.status.state,
      Message: orOmit(node.status.message),
      Addr: orOmit(node.status.addr),
    },
    ManagerStatus: node.manager && {
      Leader: orOmit(node.manager.isLeader),
      Reachability: node.manager.reachability,
      Addr: orOmit(node.manager.addr),
    },
  });
}
