import {
  checkFilters,
  matchesLabels,
  matchesPrefix,
  parseFilters,
  taskName,
  taskToDocker,
  type Filters,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';
import { TaskState, type Network, type Task } from '@skep/model';

import type { DockerApiContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import type { Route } from '../router.ts';
import type { SwarmGateway, TaskSelection } from '../swarm-gateway.ts';
import { onManager } from './swarm-access.ts';
import { streamSwarmLogs } from './swarm-logs.ts';

export function taskRoutes(context: DockerApiContext): Route[] {
  return [
    { method: 'GET', path: '/tasks', handle: (exchange) => list(context, exchange) },
    {
      method: 'GET',
      path: '/tasks/{id}',
      handle: async (exchange) => {
        const ref = exchange.param('id');
        const answer = await onManager(context, { kind: 'task', ref }, async (swarm) => {
          const task = await swarm.getTask(ref);
          return taskToDocker(task, await networkLookup(swarm, [task]));
        });
        exchange.sendJson(200, answer);
      },
    },
    {
      method: 'GET',
      path: '/tasks/{id}/logs',
      handle: async (exchange) => {
        const ref = exchange.param('id');
        const task = await onManager(context, { kind: 'task', ref }, (swarm) => swarm.getTask(ref));
        await streamSwarmLogs(context, exchange, {
          tasks: [task.id],
          services: [task.serviceId],
          hasTerminal: task.spec.container.tty === true,
        });
      },
    },
  ];
}

/** The networks that tasks name; not asked for when there are none. */
async function networkLookup(
  swarm: SwarmGateway,
  tasks: readonly Task[],
): Promise<(id: string) => Network | undefined> {
  if (tasks.every((task) => task.networks.length === 0)) {
    return () => undefined;
  }
  const networks = new Map((await swarm.listNetworks()).map((network) => [network.id, network]));
  return (id) => networks.get(id);
}

const LIST_FILTERS = ['_up-to-date', 'desired-state', 'id', 'label', 'name', 'node', 'runtime', 'service'];

async function list(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, LIST_FILTERS);
  const states = desiredStates(filters);
  const answer = await onManager(context, { kind: 'task' }, async (swarm) => {
    const tasks = (await swarm.listTasks(await selectionOf(swarm, filters, states))).filter((task) =>
      isListed(task, filters),
    );
    const networkOf = await networkLookup(swarm, tasks);
    return tasks.map((task) => taskToDocker(task, networkOf));
  });
  exchange.sendJson(200, answer);
}

function desiredStates(filters: Filters): Task['desiredState'][] {
  return (filters.get('desired-state') ?? [])
    .filter((state) => state !== '')
    .map((state) => {
      const parsed = TaskState.safeParse(state.toLowerCase());
      if (!parsed.success) {
        throw new SwarmError('invalid_argument', `Invalid desired-state filter: '${state}'`);
      }
      return parsed.data;
    });
}

/** Services and nodes may be named; the manager filters by their ids. */
async function selectionOf(
  swarm: SwarmGateway,
  filters: Filters,
  desiredState: readonly Task['desiredState'][],
): Promise<TaskSelection> {
  const services = await Promise.all(
    (filters.get('service') ?? []).map(
      async (ref) => (await found('service', ref, swarm.getService(ref))).id,
    ),
  );
  const nodes = await Promise.all(
    (filters.get('node') ?? []).map(async (ref) => (await found('node', ref, swarm.getNode(ref))).id),
  );
  const labels = filters.get('label') ?? [];
  return {
    ...(services.length === 0 ? {} : { service: services }),
    ...(nodes.length === 0 ? {} : { node: nodes }),
    ...(labels.length === 1 && labels[0] !== undefined ? { label: labels[0] } : {}),
    ...(desiredState.length === 0 ? {} : { desiredState }),
    ...((filters.get('_up-to-date') ?? []).length === 0 ? {} : { upToDate: true }),
  };
}

async function found<T>(kind: string, ref: string, pending: Promise<T>): Promise<T> {
  try {
    return await pending;
  } catch (error) {
    throw error instanceof SwarmError && error.code === 'not_found'
      ? new SwarmError('not_found', `${kind} ${ref} not found`, { cause: error })
      : error;
  }
}

function isListed(task: Task, filters: Filters): boolean {
  const runtimes = filters.get('runtime') ?? [];
  return (
    matchesPrefix(filters, 'id', task.id) &&
    matchesPrefix(filters, 'name', taskName(task)) &&
    matchesLabels(filters, task.labels) &&
    (runtimes.length === 0 || runtimes.includes('container') || runtimes.includes(''))
  );
}
