import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { HostLimits } from './limit-checks.ts';
import type { CgroupHost } from './runtime/cgroup-host.ts';

const CPUS_ONLINE = '/sys/devices/system/cpu/online';
const MEMORY_NODES_ONLINE = '/sys/devices/system/node/online';

let observed: HostLimits | undefined;

/** What this host's kernel can limit; looked at once, because it stays the same while a host is up. */
export function observeHostLimits(cgroups: CgroupHost): HostLimits {
  observed ??= {
    cpuCount: cpus().length,
    cpusOnline: readList(CPUS_ONLINE),
    memoryNodesOnline: readList(MEMORY_NODES_ONLINE),
    canWeighBlockIo: canWeighBlockIo(cgroups),
  };
  return observed;
}

function readList(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '0';
}

/** The root of a v2 hierarchy has no weight of its own, but tells the weights that a scheduler adds below it. */
function canWeighBlockIo({ version, hierarchies }: CgroupHost): boolean {
  if (version === 1) {
    return existsSync(join(hierarchies['blkio'] ?? '/nonexistent', 'blkio.weight'));
  }
  const below = ['system.slice', 'init.scope', 'user.slice'];
  return below.some((group) => existsSync(join(hierarchies['unified'] ?? '', group, 'io.weight')));
}
