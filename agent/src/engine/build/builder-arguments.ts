import type { BuildRequest, BuildResources } from '../build-api.ts';

export interface BuilderPaths {
  readonly dockerfile: string;
  readonly ignoreFile: string;
  readonly context: string;
  readonly policy: string;
  readonly runtimePath: string;
  readonly runtimeRoot: string;
  readonly cgroup: string;
}

/** The command line of `buildah build` for a request. */
export function builderArguments(request: BuildRequest, paths: BuilderPaths): string[] {
  const pairs = (flag: string, values: Readonly<Record<string, string>> = {}): string[] =>
    Object.entries(values).map(([name, value]) => `--${flag}=${name}=${value}`);
  return [
    'build',
    ...['--format=docker', '--layers', '--force-rm', '--pull-never', '--identity-label=false'],
    // The network is the builder's own namespace: RUN shares it.
    ...['--isolation=oci', '--network=host', '--jobs=1'],
    `--signature-policy=${paths.policy}`,
    `--runtime=${paths.runtimePath}`,
    `--runtime-flag=root=${paths.runtimeRoot}`,
    `--cgroup-parent=${paths.cgroup}`,
    `--ignorefile=${paths.ignoreFile}`,
    `--file=${paths.dockerfile}`,
    ...(request.noCache === true ? ['--no-cache'] : []),
    ...(request.target === undefined || request.target === '' ? [] : [`--target=${request.target}`]),
    ...(request.platform === undefined || request.platform === '' ? [] : [`--platform=${request.platform}`]),
    ...pairs('build-arg', request.buildArgs),
    ...pairs('label', request.labels),
    ...(request.extraHosts ?? []).map((entry) => `--add-host=${entry}`),
    ...resourceArguments(request.resources ?? {}),
    paths.context,
  ];
}

function resourceArguments(resources: BuildResources): string[] {
  const flags: readonly (readonly [string, number | string | undefined])[] = [
    ['memory', resources.memoryBytes],
    ['memory-swap', resources.memorySwapBytes],
    ['cpu-shares', resources.cpuShares],
    ['cpu-period', resources.cpuPeriodUs],
    ['cpu-quota', resources.cpuQuotaUs],
    ['cpuset-cpus', resources.cpusetCpus],
    ['cpuset-mems', resources.cpusetMems],
    ['shm-size', resources.shmBytes],
  ];
  return [
    ...flags.flatMap(([flag, value]) =>
      value === undefined || value === 0 || value === '' ? [] : [`--${flag}=${String(value)}`],
    ),
    ...(resources.ulimits ?? []).map(
      ({ name, soft, hard }) => `--ulimit=${name}=${String(soft)}:${String(hard)}`,
    ),
  ];
}

/** The configuration that gives RUN the lines of `/etc/hosts` of its network. */
export function containersConf(hostsPath: string): string {
  return `[containers]\nbase_hosts_file = ${JSON.stringify(hostsPath)}\n[engine]\ncgroup_manager = "cgroupfs"\n`;
}
