import { Inject, Injectable } from '@nestjs/common';

import type { LogsSelect } from '@skep/contract';
import {
  resolveService,
  resolveTask,
  type ControlPlane,
  type ReadTx,
  type StreamRequest,
} from '@skep/controlplane';
import { SwarmError } from '@skep/kernel';
import { isTerminalState, type Service, type Task } from '@skep/model';

import { findNode, nodeName } from '../common/lookup.ts';
import { servicesOfStack } from '../http/views.ts';
import { CONTROL_PLANE } from '../tokens.ts';

/** Streams one reader may open at a time. */
const SOURCES_MAX = 200;

/** Where lines come from: a whole service (new tasks join by themselves) or one task. */
export type LogSource = { readonly serviceId: string } | { readonly taskId: string };

/** What is told of a task beside its lines. */
export interface LogTask {
  readonly id: string;
  readonly service: string;
  readonly slot: number;
  readonly nodeId: string;
  readonly node: string;
  readonly version: number;
}

export type LogOptions = Omit<Extract<StreamRequest, { kind: 'logs' }>, 'kind' | 'taskId' | 'serviceId'>;

/** Finds the sources that a selection of names and ids means. */
@Injectable()
export class LogSources {
  constructor(@Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane) {}

  /** @throws SwarmError `not_found` for a name that fits nothing, `invalid_argument` for an empty selection. */
  find(select: LogsSelect): LogSource[] {
    return this.controlPlane.view((tx) => {
      const services = [
        ...(select.services ?? []).map((ref) => resolveService(tx, ref)),
        ...(select.stacks ?? []).flatMap((name) => stackServices(tx, name)),
      ];
      const tasks = [
        ...(select.tasks ?? []).map((ref) => resolveTask(tx, ref)),
        ...(select.nodes ?? []).flatMap((ref) => this.#nodeTasks(tx, ref, select.previous === true)),
      ];
      const wanted = new Set(services.map(({ id }) => id));
      const sources: LogSource[] = [
        ...[...wanted].map((serviceId) => ({ serviceId })),
        ...uniqueIds(tasks.filter(({ serviceId }) => !wanted.has(serviceId))).map((taskId) => ({ taskId })),
      ];
      if (sources.length === 0) {
        throw new SwarmError('invalid_argument', 'name a service, stack, task or node that has tasks');
      }
      if (sources.length > SOURCES_MAX) {
        throw new SwarmError(
          'resource_exhausted',
          `the selection is ${String(sources.length)} sources; at most ${String(SOURCES_MAX)} can be read at once`,
        );
      }
      return sources;
    });
  }

  request(source: LogSource, options: LogOptions): StreamRequest {
    return { kind: 'logs', ...options, ...source };
  }

  task(taskId: string): LogTask {
    return this.controlPlane.view((tx) => {
      const task = tx.get('task', taskId);
      const node = task?.nodeId === undefined ? undefined : tx.get('node', task.nodeId);
      return {
        id: taskId,
        service: task?.serviceName ?? '',
        slot: task?.slot ?? 0,
        nodeId: task?.nodeId ?? '',
        node: node === undefined ? (task?.nodeId ?? '') : nodeName(node),
        version: task?.specVersion ?? 0,
      };
    });
  }

  #nodeTasks(tx: ReadTx, ref: string, withPrevious: boolean): Task[] {
    const node = findNode(tx, ref, this.controlPlane.nodeId);
    return tx.tasksByNode(node.id).filter(({ status }) => withPrevious || !isTerminalState(status.state));
  }
}

function stackServices(tx: ReadTx, name: string): Service[] {
  const services = servicesOfStack(tx, name).filter(({ pendingDelete }) => pendingDelete !== true);
  if (services.length === 0) {
    throw new SwarmError('not_found', `stack ${name} has no services`);
  }
  return services;
}

function uniqueIds(tasks: readonly Task[]): string[] {
  return [...new Set(tasks.map(({ id }) => id))];
}
