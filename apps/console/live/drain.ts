import type { NodeRow, ServiceRow, TaskRow } from './rows.ts';
import { isEnded } from './state.ts';

/** What draining a node means for one service that has tasks there. */
export interface DrainedService {
  readonly name: string;
  readonly tasks: number;
  /** One task per node: they stop here and start nowhere else. */
  readonly isGlobal: boolean;
  /** Every wanted replica is on this node: it is down until one runs elsewhere. */
  readonly isDown: boolean;
  readonly constraints: readonly string[];
  /** Volumes whose data stays behind on this node. */
  readonly volumes: readonly string[];
}

export interface DrainImpact {
  readonly services: readonly DrainedService[];
  /** Tasks that must find another node. */
  readonly moving: number;
  /** Tasks of global services, which stop. */
  readonly stopping: number;
  /** Nodes that may take new tasks. */
  readonly targets: number;
}

/** What would happen if `node` were drained now. */
export function drainImpact(
  node: NodeRow,
  cluster: {
    readonly tasks: readonly TaskRow[];
    readonly services: readonly ServiceRow[];
    readonly nodes: readonly NodeRow[];
  },
): DrainImpact {
  const here = cluster.tasks.filter(
    (task) => task.nodeId === node.id && !isEnded(task) && task.desiredState !== 'shutdown',
  );
  const counts = Map.groupBy(here, (task) => task.serviceId);
  const services = cluster.services.flatMap((service): DrainedService[] => {
    const tasks = counts.get(service.id)?.length ?? 0;
    return tasks === 0 ? [] : [drained(service, tasks)];
  });
  const stopping = services.reduce((sum, each) => sum + (each.isGlobal ? each.tasks : 0), 0);
  return {
    services: services.toSorted((a, b) => Number(b.isDown) - Number(a.isDown) || (a.name < b.name ? -1 : 1)),
    moving: services.reduce((sum, each) => sum + each.tasks, 0) - stopping,
    stopping,
    targets: cluster.nodes.filter(
      (each) => each.id !== node.id && each.status.state === 'ready' && each.spec.availability === 'active',
    ).length,
  };
}

function drained(service: ServiceRow, tasks: number): DrainedService {
  const { mode, task, name } = service.spec;
  return {
    name,
    tasks,
    isGlobal: mode.type === 'global' || mode.type === 'global-job',
    isDown: mode.type === 'replicated' && tasks >= mode.replicas,
    constraints: task.placement?.constraints ?? [],
    volumes: (task.container.mounts ?? []).flatMap((mount) =>
      mount.type === 'volume' && mount.source !== undefined ? [mount.source] : [],
    ),
  };
}
