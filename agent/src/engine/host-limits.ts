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

/**
 * Whether the kernel can weigh input and output of groups. The root of a v2 hierarchy has no weight of its own, and the
 * groups below it have theirs only when they are handed the controller: until then the root's settings tell of it.
 */
export function canWeighBlockIo({ version, hierarchies }: CgroupHost): boolean {
  if (version === 1) {
    return existsSync(join(hierarchies['blkio'] ?? '/nonexistent', 'blkio.weight'));
  }
  const root = hierarchies['unified'] ?? '';
  const below = ['system.slice', 'init.scope', 'user.slice'].flatMap((group) =>
    ['io.weight', 'io.bfq.weight'].map((name) => join(group, name)),
  );
  return ['io.cost.qos', ...below].some((file) => existsSync(join(root, file)));
}
