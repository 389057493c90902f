import { z } from 'zod';

import { DockerHealthcheck } from './healthcheck.ts';
import { DockerMount } from './mount.ts';

const Strings = z.array(z.string());
const StringMap = z.record(z.string(), z.string());
const EmptyObjects = z.record(z.string(), z.object({}).nullable());

/** Go's `StrSlice`: a list, or one string that stands for a list of one. */
const StringSlice = z.union([Strings, z.string().transform((text) => [text])]);

/** `Config` of a container, and of an image. */
const configShape = {
  Hostname: z.string().optional(),
  Domainname: z.string().optional(),
  User: z.string().optional(),
  AttachStdin: z.boolean().optional(),
  AttachStdout: z.boolean().optional(),
  AttachStderr: z.boolean().optional(),
  ExposedPorts: EmptyObjects.optional(),
  Tty: z.boolean().optional(),
  OpenStdin: z.boolean().optional(),
  StdinOnce: z.boolean().optional(),
  Env: Strings.optional(),
  Cmd: StringSlice.optional(),
  Healthcheck: DockerHealthcheck.optional(),
  Image: z.string().optional(),
  Volumes: EmptyObjects.optional(),
  WorkingDir: z.string().optional(),
  Entrypoint: StringSlice.optional(),
  NetworkDisabled: z.boolean().optional(),
  MacAddress: z.string().optional(),
  OnBuild: Strings.optional(),
  Labels: StringMap.optional(),
  StopSignal: z.string().optional(),
  StopTimeout: z.number().int().optional(),
  Shell: StringSlice.optional(),
};

const PortBinding = z.object({
  HostIp: z.string().optional(),
  /** Docker takes text; some clients send the number. */
  HostPort: z.union([z.string(), z.number().transform(String)]).optional(),
});

const Ulimit = z.object({
  Name: z.string().optional(),
  Soft: z.number().optional(),
  Hard: z.number().optional(),
});

const DeviceMapping = z.object({
  PathOnHost: z.string().optional(),
  PathInContainer: z.string().optional(),
  CgroupPermissions: z.string().optional(),
});

const ThrottleDevice = z.object({ Path: z.string(), Rate: z.number().int().nonnegative() });

/** Limits; also what `POST /containers/{id}/update` takes. */
const resourcesShape = {
  CpuShares: z.number().int().optional(),
  Memory: z.number().int().optional(),
  NanoCpus: z.number().int().optional(),
  CgroupParent: z.string().optional(),
  BlkioWeight: z.number().int().optional(),
  BlkioWeightDevice: z.array(z.unknown()).optional(),
  BlkioDeviceReadBps: z.array(ThrottleDevice).optional(),
  BlkioDeviceWriteBps: z.array(ThrottleDevice).optional(),
  BlkioDeviceReadIOps: z.array(ThrottleDevice).optional(),
  BlkioDeviceWriteIOps: z.array(ThrottleDevice).optional(),
  CpuPeriod: z.number().int().optional(),
  CpuQuota: z.number().int().optional(),
  CpuRealtimePeriod: z.number().int().optional(),
  CpuRealtimeRuntime: z.number().int().optional(),
  CpusetCpus: z.string().optional(),
  CpusetMems: z.string().optional(),
  Devices: z.array(DeviceMapping).optional(),
  DeviceCgroupRules: Strings.optional(),
  DeviceRequests: z.array(z.unknown()).optional(),
  MemoryReservation: z.number().int().optional(),
  MemorySwap: z.number().int().optional(),
  MemorySwappiness: z.number().int().optional(),
  OomKillDisable: z.boolean().optional(),
  PidsLimit: z.number().int().optional(),
  Ulimits: z.array(Ulimit).optional(),
};

const RestartPolicy = z.object({
  Name: z
    .enum(['', 'no', 'always', 'unless-stopped', 'on-failure'], {
      error: 'unknown policy; use one of no, always, unless-stopped, on-failure',
    })
    .optional(),
  MaximumRetryCount: z.number().int().optional(),
});

/** `HostConfig` of a container. */
export const DockerHostConfig = z.object({
  ...resourcesShape,
  Binds: Strings.optional(),
  ContainerIDFile: z.string().optional(),
  LogConfig: z.object({ Type: z.string().optional(), Config: StringMap.optional() }).optional(),
  NetworkMode: z.string().optional(),
  PortBindings: z.record(z.string(), z.array(PortBinding).nullable()).optional(),
  RestartPolicy: RestartPolicy.optional(),
  AutoRemove: z.boolean().optional(),
  VolumeDriver: z.string().optional(),
  VolumesFrom: Strings.optional(),
  ConsoleSize: z.array(z.number()).optional(),
  Annotations: StringMap.optional(),
  CapAdd: StringSlice.optional(),
  CapDrop: StringSlice.optional(),
  CgroupnsMode: z.string().optional(),
  Dns: Strings.optional(),
  DnsOptions: Strings.optional(),
  DnsSearch: Strings.optional(),
  ExtraHosts: Strings.optional(),
  GroupAdd: Strings.optional(),
  IpcMode: z.string().optional(),
  Links: Strings.optional(),
  OomScoreAdj: z.number().int().optional(),
  PidMode: z.string().optional(),
  Privileged: z.boolean().optional(),
  PublishAllPorts: z.boolean().optional(),
  ReadonlyRootfs: z.boolean().optional(),
  SecurityOpt: Strings.optional(),
  StorageOpt: StringMap.optional(),
  Tmpfs: StringMap.optional(),
  UTSMode: z.string().optional(),
  UsernsMode: z.string().optional(),
  ShmSize: z.number().int().optional(),
  Sysctls: StringMap.optional(),
  Runtime: z.string().optional(),
  Isolation: z.string().optional(),
  Mounts: z.array(DockerMount).optional(),
  MaskedPaths: Strings.optional(),
  ReadonlyPaths: Strings.optional(),
  Init: z.boolean().optional(),
});
export type DockerHostConfig = z.infer<typeof DockerHostConfig>;

/** How a container is to join one network. */
export const DockerEndpointConfig = z.object({
  IPAMConfig: z
    .object({
      IPv4Address: z.string().optional(),
      IPv6Address: z.string().optional(),
      LinkLocalIPs: Strings.optional(),
    })
    .optional(),
  Links: Strings.optional(),
  Aliases: Strings.optional(),
  MacAddress: z.string().optional(),
  DriverOpts: StringMap.optional(),
  GwPriority: z.number().int().optional(),
  NetworkID: z.string().optional(),
});
export type DockerEndpointConfig = z.infer<typeof DockerEndpointConfig>;

/** Body of `POST /containers/create`. */
export const DockerContainerCreate = z.object({
  ...configShape,
  HostConfig: DockerHostConfig.optional(),
  NetworkingConfig: z
    .object({ EndpointsConfig: z.record(z.string(), DockerEndpointConfig.nullable()).optional() })
    .optional(),
});
export type DockerContainerCreate = z.infer<typeof DockerContainerCreate>;

/** Body of `POST /containers/{id}/update`. */
export const DockerContainerUpdate = z.object({ ...resourcesShape, RestartPolicy: RestartPolicy.optional() });
export type DockerContainerUpdate = z.infer<typeof DockerContainerUpdate>;

const ConsoleSize = z.tuple([z.number().int().min(0), z.number().int().min(0)]);

/** Body of `POST /containers/{id}/exec`. */
export const DockerExecCreate = z.object({
  User: z.string().optional(),
  Privileged: z.boolean().optional(),
  Tty: z.boolean().optional(),
  ConsoleSize: ConsoleSize.optional(),
  AttachStdin: z.boolean().optional(),
  AttachStderr: z.boolean().optional(),
  AttachStdout: z.boolean().optional(),
  DetachKeys: z.string().optional(),
  Env: Strings.optional(),
  WorkingDir: z.string().optional(),
  Cmd: StringSlice.optional(),
});
export type DockerExecCreate = z.infer<typeof DockerExecCreate>;

/** Body of `POST /exec/{id}/start`. `ConsoleSize` is rows, then columns. */
export const DockerExecStart = z.object({
  Detach: z.boolean().optional(),
  Tty: z.boolean().optional(),
  ConsoleSize: ConsoleSize.optional(),
});
export type DockerExecStart = z.infer<typeof DockerExecStart>;
