import { SwarmError, isSwarmError } from '@skep/kernel';
import { compareTaskStates, type Task } from '@skep/model';
import type { AppliedEntry, ReadTx } from '@skep/store';
import type { StreamOpen } from '@skep/wire';

import type { AgentStream } from '../dispatcher/session-streams.ts';
import type { StreamChannel, StreamRequest } from '../stream-api.ts';
import { MergedStream, type StreamSource } from './merged-stream.ts';

/** What opening streams on the leader needs. */
export interface LeaderStreamPorts {
  view<T>(fn: (tx: ReadTx) => T): T;
  openOnNode(nodeId: string, open: StreamOpen): AgentStream;
  onApplied(callback: (applied: AppliedEntry) => void): () => void;
}

type LogRequest = Extract<StreamRequest, { kind: 'logs' }>;
type StatsRequest = Extract<StreamRequest, { kind: 'stats' }>;

/** Whether a task has (or had) a container whose output can be read. */
function hasContainer(task: Task): boolean {
  return task.nodeId !== undefined && compareTaskStates(task.status.state, 'starting') >= 0;
}

/** Which tasks a log stream covers, and when no more can come. */
interface LogSource {
  tasks(tx: ReadTx): Task[];
  isComplete(tx: ReadTx): boolean;
}

/** Opens streams on agents from the leader, where all their sessions are. */
export class LeaderStreams {
  readonly #ports: LeaderStreamPorts;

  constructor(ports: LeaderStreamPorts) {
    this.#ports = ports;
  }

  /** @throws SwarmError `not_found`, `failed_precondition` (not started yet), `unavailable` (node not connected). */
  open(request: StreamRequest): StreamChannel {
    switch (request.kind) {
      case 'exec':
        return this.#openExec(request);
      case 'logs':
        return 'taskId' in request ? this.#openTaskLogs(request) : this.#openServiceLogs(request);
      case 'stats':
        return this.#openStats(request);
    }
  }

  #task(taskId: string): Task {
    const task = this.#ports.view((tx) => tx.get('task', taskId));
    if (task === undefined) {
      throw new SwarmError('not_found', `task ${taskId} not found`);
    }
    return task;
  }

  #openExec(request: Extract<StreamRequest, { kind: 'exec' }>): StreamChannel {
    const task = this.#task(request.taskId);
    if (task.nodeId === undefined || task.status.state !== 'running') {
      throw new SwarmError(
        'failed_precondition',
        `task ${task.id} is ${task.status.state}: commands can be run in running tasks only`,
      );
    }
    const merged = new MergedStream({ endsWithSources: true });
    const stream = this.#ports.openOnNode(task.nodeId, {
      ...request,
      command: [...request.command],
      env: [...(request.env ?? [])],
    });
    merged.add({ stream, nodeId: task.nodeId });
    return merged;
  }

  #logSource(request: LogRequest, task: Task): StreamSource {
    const nodeId = task.nodeId ?? '';
    const { follow, tail, sinceMs, untilMs, stdout, stderr } = request;
    const stream = this.#ports.openOnNode(nodeId, {
      kind: 'logs',
      taskId: task.id,
      follow,
      tail,
      stdout,
      stderr,
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(untilMs === undefined ? {} : { untilMs }),
    });
    return { stream, nodeId, taskId: task.id };
  }

  #openTaskLogs(request: LogRequest & { readonly taskId: string }): StreamChannel {
    const task = this.#task(request.taskId);
    if (!hasContainer(task) && !request.follow) {
      throw new SwarmError(
        'failed_precondition',
        `task ${task.id} is ${task.status.state}: it has no output yet`,
      );
    }
    // Ends with the task's output; a task that has not started yet is waited for.
    return this.#followLogs(request, {
      tasks: (tx) => [tx.get('task', request.taskId)].filter((found) => found !== undefined),
      isComplete: (tx) => {
        const found = tx.get('task', request.taskId);
        return found === undefined || hasContainer(found);
      },
    });
  }

  #openServiceLogs(request: LogRequest & { readonly serviceId: string }): StreamChannel {
    if (this.#ports.view((tx) => tx.get('service', request.serviceId)) === undefined) {
      throw new SwarmError('not_found', `service ${request.serviceId} not found`);
    }
    return this.#followLogs(request, {
      tasks: (tx) => tx.tasksByService(request.serviceId),
      isComplete: (tx) => tx.get('service', request.serviceId) === undefined,
    });
  }

  #followLogs(request: LogRequest, selection: LogSource): StreamChannel {
    const opened = new Set<string>();
    let stopWatching: () => void = () => undefined;
    const merged = new MergedStream({
      endsWithSources: false,
      onEnd: () => {
        stopWatching();
      },
    });
    const look = (): void => {
      for (const task of this.#ports.view((tx) => selection.tasks(tx))) {
        if (!opened.has(task.id) && hasContainer(task)) {
          opened.add(task.id);
          this.#addOrNote(merged, task, () => this.#logSource(request, task));
        }
      }
      if (!request.follow || this.#ports.view((tx) => selection.isComplete(tx))) {
        merged.seal();
      }
    };
    stopWatching = this.#ports.onApplied((applied) => {
      if (applied.events.some(({ kind }) => kind === 'task' || kind === 'service')) {
        look();
      }
    });
    look();
    return merged;
  }

  #addOrNote(merged: MergedStream, task: Task, open: () => StreamSource): void {
    try {
      merged.add(open());
    } catch (error) {
      if (!isSwarmError(error)) {
        throw error;
      }
      merged.notice({
        type: 'notice',
        taskId: task.id,
        nodeId: task.nodeId ?? '',
        code: error.code,
        message: error.message,
      });
    }
  }

  #openStats(request: StatsRequest): StreamChannel {
    const sources = new Map<string, { readonly source: StreamSource; readonly tasks: string }>();
    let stopWatching: () => void = () => undefined;
    const merged = new MergedStream({
      endsWithSources: false,
      onEnd: () => {
        stopWatching();
      },
    });
    const follow = (): void => {
      const wanted = this.#statsTasks(request);
      for (const [nodeId, { source, tasks }] of sources) {
        if (wanted.get(nodeId)?.join() !== tasks) {
          sources.delete(nodeId);
          merged.remove(source);
        }
      }
      for (const [nodeId, taskIds] of wanted) {
        if (!sources.has(nodeId)) {
          try {
            const stream = this.#ports.openOnNode(nodeId, {
              kind: 'stats',
              taskIds,
              everyMs: request.everyMs,
            });
            const source = { stream, nodeId };
            sources.set(nodeId, { source, tasks: taskIds.join() });
            merged.add(source);
          } catch (error) {
            if (!isSwarmError(error)) {
              throw error;
            }
          }
        }
      }
    };
    follow();
    stopWatching = this.#ports.onApplied((applied) => {
      if (applied.events.some(({ kind }) => kind === 'task' || kind === 'node')) {
        follow();
      }
    });
    return merged;
  }

  /** Ids of the running tasks that are asked for, by node. */
  #statsTasks(request: StatsRequest): Map<string, string[]> {
    const tasks = this.#ports.view((tx) => {
      if (request.taskIds !== undefined) {
        return request.taskIds.flatMap((id) => tx.get('task', id) ?? []);
      }
      if (request.serviceId !== undefined) {
        return tx.tasksByService(request.serviceId);
      }
      return request.nodeId === undefined ? tx.list('task') : tx.tasksByNode(request.nodeId);
    });
    const byNode = new Map<string, string[]>();
    for (const task of tasks) {
      if (task.nodeId !== undefined && task.status.state === 'running') {
        byNode.set(task.nodeId, [...(byNode.get(task.nodeId) ?? []), task.id]);
      }
    }
    byNode.forEach((ids) => ids.sort());
    return byNode;
  }
}
