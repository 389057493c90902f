import type { Command } from 'commander';

import { compareTaskStates, type Task } from '@skep/model';

import type { Connection } from '../connection/connection.ts';
import { ago, printJson, printList, shortId, type ListOptions } from '../output.ts';
import { action, collect } from '../run.ts';

export interface TaskListOptions extends ListOptions {
  readonly filter?: readonly string[];
  readonly noTrunc?: boolean;
}

export function addTaskListOptions(command: Command): Command {
  return command
    .option('--filter <name=value>', 'desired-state=running|shutdown, or node=<name>', collect)
    .option('--no-trunc', 'whole ids and errors')
    .option('-q, --quiet', 'only ids')
    .option('--format <form>', 'table or json', 'table');
}

interface TaskQuery {
  readonly service?: string[];
  readonly node?: string[];
  readonly stack?: string;
}

/** Prints tasks, newest first within each slot, with the reason of those that do not run. */
export async function printTasks(
  connection: Connection,
  query: TaskQuery,
  options: TaskListOptions,
): Promise<void> {
  const isTruncated = (options as { trunc?: boolean }).trunc !== false;
  const [{ items }, nodes] = await Promise.all([
    connection.client.call('listTasks', { query: { ...query, limit: 10_000 } }),
    connection.client.call('listNodes', {}),
  ]);
  const names = new Map(nodes.items.map((node) => [node.id, node.description?.hostname ?? node.id]));
  const tasks = items
    .filter((task) => isWanted(task, names.get(task.nodeId ?? '') ?? '', options.filter ?? []))
    .sort(bySlot);
  const nowMs = Date.now();
  printList<Task>(
    {
      items: tasks,
      header: ['ID', 'NAME', 'IMAGE', 'NODE', 'DESIRED STATE', 'CURRENT STATE', 'ERROR'],
      row: (task) => [
        isTruncated ? shortId(task.id) : task.id,
        taskName(task, names.get(task.nodeId ?? '')),
        task.spec.container.image,
        names.get(task.nodeId ?? '') ?? '',
        capital(task.desiredState),
        `${capital(task.status.state)} ${ago(task.status.atMs, nowMs)}`,
        errorOf(task, isTruncated),
      ],
      id: ({ id }) => shortId(id),
    },
    options,
  );
}

function taskName(task: Task, node: string | undefined): string {
  return task.slot > 0
    ? `${task.serviceName}.${String(task.slot)}`
    : `${task.serviceName}.${node ?? task.nodeId ?? ''}`;
}

function errorOf({ status }: Task, isTruncated: boolean): string {
  const text = status.err ?? '';
  return isTruncated && text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function isWanted(task: Task, node: string, filters: readonly string[]): boolean {
  return filters.every((filter) => {
    const [key, value] = filter.split('=');
    if (key === 'desired-state') {
      return value === 'running'
        ? compareTaskStates(task.desiredState, 'running') <= 0
        : task.desiredState === value;
    }
    return key === 'node' ? node === value || task.nodeId === value : true;
  });
}

function bySlot(a: Task, b: Task): number {
  return a.serviceName < b.serviceName
    ? -1
    : a.serviceName > b.serviceName
      ? 1
      : a.slot - b.slot || b.createdAtMs - a.createdAtMs;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** `swarm task ...` */
export function registerTask(program: Command): void {
  const task = program.command('task').description('tasks: one attempt each to fill a place of a service');
  addTaskListOptions(task.command('ls').description('list the tasks of the cluster')).action(
    action<TaskListOptions>(({ connection, options }) => printTasks(connection, {}, options)),
  );
  task
    .command('inspect <task...>')
    .description('show tasks whole, as JSON')
    .action(
      action(async ({ connection, args }) => {
        printJson(
          await Promise.all(args.map((id) => connection.client.call('getTask', { params: { task: id } }))),
        );
      }),
    );
}
