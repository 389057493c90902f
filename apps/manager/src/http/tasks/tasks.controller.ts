import { Controller, Inject } from '@nestjs/common';

import type { RequestOf, ResponseOf, TaskView } from '@skep/contract';
import { resolveService, resolveTask, type ControlPlane, type ReadTx } from '@skep/controlplane';
import { isSwarmError } from '@skep/kernel';
import type { Task } from '@skep/model';

import { Handles, Input } from '../../common/endpoint.decorator.ts';
import { hasLabel, isAny, toPage, type ListFacts } from '../../common/list.ts';
import { findNode } from '../../common/lookup.ts';
import { LogCollector } from '../../ws/log-collector.ts';
import { CONTROL_PLANE } from '../../tokens.ts';
import { servicesOfStack } from '../views.ts';

@Controller()
export class TasksController {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(LogCollector) private readonly logs: LogCollector,
  ) {}

  @Handles('listTasks')
  list(@Input() { query }: RequestOf<'listTasks'>): ResponseOf<'listTasks'> {
    return this.controlPlane.view((tx) => {
      const tasks = this.#candidates(tx, query).filter((task) => matchesTask(tx, task, query));
      return { ...toPage(tasks, query, factsOf), rev: tx.logIndex };
    });
  }

  @Handles('getTask')
  get(@Input() { params }: RequestOf<'getTask'>): TaskView {
    return this.controlPlane.view((tx) => resolveTask(tx, params.task));
  }

  @Handles('getLogs')
  getLogs(@Input() { query }: RequestOf<'getLogs'>): Promise<ResponseOf<'getLogs'>> {
    return this.logs.collect(query);
  }

  /** The smallest set that an index gives. Names and ids that fit nothing give nothing, as Docker's filters do. */
  #candidates(tx: ReadTx, query: RequestOf<'listTasks'>['query']): Task[] {
    const { service, node, stack } = query;
    const sets: Task[][] = [];
    if (service !== undefined) {
      sets.push(
        service
          .flatMap((ref) => orNothing(() => resolveService(tx, ref)))
          .flatMap(({ id }) => tx.tasksByService(id)),
      );
    }
    if (stack !== undefined) {
      sets.push(servicesOfStack(tx, stack).flatMap(({ id }) => tx.tasksByService(id)));
    }
    if (node !== undefined) {
      sets.push(
        node
          .flatMap((ref) => orNothing(() => findNode(tx, ref, this.controlPlane.nodeId)))
          .flatMap(({ id }) => tx.tasksByNode(id)),
      );
    }
    const [first, ...rest] = sets;
    if (first === undefined) {
      return tx.list('task');
    }
    const others = rest.map((tasks) => new Set(tasks.map(({ id }) => id)));
    return [...new Set(first)].filter(({ id }) => others.every((ids) => ids.has(id)));
  }
}

function orNothing<T>(find: () => T): T[] {
  try {
    return [find()];
  } catch (error: unknown) {
    if (isSwarmError(error, 'not_found')) {
      return [];
    }
    throw error;
  }
}

function matchesTask(tx: ReadTx, task: Task, query: RequestOf<'listTasks'>['query']): boolean {
  const { slot, state, desiredState, upToDate, label } = query;
  return (
    (slot === undefined || task.slot === slot) &&
    isAny(state, (wanted) => task.status.state === wanted) &&
    isAny(desiredState, (wanted) => task.desiredState === wanted) &&
    (upToDate !== true || tx.get('service', task.serviceId)?.specVersion === task.specVersion) &&
    (label === undefined || label.every((wanted) => hasLabel(labelsOf(task), wanted)))
  );
}

/** Labels of the task: those of its service, then those of its container, as Docker shows them. */
function labelsOf(task: Task): Record<string, string> {
  return { ...task.spec.container.labels, ...task.labels };
}

/** By service and slot, the newest first. */
function factsOf(task: Task): ListFacts {
  const slot = String(task.slot).padStart(7, '0');
  const age = String(Number.MAX_SAFE_INTEGER - task.createdAtMs);
  const sortKey = [task.serviceName, slot, task.slot === 0 ? (task.nodeId ?? '') : '', age].join('\0');
  return {
    id: task.id,
    name: taskName(task),
    // Asked for by few lists, and made anew for each task.
    get labels() {
      return labelsOf(task);
    },
    sortKey,
  };
}

/** `web.3`; tasks of global services carry the node. */
function taskName(task: Task): string {
  return `${task.serviceName}.${task.slot > 0 ? String(task.slot) : (task.nodeId ?? task.id)}`;
}
