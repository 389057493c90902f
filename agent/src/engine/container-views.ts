import type { ContainerDetails, ContainerState, ContainerSummary, MountPoint } from './container-api.ts';
import type { ContainerEntry, ResolvedMount } from './container-record.ts';
import type { EnginePaths } from './engine-paths.ts';

/** The state of a container as callers see it. */
export function toState(entry: ContainerEntry): ContainerState {
  const { state, effective } = entry.record;
  return {
    status: state.status,
    pid: state.pid,
    exitCode: state.exitCode,
    isOomKilled: state.isOomKilled,
    error: state.error,
    startedAtMs: state.startedAtMs,
    finishedAtMs: state.finishedAtMs,
    health:
      effective.healthcheck === null
        ? null
        : (entry.health ?? { status: 'starting', failingStreak: 0, log: [] }),
  };
}

/** One line of a listing. */
export function toSummary(entry: ContainerEntry): ContainerSummary {
  const { record } = entry;
  const prepared = record.network?.prepared;
  const published = prepared?.ports ?? [];
  const isPublished = (port: string): boolean =>
    published.some((each) => `${String(each.containerPort)}/${each.protocol}` === port);
  return {
    id: record.id,
    name: record.name,
    image: record.config.image,
    imageId: record.imageId,
    command: [...record.effective.entrypoint, ...record.effective.cmd],
    createdAtMs: record.createdAtMs,
    state: toState(entry),
    labels: record.effective.labels,
    networkMode: record.config.network?.mode ?? 'bridge',
    interfaces: prepared?.interfaces ?? [],
    ports: published,
    exposedPorts: record.effective.exposedPorts.filter((port) => !isPublished(port)),
    mounts: record.mounts.filter((mount) => mount.isUnlisted !== true).map(toMountPoint),
  };
}

function toMountPoint(mount: ResolvedMount): MountPoint {
  return {
    type: mount.type,
    source: mount.source,
    destination: mount.destination,
    isReadOnly: mount.isReadOnly,
    propagation: mount.propagation,
    ...(mount.name === undefined ? {} : { name: mount.name }),
    ...(mount.driver === undefined ? {} : { driver: mount.driver }),
    ...(mount.modeText === undefined ? {} : { modeText: mount.modeText }),
  };
}

/** Everything there is to say about a container. */
export function toDetails(
  entry: ContainerEntry,
  paths: EnginePaths,
  execIds: readonly string[],
): ContainerDetails {
  const { record } = entry;
  const own = paths.container(record.id);
  return {
    ...toSummary(entry),
    config: record.config,
    effective: {
      env: record.effective.env,
      cmd: record.effective.cmd,
      entrypoint: record.effective.entrypoint,
      workingDir: record.effective.workingDir,
      user: record.effective.user,
      stopSignal: record.effective.stopSignal,
      hostname: record.effective.hostname,
      labels: record.effective.labels,
    },
    restartCount: record.state.restartCount,
    runtime: record.runtime,
    paths: { log: own.log, hosts: own.hosts, hostname: own.hostname, resolvConf: own.resolvConf },
    overlay: { lower: record.lower, upper: own.upper, work: own.work, merged: own.merged },
    netnsPath: record.network?.prepared.netnsPath ?? '',
    execIds,
  };
}
