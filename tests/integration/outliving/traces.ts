import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { must, type Host } from '@skep/lab';

/** What one host's containers leave in the kernel and on the disk, counted by kind. */
export interface Traces {
  readonly mounts: readonly string[];
  readonly processes: readonly string[];
  readonly links: readonly string[];
  readonly cgroups: readonly string[];
  readonly files: readonly string[];
  readonly rules: string;
}

const CONTAINER_ID = /^[0-9a-f]{64}$/;
const listing = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);

/** Looks for everything that belongs to containers of a host. */
export async function observeTraces(host: Host): Promise<Traces> {
  const { dataRoot, runRoot, cgroup } = host.paths;
  const init = host.init?.pid ?? 0;
  const mounts = readFileSync(`/proc/${String(init)}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${dataRoot}/`) || path.startsWith(`${runRoot}/`))
    // The ramfs of secrets and the pins of namespaces are the daemon's own.
    .filter((path) => !path.endsWith('/engine/files') && !path.startsWith(`${runRoot}/namespaces`))
    .filter((path) => path !== join(runRoot, 'network', 'netns'));
  const links = JSON.parse(await must(host.enter(['ip', '-j', 'link']))) as { ifname: string }[];
  const processes = (await must(host.enter(['ps', '-eo', 'comm=,args=']))).split('\n');
  return {
    mounts,
    processes: processes.filter((line) => /^(conmon|crun|runc|socat|buildah)\b/.test(line)),
    links: links.map(({ ifname }) => ifname).filter((name) => /^sk[vp]/.test(name)),
    cgroups: cgroupsBelow(cgroup),
    files: filesOf(dataRoot, runRoot),
    rules: await must(host.enter(['nft', 'list', 'ruleset'])),
  };
}

function filesOf(dataRoot: string, runRoot: string): string[] {
  const engine = join(dataRoot, 'engine');
  const run = join(runRoot, 'engine');
  const folders = [
    join(engine, 'content', 'ingest'),
    join(engine, 'containers'),
    join(engine, 'scratch'),
    ...['bundles', 'exits', 'execs', 'crun', 'runc', 'files'].map((name) => join(run, name)),
  ];
  return folders.flatMap((folder) => listing(folder).map((name) => join(folder, name)));
}

function cgroupsBelow(group: string): string[] {
  const roots = ['', ...readdirSync('/sys/fs/cgroup')].map((name) => join('/sys/fs/cgroup', name, group));
  return roots.flatMap((root) =>
    listing(root)
      .filter((name) => CONTAINER_ID.test(name))
      .map((name) => join(root, name)),
  );
}
