import { formatBytes } from '@skep/kernel';
import type { Platform, TaskReason } from '@skep/model';

import type { Demand } from './demand.ts';
import type { NodeInfo } from './node-info.ts';

/**
 * A condition that a node must meet. `explain` says in Swarm's words how many nodes do not, `reason` gives the code and
 * parameters of console.md appendix A.
 */
export interface Filter {
  readonly name: 'ready' | 'resources' | 'plugin' | 'constraint' | 'platform' | 'host-port' | 'max-replicas';
  /** Whether a placement on the node can change the answer. */
  readonly isDynamic: boolean;
  readonly appliesTo: (demand: Demand) => boolean;
  readonly fits: (demand: Demand, info: NodeInfo) => boolean;
  readonly explain: (nodeCount: number) => string;
  readonly reason: (demand: Demand, rejected: readonly NodeInfo[], nodeCount: number) => TaskReason;
}

const onNodes = (text: string) => (count: number) =>
  `${text} on ${String(count)} node${count === 1 ? '' : 's'}`;

const nameOf = (info: NodeInfo): string => info.node.description?.hostname ?? info.id;

const ready: Filter = {
  name: 'ready',
  isDynamic: false,
  appliesTo: () => true,
  fits: (_demand, info) => info.isReady,
  explain: (count) => `${String(count)} node${count === 1 ? '' : 's'} not available for new tasks`,
  reason: () => ({ code: 'sched.drained' }),
};

const resources: Filter = {
  name: 'resources',
  isDynamic: true,
  appliesTo: (demand) => demand.nanoCpus > 0 || demand.memoryBytes > 0 || demand.generic.length > 0,
  fits: (demand, info) =>
    info.freeNanoCpus >= demand.nanoCpus &&
    info.freeMemoryBytes >= demand.memoryBytes &&
    info.generic.canServe(demand.generic),
  explain: onNodes('insufficient resources'),
  reason: resourceReason,
};

/** Names the scarce resource, and the node that comes nearest. */
function resourceReason(demand: Demand, rejected: readonly NodeInfo[]): TaskReason {
  const scarce = (free: (info: NodeInfo) => number, need: number): boolean =>
    need > 0 && rejected.every((info) => free(info) < need);
  const largest = (free: (info: NodeInfo) => number): NodeInfo | undefined =>
    rejected.reduce<NodeInfo | undefined>(
      (best, info) => (best === undefined || free(info) > free(best) ? info : best),
      undefined,
    );
  const answer = (
    res: string,
    free: (info: NodeInfo) => number,
    format: (value: number) => string,
    need: number,
  ) => {
    const best = largest(free);
    return {
      code: 'sched.resources',
      params: {
        res,
        need: format(need),
        max: format(Math.max(0, best === undefined ? 0 : free(best))),
        node: best === undefined ? '' : nameOf(best),
      },
    };
  };
  const cpus = (nanos: number): string => String(Math.round(nanos / 1e6) / 1000);
  const byMemory = (info: NodeInfo): number => info.freeMemoryBytes;
  const byCpu = (info: NodeInfo): number => info.freeNanoCpus;
  const generic = demand.generic.find(
    ({ kind, value }) => typeof value === 'number' && scarce((info) => info.generic.free(kind), value),
  );
  if (generic !== undefined && typeof generic.value === 'number') {
    return answer(generic.kind, (info) => info.generic.free(generic.kind), String, generic.value);
  }
  if (demand.memoryBytes > 0 && (scarce(byMemory, demand.memoryBytes) || !scarce(byCpu, demand.nanoCpus))) {
    return answer('memory', byMemory, formatBytes, demand.memoryBytes);
  }
  return answer('CPU', byCpu, cpus, demand.nanoCpus);
}

/** Drivers that every node has by itself. */
const BUILT_IN_LOG_DRIVERS: ReadonlySet<string> = new Set(['json-file', 'local', 'none', 'default', '']);

const plugin: Filter = {
  name: 'plugin',
  isDynamic: false,
  appliesTo: (demand) =>
    demand.volumeDrivers.some((name) => name !== 'local' && name !== '') ||
    (demand.logDriver !== undefined && !BUILT_IN_LOG_DRIVERS.has(demand.logDriver)),
  fits: (demand, info) => {
    const plugins = info.node.description?.engine.plugins ?? [];
    const has = (type: string, name: string): boolean =>
      plugins.some(
        (entry) => entry.type === type && (entry.name === name || entry.name === `${name}:latest`),
      );
    return (
      demand.volumeDrivers.every((name) => name === 'local' || name === '' || has('Volume', name)) &&
      (demand.logDriver === undefined ||
        BUILT_IN_LOG_DRIVERS.has(demand.logDriver) ||
        has('Log', demand.logDriver))
    );
  },
  explain: onNodes('missing plugin'),
  reason: () => ({ code: 'engine.unknown' }),
};

const constraint: Filter = {
  name: 'constraint',
  isDynamic: false,
  appliesTo: (demand) => demand.constraints.length > 0,
  fits: (demand, info) => demand.constraints.every((isMet) => isMet(info.subject)),
  explain: onNodes('scheduling constraints not satisfied'),
  reason: (demand, rejected) => {
    const unmet = demand.constraintTexts.filter((_text, index) => {
      const isMet = demand.constraints[index];
      return isMet !== undefined && rejected.every((info) => !isMet(info.subject));
    });
    return {
      code: 'sched.constraint',
      params: { constraint: (unmet.length > 0 ? unmet : demand.constraintTexts).join(', ') },
    };
  },
};

/** Names of one architecture in images and in the kernel. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

function isSamePlatform(wanted: Platform, found: Platform | undefined): boolean {
  const normal = (name = ''): string => ARCHITECTURES[name.toLowerCase()] ?? name.toLowerCase();
  const isSame = (a: string | undefined, b: string | undefined): boolean =>
    a === undefined || a === '' || normal(a) === normal(b);
  return isSame(wanted.os, found?.os) && isSame(wanted.architecture, found?.architecture);
}

const platform: Filter = {
  name: 'platform',
  isDynamic: false,
  appliesTo: (demand) => demand.platforms.length > 0,
  fits: (demand, info) =>
    demand.platforms.some((wanted) => isSamePlatform(wanted, info.node.description?.platform)),
  explain: onNodes('unsupported platform'),
  reason: (_demand, rejected, nodeCount) => {
    const first = rejected[0]?.node.description?.platform;
    return {
      code: 'sched.platform',
      params: {
        platform: `${first?.os ?? ''}/${first?.architecture ?? ''}`,
        n: String(rejected.length),
        m: String(nodeCount),
      },
    };
  },
};

const hostPort: Filter = {
  name: 'host-port',
  isDynamic: true,
  appliesTo: (demand) => demand.hostPorts.length > 0,
  fits: (demand, info) => demand.hostPorts.every((port) => info.hostPortUser(port) === undefined),
  explain: onNodes('host-mode port already in use'),
  reason: (demand, rejected) => {
    const port =
      demand.hostPorts.find((candidate) => rejected[0]?.hostPortUser(candidate) !== undefined) ?? '';
    return {
      code: 'sched.port',
      params: { port: port.split('/')[1] ?? '', service: rejected[0]?.hostPortUser(port) ?? '' },
    };
  },
};

const maxReplicas: Filter = {
  name: 'max-replicas',
  isDynamic: true,
  appliesTo: (demand) => demand.maxReplicasPerNode > 0,
  fits: (demand, info) => info.countOf(demand.serviceId) < demand.maxReplicasPerNode,
  explain: () => 'max replicas per node limit exceed',
  reason: (demand) => ({ code: 'sched.maxreplicas', params: { n: String(demand.maxReplicasPerNode) } }),
};

/** All filters in the order in which they are asked. */
export const FILTERS: readonly Filter[] = [
  ready,
  resources,
  plugin,
  constraint,
  platform,
  hostPort,
  maxReplicas,
];
