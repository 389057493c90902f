import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { joinedContainer } from '../container-namespaces.ts';
import type { EngineContext } from '../engine-context.ts';
import type { HostsEntry } from '../network-provider.ts';
import type { BuilderNetwork } from './builder-process.ts';

export interface BuildNetwork {
  readonly network: BuilderNetwork;
  /** Lines of `/etc/hosts` beside those of localhost. */
  readonly hosts: readonly HostsEntry[];
  readonly release: () => Promise<void>;
}

const nothingToRelease = (): Promise<void> => Promise.resolve();

/** Gives a build the network that a container of the same mode would have. */
export async function prepareBuildNetwork(
  context: EngineContext,
  build: { readonly id: string; readonly mode: string | undefined; readonly runDirectory: string },
): Promise<BuildNetwork> {
  const { networks } = context;
  const mode =
    build.mode === undefined || build.mode === '' || build.mode === 'default' ? 'bridge' : build.mode;
  if (mode === 'host') {
    return { network: { kind: 'host' }, hosts: [], release: nothingToRelease };
  }
  if (mode.startsWith('container:')) {
    const { id, state } = joinedContainer(context, mode);
    const path = `/proc/${String(state.pid)}/ns/net`;
    const resolvConfPath = context.paths.container(id).resolvConf;
    return { network: { kind: 'namespace', path, resolvConfPath }, hosts: [], release: nothingToRelease };
  }
  if (mode === 'none' || networks === null) {
    return { network: { kind: 'none' }, hosts: [], release: nothingToRelease };
  }
  const prepared = await networks.prepare({
    containerId: build.id,
    containerName: `build-${build.id.slice(0, 12)}`,
    hostname: build.id.slice(0, 12),
    mode,
    attachments: [{ network: mode }],
    publications: [],
    publishAllPorts: false,
    exposedPorts: [],
    dns: {},
    labels: {},
    sysctls: {},
  });
  const resolvConfPath = join(build.runDirectory, 'resolv.conf');
  await writeFile(resolvConfPath, prepared.resolvConf);
  return {
    network: { kind: 'namespace', path: prepared.netnsPath, resolvConfPath },
    hosts: prepared.hostsEntries,
    release: () => networks.release(build.id),
  };
}
