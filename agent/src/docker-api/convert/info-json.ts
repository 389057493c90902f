import { formatTimeMs } from '@skep/docker-api';

import type { EngineInfo } from '../../engine/engine-api.ts';

export interface InfoParts {
  readonly host: EngineInfo;
  readonly hostname: string;
  readonly nowMs: number;
  readonly version: string;
  /** Docker's `Swarm` part. */
  readonly swarm: Readonly<Record<string, unknown>>;
  /** What stands in the way of this host's networks right now. */
  readonly networkProblems: readonly string[];
}

const UNAME_BY_GO_ARCHITECTURE: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' };

/** Answer of `GET /info`. */
export function infoToDocker(parts: InfoParts): Readonly<Record<string, unknown>> {
  const { host } = parts;
  return {
    ID: host.engineId,
    Containers: host.containers,
    ContainersRunning: host.containersRunning,
    ContainersPaused: host.containersPaused,
    ContainersStopped: host.containersStopped,
    Images: host.images,
    Driver: host.storageDriver,
    DriverStatus: [['Backing Filesystem', 'overlayfs']],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null', 'overlay'],
      Authorization: null,
      Log: ['json-file', 'local', 'none'],
    },
    ...limitsOf(),
    Debug: false,
    NFd: 0,
    OomKillDisable: host.cgroupVersion === 1,
    NGoroutines: 0,
    SystemTime: formatTimeMs(parts.nowMs),
    LoggingDriver: 'json-file',
    CgroupDriver: host.cgroupDriver,
    CgroupVersion: String(host.cgroupVersion),
    NEventsListener: 0,
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: '',
    OSType: 'linux',
    Architecture: UNAME_BY_GO_ARCHITECTURE[host.architecture] ?? host.architecture,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfigOf(host),
    NCPU: host.cpus,
    MemTotal: host.memoryBytes,
    GenericResources: null,
    DockerRootDir: host.dataRoot,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Name: parts.hostname,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: parts.version,
    Runtimes: Object.fromEntries(
      Object.entries(host.runtimes).map(([name, runtime]) => [name, { path: runtime.path }]),
    ),
    DefaultRuntime: host.defaultRuntime,
    Swarm: parts.swarm,
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: '',
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: host.runtimes[host.defaultRuntime]?.version ?? '' },
    InitCommit: { ID: '' },
    SecurityOptions: [
      ...(host.seccompIsAvailable ? ['name=seccomp,profile=builtin'] : []),
      ...(host.usersAreRemapped ? ['name=userns'] : []),
    ],
    CDISpecDirs: [],
    Warnings:
      parts.networkProblems.length === 0 ? null : parts.networkProblems.map((text) => `WARNING: ${text}`),
  };
}

/** Limits that both versions of cgroups know. */
function limitsOf(): Readonly<Record<string, boolean>> {
  return {
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: true,
  };
}

function registryConfigOf(host: EngineInfo): Readonly<Record<string, unknown>> {
  const mirrors = host.registryMirrors.map((url) => `${url}/`);
  const registry = (name: string, isSecure: boolean): object => ({
    Name: name,
    Mirrors: name === 'docker.io' ? mirrors : [],
    Secure: isSecure,
    Official: name === 'docker.io',
  });
  return {
    InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
    IndexConfigs: {
      'docker.io': registry('docker.io', true),
      ...Object.fromEntries(host.insecureRegistries.map((name) => [name, registry(name, false)])),
    },
    Mirrors: mirrors.length === 0 ? null : mirrors,
  };
}
