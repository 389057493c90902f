import type { Command } from 'commander';

import type { ServiceView } from '@skep/contract';
import { SwarmError } from '@skep/kernel';
import type { PortConfig, ServiceMode } from '@skep/model';

import { printJson, printList, shortId, type ListOptions } from '../../output.ts';
import { converge } from '../../progress.ts';
import { action, collect } from '../../run.ts';
import { registerLogs } from '../logs.ts';
import { addTaskListOptions, printTasks, type TaskListOptions } from '../task.ts';
import { registerServiceCreate } from './create.ts';
import { numberOf } from './spec-flags.ts';
import { registerServiceUpdate } from './update.ts';
import { registerVersions } from './versions.ts';

interface WaitOptions {
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** `swarm service ...` */
export function registerService(program: Command): void {
  const service = program.command('service').description('services: what runs in the cluster');
  registerServiceCreate(service);
  registerServiceUpdate(service);
  registerLs(service);
  registerInspectAndPs(service);
  registerScale(service);
  registerVersions(service);
  registerRestartAndRm(service);
  registerLogs(service, 'service');
}

function registerLs(service: Command): void {
  service
    .command('ls')
    .alias('list')
    .description('list services')
    .option('--filter <name=value>', 'name, label, id or mode', collect)
    .option('-q, --quiet', 'only ids')
    .option('--format <form>', 'table or json', 'table')
    .action(
      action<ListOptions & { filter?: string[] }>(async ({ connection, options }) => {
        const { items } = await connection.client.call('listServices', { query: toQuery(options.filter) });
        printList<ServiceView>(
          {
            items,
            header: ['ID', 'NAME', 'MODE', 'REPLICAS', 'IMAGE', 'PORTS'],
            row: ({ id, spec, tasks, endpoint }) => [
              shortId(id),
              spec.name,
              spec.mode.type,
              replicasOf(spec.mode, tasks),
              spec.task.container.image,
              (endpoint?.ports ?? []).map(formatPort).join(', '),
            ],
            id: ({ id }) => shortId(id),
          },
          options,
        );
      }),
    );
}

/** Filters as list parameters: `name=web` becomes `{name: ['web']}`. */
export function toQuery(filters: readonly string[] | undefined): Record<string, string[]> {
  const query: Record<string, string[]> = {};
  for (const filter of filters ?? []) {
    const split = filter.indexOf('=');
    const key = split === -1 ? filter : filter.slice(0, split);
    if (split === -1 || !['name', 'label', 'id', 'mode', 'driver', 'role', 'service', 'node'].includes(key)) {
      throw new SwarmError('invalid_argument', `--filter "${filter}": use name=, label=, id= or mode=`);
    }
    query[key] = [...(query[key] ?? []), filter.slice(split + 1)];
  }
  return query;
}

function replicasOf(mode: ServiceMode, { running, desired, completed }: ServiceView['tasks']): string {
  const counts = `${String(running)}/${String(desired)}`;
  return mode.type === 'replicated-job' || mode.type === 'global-job'
    ? `${counts} (${String(completed ?? 0)} completed)`
    : counts;
}

function formatPort({ publishedPort, targetPort, protocol, publishMode }: PortConfig): string {
  const from = publishMode === 'ingress' ? '*' : 'host';
  return `${from}:${String(publishedPort ?? 0)}->${String(targetPort)}/${protocol}`;
}

function registerInspectAndPs(service: Command): void {
  service
    .command('inspect <service...>')
    .description('show services whole, as JSON')
    .action(
      action(async ({ connection, args }) => {
        printJson(
          await Promise.all(
            args.map((name) => connection.client.call('getService', { params: { service: name } })),
          ),
        );
      }),
    );
  addTaskListOptions(service.command('ps <service...>').description('list the tasks of services')).action(
    action<TaskListOptions>(async ({ connection, options, args }) => {
      for (const name of args) {
        await connection.client.call('getService', { params: { service: name } });
      }
      await printTasks(connection, { service: [...args] }, options);
    }),
  );
}

function registerScale(service: Command): void {
  service
    .command('scale <service=replicas...>')
    .description('set the number of tasks of services')
    .option('-d, --detach', 'do not wait until the tasks run')
    .option('-q, --quiet', 'no progress')
    .action(
      action<WaitOptions>(async ({ connection, options, args }) => {
        const wanted = args.map((text) => {
          const [name = '', count] = text.split('=');
          const replicas = numberOf(`"${text}"`, count ?? '');
          return { name, replicas: replicas ?? 0 };
        });
        for (const { name, replicas } of wanted) {
          await connection.client.call('scaleService', { params: { service: name }, body: { replicas } });
          console.log(`${name} scaled to ${String(replicas)}`);
        }
        if (options.detach !== true) {
          for (const { name } of wanted) {
            await converge(connection, name, { quiet: options.quiet === true });
          }
        }
      }),
    );
}

function registerRestartAndRm(service: Command): void {
  service
    .command('restart <service>')
    .description('replace every task by a new one, by the update policy')
    .option('-d, --detach', 'do not wait until it is through')
    .option('-q, --quiet', 'no progress')
    .action(
      action<WaitOptions>(async ({ connection, options, args }) => {
        const [name = ''] = args;
        await connection.client.call('restartService', { params: { service: name } });
        console.log(name);
        if (options.detach !== true) {
          await converge(connection, name, { quiet: options.quiet === true });
        }
      }),
    );
  service
    .command('rm <service...>')
    .alias('remove')
    .description('remove services with their tasks')
    .action(
      action(async ({ connection, args }) => {
        for (const name of args) {
          await connection.client.call('removeService', { params: { service: name } });
          console.log(name);
        }
      }),
    );
}
