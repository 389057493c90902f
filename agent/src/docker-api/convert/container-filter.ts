import {
  checkFilters,
  booleanFilter,
  matchesExactly,
  matchesLabels,
  matchesPattern,
  type Filters,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { ContainerSummary } from '../../engine/container-api.ts';
import { portsIn } from './port.ts';

const ACCEPTED = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

const STATUSES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

const HEALTHS = ['none', 'starting', 'healthy', 'unhealthy'];

/** A list of containers as it was asked for. */
export interface ContainerSelection {
  readonly filters: Filters;
  readonly all: boolean;
  /** Only the newest ones, stopped ones among them; 0: no limit. */
  readonly limit: number;
}

/** @throws SwarmError `invalid_argument` for unknown filters and values. */
export function checkContainerFilters(filters: Filters): void {
  checkFilters(filters, ACCEPTED);
  for (const status of filters.get('status') ?? []) {
    if (!STATUSES.includes(status)) {
      throw new SwarmError(
        'invalid_argument',
        `invalid filter 'status=${status}': must be one of ${STATUSES.join(', ')}`,
      );
    }
  }
  for (const health of filters.get('health') ?? []) {
    if (!HEALTHS.includes(health)) {
      throw new SwarmError('invalid_argument', `Unrecognised filter value for health: ${health}`);
    }
  }
  for (const code of filters.get('exited') ?? []) {
    if (!/^\d{1,3}$/.test(code)) {
      throw new SwarmError('invalid_argument', `invalid filter 'exited=${code}'`);
    }
  }
}

/** Filters that ask for stopped containers, whatever `all` says. */
function wantsStopped({ filters, all, limit }: ContainerSelection): boolean {
  return (
    all ||
    limit > 0 ||
    ['status', 'exited', 'before', 'since'].some((key) => (filters.get(key) ?? []).length > 0)
  );
}

/** Applies the selection; newest first, as Docker lists. */
export function selectContainers(
  containers: readonly ContainerSummary[],
  selection: ContainerSelection,
): ContainerSummary[] {
  const { filters } = selection;
  const includeStopped = wantsStopped(selection);
  const newestFirst = containers.toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1));
  const before = findReference(containers, filters, 'before');
  const since = findReference(containers, filters, 'since');
  const selected = newestFirst.filter(
    (container) =>
      (includeStopped || isUp(container)) &&
      (before === undefined || container.createdAtMs < before.createdAtMs) &&
      (since === undefined || container.createdAtMs > since.createdAtMs) &&
      matchesContainer(container, filters),
  );
  return selection.limit > 0 ? selected.slice(0, selection.limit) : selected;
}

function isUp({ state }: ContainerSummary): boolean {
  return state.status === 'running' || state.status === 'paused' || state.status === 'restarting';
}

function findReference(
  containers: readonly ContainerSummary[],
  filters: Filters,
  key: string,
): ContainerSummary | undefined {
  const ref = filters.get(key)?.[0];
  if (ref === undefined) {
    return undefined;
  }
  const bare = ref.replace(/^\//, '');
  const found = containers.find(({ id, name }) => name === bare || id.startsWith(bare));
  if (found === undefined) {
    throw new SwarmError('not_found', `No such container: ${ref}`);
  }
  return found;
}

function matchesContainer(container: ContainerSummary, filters: Filters): boolean {
  return (
    matchesPattern(filters, 'name', [container.name, `/${container.name}`]) &&
    matchesPattern(filters, 'id', [container.id]) &&
    matchesLabels(filters, container.labels) &&
    matchesExactly(filters, 'status', container.state.status) &&
    matchesExactly(filters, 'health', container.state.health?.status ?? 'none') &&
    matchesExited(container, filters) &&
    matchesAncestor(container, filters) &&
    matchesNetwork(container, filters) &&
    matchesVolume(container, filters) &&
    matchesPorts(container, filters) &&
    matchesTask(container, filters)
  );
}

function matchesExited({ state }: ContainerSummary, filters: Filters): boolean {
  return (
    !filters.has('exited') ||
    (state.status === 'exited' && matchesExactly(filters, 'exited', String(state.exitCode)))
  );
}

function matchesAncestor({ image, imageId }: ContainerSummary, filters: Filters): boolean {
  const wanted = filters.get('ancestor') ?? [];
  const named = image.includes(':') || image.includes('@') ? image : `${image}:latest`;
  return (
    wanted.length === 0 ||
    wanted.some(
      (ancestor) =>
        ancestor === image ||
        `${ancestor}:latest` === named ||
        ancestor === named ||
        imageId.startsWith(ancestor) ||
        imageId.startsWith(`sha256:${ancestor}`),
    )
  );
}

function matchesNetwork({ interfaces, networkMode }: ContainerSummary, filters: Filters): boolean {
  const wanted = filters.get('network') ?? [];
  const names = [
    networkMode,
    ...interfaces.flatMap(({ networkId, networkName }) => [networkId, networkName]),
  ];
  return (
    wanted.length === 0 ||
    wanted.some(
      (network) => names.includes(network) || interfaces.some((one) => one.networkId.startsWith(network)),
    )
  );
}

function matchesVolume({ mounts }: ContainerSummary, filters: Filters): boolean {
  const wanted = filters.get('volume') ?? [];
  return (
    wanted.length === 0 ||
    wanted.some((volume) =>
      mounts.some(({ name, destination, source }) => [name, destination, source].includes(volume)),
    )
  );
}

function matchesPorts({ ports, exposedPorts }: ContainerSummary, filters: Filters): boolean {
  const published = ports.map(({ hostPort, protocol }) => `${String(hostPort)}/${protocol}`);
  const exposed = [
    ...exposedPorts,
    ...ports.map(({ containerPort, protocol }) => `${String(containerPort)}/${protocol}`),
  ];
  const holds = (key: string, actual: readonly string[]): boolean => {
    const wanted = filters.get(key) ?? [];
    return (
      wanted.length === 0 || wanted.some((range) => portsIn(range).some((port) => actual.includes(port)))
    );
  };
  return holds('publish', published) && holds('expose', exposed);
}

function matchesTask({ labels }: ContainerSummary, filters: Filters): boolean {
  const wanted = booleanFilter(filters, 'is-task');
  return wanted === undefined || wanted === Object.hasOwn(labels, 'com.docker.swarm.task.id');
}
