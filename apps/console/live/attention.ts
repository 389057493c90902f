import { compareGravity, nodeState } from './state.ts';
import type { ServiceSummary, ViewState } from './state.ts';
import type { NodeRow, ServiceRow, TaskRow } from './rows.ts';

export interface SummarisedService {
  readonly service: ServiceRow;
  readonly summary: ServiceSummary;
}

/** One line of "needs attention": a fact, what it is about, and the task whose reason explains it. */
export type Problem =
  | { readonly kind: 'quorum'; readonly key: string; readonly family: 'bad' }
  | {
      readonly kind: 'manager';
      readonly key: string;
      readonly family: 'bad' | 'warn';
      readonly node: NodeRow;
      readonly tolerance: number;
    }
  | {
      readonly kind: 'node';
      readonly key: string;
      readonly family: 'bad' | 'warn';
      readonly node: NodeRow;
      readonly state: ViewState;
    }
  | {
      readonly kind: 'service';
      readonly key: string;
      readonly family: 'bad' | 'warn';
      readonly service: ServiceRow;
      readonly state: ViewState;
      readonly culprit: TaskRow | undefined;
    };

export interface Cluster {
  readonly nodes: readonly NodeRow[];
  readonly services: readonly SummarisedService[];
  readonly quorum: boolean;
}

/** How many more managers may fail before the majority is lost. */
export function faultTolerance(nodes: readonly NodeRow[]): {
  readonly managers: number;
  readonly reachable: number;
  readonly tolerance: number;
} {
  const managers = nodes.filter((node) => node.manager !== undefined);
  const reachable = managers.filter((node) => node.manager?.reachability !== 'unreachable').length;
  const majority = Math.floor(managers.length / 2) + 1;
  return { managers: managers.length, reachable, tolerance: Math.max(0, reachable - majority) };
}

const ORDER: readonly Problem['kind'][] = ['quorum', 'manager', 'service', 'node'];

/** What a person should look at, the gravest first (console.md appendix F). */
export function problemsOf(cluster: Cluster): readonly Problem[] {
  const problems: Problem[] = [];
  if (!cluster.quorum) {
    problems.push({ kind: 'quorum', key: 'quorum', family: 'bad' });
  }
  const { tolerance } = faultTolerance(cluster.nodes);
  for (const node of cluster.nodes) {
    const state = nodeState(node);
    if (node.manager?.reachability === 'unreachable') {
      problems.push({
        kind: 'manager',
        key: node.id,
        family: tolerance === 0 ? 'bad' : 'warn',
        node,
        tolerance,
      });
    } else if (state.family === 'bad') {
      problems.push({ kind: 'node', key: node.id, family: 'bad', node, state });
    }
  }
  for (const { service, summary } of cluster.services) {
    const { family } = summary.state;
    if (family === 'bad' || family === 'warn') {
      problems.push({
        kind: 'service',
        key: service.id,
        family,
        service,
        state: summary.state,
        culprit: summary.culprit,
      });
    }
  }
  return problems.toSorted(
    (a, b) =>
      compareGravity(a.family, b.family) ||
      ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) ||
      (a.key < b.key ? -1 : 1),
  );
}

export interface Verdict {
  readonly family: 'ok' | 'warn' | 'bad' | 'wait';
  readonly services: number;
  readonly nodes: number;
  readonly servicesDown: number;
  readonly servicesDegraded: number;
  readonly nodesDown: number;
}

/** The one sentence on top of the overview, as numbers. */
export function verdictOf(cluster: Cluster): Verdict {
  const count = (family: string) =>
    cluster.services.filter(({ summary }) => summary.state.family === family).length;
  const nodesDown = cluster.nodes.filter((node) => nodeState(node).family === 'bad').length;
  const servicesDown = count('bad');
  const servicesDegraded = count('warn');
  const isBad = !cluster.quorum || servicesDown > 0 || nodesDown > 0;
  return {
    family: isBad ? 'bad' : servicesDegraded > 0 ? 'warn' : 'ok',
    services: cluster.services.length,
    nodes: cluster.nodes.length,
    servicesDown,
    servicesDegraded,
    nodesDown,
  };
}

export interface Fill {
  readonly capacity: number;
  readonly reserved: number;
}

/** Reserved and total CPU (billionths) and memory (bytes) of the ready nodes, from specs of the tasks on them. */
export function clusterFill(
  nodes: readonly NodeRow[],
  tasks: readonly TaskRow[],
  specOf: (task: TaskRow) => ServiceRow['spec']['task'] | undefined,
): { readonly cpu: Fill; readonly memory: Fill } {
  const ready = new Set(nodes.filter((node) => node.status.state === 'ready').map((node) => node.id));
  let cpuCapacity = 0;
  let memoryCapacity = 0;
  for (const node of nodes) {
    if (ready.has(node.id)) {
      cpuCapacity += node.description?.resources.nanoCpus ?? 0;
      memoryCapacity += node.description?.resources.memoryBytes ?? 0;
    }
  }
  let cpu = 0;
  let memory = 0;
  for (const task of tasks) {
    if (task.nodeId === undefined || !ready.has(task.nodeId) || isOver(task)) {
      continue;
    }
    const reservations = specOf(task)?.resources?.reservations;
    cpu += reservations?.nanoCpus ?? 0;
    memory += reservations?.memoryBytes ?? 0;
  }
  return {
    cpu: { capacity: cpuCapacity, reserved: cpu },
    memory: { capacity: memoryCapacity, reserved: memory },
  };
}

function isOver(task: TaskRow): boolean {
  return ['complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned'].includes(task.status.state);
}
