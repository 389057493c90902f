import { SwarmError } from '@skep/kernel';
import type { ConfigReference, ContainerSpec, FileTarget, SecretReference } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';
import { DockerHealthcheck, healthcheckFromDocker, healthcheckToDocker } from './healthcheck.ts';
import { DockerMount, mountFromDocker, mountToDocker } from './mount.ts';
import { DockerPrivileges, privilegesFromDocker, privilegesToDocker } from './privileges.ts';

const Strings = z.array(z.string());
const StringMap = z.record(z.string(), z.string());

const DockerFileTarget = z.object({
  Name: z.string().optional(),
  UID: z.string().optional(),
  GID: z.string().optional(),
  Mode: z.number().optional(),
});
type DockerFileTarget = z.infer<typeof DockerFileTarget>;

const DockerSecretReference = z.object({
  File: DockerFileTarget.optional(),
  SecretID: z.string().optional(),
  SecretName: z.string().optional(),
});
type DockerSecretReference = z.infer<typeof DockerSecretReference>;

const DockerConfigReference = z.object({
  File: DockerFileTarget.optional(),
  Runtime: z.object({}).optional(),
  ConfigID: z.string().optional(),
  ConfigName: z.string().optional(),
});
type DockerConfigReference = z.infer<typeof DockerConfigReference>;

/** Docker's `ContainerSpec` of a service. */
export const DockerContainerSpec = z.object({
  Image: z.string().optional(),
  Labels: StringMap.optional(),
  Command: Strings.optional(),
  Args: Strings.optional(),
  Hostname: z.string().optional(),
  Env: Strings.optional(),
  Dir: z.string().optional(),
  User: z.string().optional(),
  Groups: Strings.optional(),
  Privileges: DockerPrivileges.optional(),
  Init: z.boolean().optional(),
  StopSignal: z.string().optional(),
  TTY: z.boolean().optional(),
  OpenStdin: z.boolean().optional(),
  ReadOnly: z.boolean().optional(),
  Mounts: z.array(DockerMount).optional(),
  StopGracePeriod: z.number().optional(),
  Healthcheck: DockerHealthcheck.optional(),
  Hosts: Strings.optional(),
  DNSConfig: z
    .object({ Nameservers: Strings.optional(), Search: Strings.optional(), Options: Strings.optional() })
    .optional(),
  Secrets: z.array(DockerSecretReference).optional(),
  Configs: z.array(DockerConfigReference).optional(),
  Isolation: z.string().optional(),
  Sysctls: StringMap.optional(),
  CapabilityAdd: Strings.optional(),
  CapabilityDrop: Strings.optional(),
  Ulimits: z
    .array(z.object({ Name: z.string(), Soft: z.number().optional(), Hard: z.number().optional() }))
    .optional(),
  OomScoreAdj: z.number().optional(),
});
export type DockerContainerSpec = z.infer<typeof DockerContainerSpec>;

function fileTargetFromDocker(file: DockerFileTarget): FileTarget {
  return { name: file.Name ?? '', uid: file.UID ?? '0', gid: file.GID ?? '0', mode: file.Mode ?? 0o444 };
}

function fileTargetToDocker(file: FileTarget): DockerFileTarget {
  return { Name: file.name, UID: file.uid, GID: file.gid, Mode: file.mode };
}

function secretFromDocker(reference: DockerSecretReference): SecretReference {
  if (orOmit(reference.SecretID) === undefined || orOmit(reference.SecretName) === undefined) {
    throw new SwarmError('invalid_argument', 'malformed secret reference');
  }
  if (reference.File === undefined) {
    throw new SwarmError('invalid_argument', 'malformed secret reference, no target provided');
  }
  return {
    secretId: reference.SecretID ?? '',
    secretName: reference.SecretName ?? '',
    file: fileTargetFromDocker(reference.File),
  };
}

function configFromDocker(reference: DockerConfigReference): ConfigReference {
  if (reference.Runtime !== undefined) {
    throw new SwarmError(
      'unimplemented',
      'configs with a Runtime target (Windows credential specs) are not supported',
    );
  }
  if (reference.File === undefined) {
    throw new SwarmError('invalid_argument', 'invalid Config: either File or Runtime should be set');
  }
  if (orOmit(reference.ConfigID) === undefined || orOmit(reference.ConfigName) === undefined) {
    throw new SwarmError('invalid_argument', 'malformed config reference');
  }
  return {
    configId: reference.ConfigID ?? '',
    configName: reference.ConfigName ?? '',
    file: fileTargetFromDocker(reference.File),
  };
}

/** @throws SwarmError when the spec asks for something that is malformed or not supported. */
export function containerSpecFromDocker(spec: DockerContainerSpec): ContainerSpec {
  if (orOmit(spec.OomScoreAdj) !== undefined) {
    throw new SwarmError('unimplemented', 'ContainerSpec.OomScoreAdj is not supported in services');
  }
  return compact<ContainerSpec>({
    image: spec.Image ?? '',
    labels: spec.Labels,
    command: orOmit(spec.Command),
    args: orOmit(spec.Args),
    hostname: orOmit(spec.Hostname),
    env: orOmit(spec.Env),
    dir: orOmit(spec.Dir),
    user: orOmit(spec.User),
    groups: orOmit(spec.Groups),
    tty: orOmit(spec.TTY),
    openStdin: orOmit(spec.OpenStdin),
    readOnly: orOmit(spec.ReadOnly),
    stopSignal: orOmit(spec.StopSignal),
    stopGracePeriodNs: spec.StopGracePeriod,
    healthcheck: spec.Healthcheck && healthcheckFromDocker(spec.Healthcheck),
    mounts: orOmit(spec.Mounts?.map(mountFromDocker)),
    hosts: orOmit(spec.Hosts),
    dns: spec.DNSConfig && {
      nameservers: orOmit(spec.DNSConfig.Nameservers),
      search: orOmit(spec.DNSConfig.Search),
      options: orOmit(spec.DNSConfig.Options),
    },
    secrets: orOmit(spec.Secrets?.map(secretFromDocker)),
    configs: orOmit(spec.Configs?.map(configFromDocker)),
    init: spec.Init,
    sysctls: orOmit(spec.Sysctls),
    capabilityAdd: orOmit(spec.CapabilityAdd),
    capabilityDrop: orOmit(spec.CapabilityDrop),
    ulimits: orOmit(
      spec.Ulimits?.map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft ?? 0, hard: Hard ?? 0 })),
    ),
    privileges: spec.Privileges && privilegesFromDocker(spec.Privileges),
    isolation: spec.Isolation === 'default' ? undefined : orOmit(spec.Isolation),
  });
}

export function containerSpecToDocker(spec: ContainerSpec): DockerContainerSpec {
  const converted = compact<DockerContainerSpec>({
    Image: spec.image,
    Labels: orOmit(spec.labels),
    Command: orOmit(spec.command),
    Args: orOmit(spec.args),
    Hostname: orOmit(spec.hostname),
    Env: orOmit(spec.env),
    Dir: orOmit(spec.dir),
    User: orOmit(spec.user),
    Groups: orOmit(spec.groups),
    Init: spec.init,
    StopSignal: orOmit(spec.stopSignal),
    TTY: orOmit(spec.tty),
    OpenStdin: orOmit(spec.openStdin),
    ReadOnly: orOmit(spec.readOnly),
    Mounts: orOmit(spec.mounts?.map(mountToDocker)),
    StopGracePeriod: spec.stopGracePeriodNs,
    Healthcheck: spec.healthcheck && healthcheckToDocker(spec.healthcheck),
    Hosts: orOmit(spec.hosts),
    DNSConfig: spec.dns && {
      Nameservers: spec.dns.nameservers,
      Search: spec.dns.search,
      Options: spec.dns.options,
    },
    Secrets: orOmit(
      spec.secrets?.map(({ secretId, secretName, file }) => ({
        File: fileTargetToDocker(file),
        SecretID: secretId,
        SecretName: secretName,
      })),
    ),
    Configs: orOmit(
      spec.configs?.map(({ configId, configName, file }) => ({
        File: fileTargetToDocker(file),
        ConfigID: configId,
        ConfigName: configName,
      })),
    ),
    Isolation: spec.isolation ?? 'default',
    Sysctls: orOmit(spec.sysctls),
    CapabilityAdd: orOmit(spec.capabilityAdd),
    CapabilityDrop: orOmit(spec.capabilityDrop),
    Ulimits: orOmit(spec.ulimits?.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard }))),
  });
  return spec.privileges === undefined
    ? converted
    : { ...converted, Privileges: privilegesToDocker(spec.privileges) };
}
