import { z } from 'zod';

import {
  CommandLine,
  Duration,
  Flag,
  Fraction,
  KeyValues,
  Size,
  Text,
  TextList,
  WholeNumber,
} from './scalars.ts';

/** The part of the compose specification (compose-spec.io) that a cluster can honour, plus `deploy` as Swarm has it. */

const Port = z.union([
  z.string(),
  z.number(),
  z.strictObject({
    name: Text.optional(),
    target: WholeNumber,
    published: z.union([WholeNumber, z.string()]).optional(),
    protocol: z.enum(['tcp', 'udp', 'sctp']).optional(),
    mode: z.enum(['ingress', 'host']).optional(),
    app_protocol: Text.optional(),
  }),
]);

const Volume = z.union([
  z.string(),
  z.strictObject({
    type: z.enum(['bind', 'volume', 'tmpfs']),
    source: Text.optional(),
    target: Text,
    read_only: Flag.optional(),
    bind: z.strictObject({ propagation: Text.optional(), create_host_path: Flag.optional() }).optional(),
    volume: z.strictObject({ nocopy: Flag.optional(), subpath: Text.optional() }).optional(),
    tmpfs: z.strictObject({ size: Size.optional(), mode: WholeNumber.optional() }).optional(),
  }),
]);

const Payload = z.union([
  z.string(),
  z.strictObject({
    source: Text,
    target: Text.optional(),
    uid: Text.optional(),
    gid: Text.optional(),
    mode: WholeNumber.optional(),
  }),
]);

const UpdateConfig = z.strictObject({
  parallelism: WholeNumber.optional(),
  delay: Duration.optional(),
  failure_action: z.enum(['pause', 'continue', 'rollback']).optional(),
  monitor: Duration.optional(),
  max_failure_ratio: Fraction.optional(),
  order: z.enum(['stop-first', 'start-first']).optional(),
});

const Deploy = z.strictObject({
  mode: z.enum(['replicated', 'global', 'replicated-job', 'global-job']).optional(),
  replicas: WholeNumber.optional(),
  labels: KeyValues.optional(),
  endpoint_mode: z.enum(['vip', 'dnsrr']).optional(),
  update_config: UpdateConfig.optional(),
  rollback_config: UpdateConfig.optional(),
  restart_policy: z
    .strictObject({
      condition: z.enum(['none', 'on-failure', 'any']).optional(),
      delay: Duration.optional(),
      max_attempts: WholeNumber.optional(),
      window: Duration.optional(),
    })
    .optional(),
  placement: z
    .strictObject({
      constraints: z.array(z.string()).optional(),
      preferences: z.array(z.strictObject({ spread: z.string() })).optional(),
      max_replicas_per_node: WholeNumber.optional(),
    })
    .optional(),
  resources: z
    .strictObject({
      limits: z
        .strictObject({ cpus: Fraction.optional(), memory: Size.optional(), pids: WholeNumber.optional() })
        .optional(),
      reservations: z.strictObject({ cpus: Fraction.optional(), memory: Size.optional() }).optional(),
    })
    .optional(),
});

const Healthcheck = z.strictObject({
  test: z.union([z.string(), z.array(z.string())]).optional(),
  interval: Duration.optional(),
  timeout: Duration.optional(),
  retries: WholeNumber.optional(),
  start_period: Duration.optional(),
  start_interval: Duration.optional(),
  disable: Flag.optional(),
});

const ServiceNetworks = z.union([
  z.array(z.string()),
  z.record(z.string(), z.union([z.null(), z.strictObject({ aliases: z.array(Text).optional() })])),
]);

export const ComposeService = z.strictObject({
  image: Text,
  command: z.union([CommandLine, z.null()]).optional(),
  entrypoint: z.union([CommandLine, z.null()]).optional(),
  environment: KeyValues.optional(),
  env_file: TextList.optional(),
  labels: KeyValues.optional(),
  hostname: Text.optional(),
  user: Text.optional(),
  group_add: z.array(Text).optional(),
  working_dir: Text.optional(),
  stop_signal: Text.optional(),
  stop_grace_period: Duration.optional(),
  stdin_open: Flag.optional(),
  tty: Flag.optional(),
  read_only: Flag.optional(),
  init: Flag.optional(),
  healthcheck: Healthcheck.optional(),
  ports: z.array(Port).optional(),
  volumes: z.array(Volume).optional(),
  tmpfs: TextList.optional(),
  networks: ServiceNetworks.optional(),
  secrets: z.array(Payload).optional(),
  configs: z.array(Payload).optional(),
  extra_hosts: z.union([z.array(z.string()), z.record(z.string(), Text)]).optional(),
  dns: TextList.optional(),
  dns_search: TextList.optional(),
  dns_opt: z.array(Text).optional(),
  sysctls: KeyValues.optional(),
  ulimits: z
    .record(z.string(), z.union([WholeNumber, z.strictObject({ soft: WholeNumber, hard: WholeNumber })]))
    .optional(),
  cap_add: z.array(Text).optional(),
  cap_drop: z.array(Text).optional(),
  security_opt: z
    .array(
      z.enum(['no-new-privileges', 'no-new-privileges:true', 'seccomp:unconfined', 'seccomp=unconfined']),
    )
    .optional(),
  logging: z.strictObject({ driver: Text, options: z.record(z.string(), Text).optional() }).optional(),
  restart: z
    .string()
    .regex(
      /^(no|always|unless-stopped|on-failure(:\d+)?)$/,
      'must be no, always, unless-stopped or on-failure[:N]',
    )
    .optional(),
  deploy: Deploy.optional(),
});
export type ComposeService = z.infer<typeof ComposeService>;

export const ComposeNetwork = z.union([
  z.null(),
  z.strictObject({
    name: Text.optional(),
    driver: z.enum(['overlay']).optional(),
    driver_opts: z.record(z.string(), Text).optional(),
    internal: Flag.optional(),
    attachable: Flag.optional(),
    external: Flag.optional(),
    labels: KeyValues.optional(),
    ipam: z
      .strictObject({
        driver: Text.optional(),
        config: z
          .array(
            z.strictObject({ subnet: Text.optional(), gateway: Text.optional(), ip_range: Text.optional() }),
          )
          .optional(),
      })
      .optional(),
  }),
]);
export type ComposeNetwork = z.infer<typeof ComposeNetwork>;

export const ComposeVolume = z.union([
  z.null(),
  z.strictObject({
    name: Text.optional(),
    driver: Text.optional(),
    driver_opts: z.record(z.string(), Text).optional(),
    external: Flag.optional(),
    labels: KeyValues.optional(),
  }),
]);
export type ComposeVolume = z.infer<typeof ComposeVolume>;

export const ComposePayload = z.strictObject({
  name: Text.optional(),
  file: Text.optional(),
  content: z.string().optional(),
  environment: Text.optional(),
  external: Flag.optional(),
  labels: KeyValues.optional(),
});
export type ComposePayload = z.infer<typeof ComposePayload>;

export const ComposeFile = z.strictObject({
  version: Text.optional(),
  name: Text.optional(),
  services: z.record(z.string(), ComposeService),
  networks: z.record(z.string(), ComposeNetwork).optional(),
  volumes: z.record(z.string(), ComposeVolume).optional(),
  secrets: z.record(z.string(), ComposePayload).optional(),
  configs: z.record(z.string(), ComposePayload).optional(),
});
export type ComposeFile = z.infer<typeof ComposeFile>;

/** Why a key of the compose specification is refused, where a better word than "not supported" exists. */
export const REFUSED_SERVICE_KEYS: Readonly<Record<string, string>> = {
  build: 'a cluster runs images: build and push it first, then name it under image',
  container_name: 'the cluster names containers, since a service may have many',
  depends_on: 'start order is not kept in a cluster; let the program wait for what it needs',
  links: 'services of one network find each other by name; put them on a common network',
  expose: 'ports between services of one network are open already',
  network_mode: 'services join networks by name; use networks',
  privileged: 'privileged containers are not allowed in services; add single capabilities with cap_add',
  profiles: 'profiles are not supported; keep optional services in a stack of their own',
  extends: 'extends is not supported; use YAML anchors',
  scale: 'write deploy.replicas',
  mem_limit: 'write deploy.resources.limits.memory',
  cpus: 'write deploy.resources.limits.cpus',
  devices: 'devices are not supported in services',
};
