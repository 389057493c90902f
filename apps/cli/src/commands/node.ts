import type { Command } from 'commander';

import type { NodeView } from '@skep/contract';

import type { Connection } from '../connection/connection.ts';
import { printJson, printList, shortId, type ListOptions } from '../output.ts';
import { action, collect } from '../run.ts';
import { addTaskListOptions, printTasks, type TaskListOptions } from './task.ts';

interface UpdateOptions {
  readonly availability?: 'active' | 'pause' | 'drain';
  readonly role?: 'worker' | 'manager';
  readonly labelAdd?: readonly string[];
  readonly labelRm?: readonly string[];
}

/** `swarm node ...` */
export function registerNode(program: Command): void {
  const node = program.command('node').description('nodes: the hosts of the cluster');
  registerLs(node);
  registerUpdate(node);
  node
    .command('inspect <node...>')
    .description('show nodes whole, as JSON; self is the node that answers')
    .action(
      action(async ({ connection, args }) => {
        printJson(
          await Promise.all(
            args.map((name) => connection.client.call('getNode', { params: { node: name } })),
          ),
        );
      }),
    );
  addTaskListOptions(
    node.command('ps [node...]').description('list the tasks on nodes (default: self)'),
  ).action(
    action<TaskListOptions>(({ connection, options, args }) =>
      printTasks(connection, { node: args.length === 0 ? ['self'] : [...args] }, options),
    ),
  );
  for (const [verb, operation, description] of [
    ['promote', 'promoteNode', 'make workers managers'],
    ['demote', 'demoteNode', 'make managers workers'],
  ] as const) {
    node
      .command(`${verb} <node...>`)
      .description(description)
      .action(
        action(async ({ connection, args }) => {
          for (const name of args) {
            await connection.client.call(operation, { params: { node: name } });
            console.log(`${name} ${verb}d`);
          }
          await warnOfManagers(connection);
        }),
      );
  }
  node
    .command('rm <node...>')
    .description('remove nodes that are down')
    .option('-f, --force', 'remove them whatever their state')
    .action(
      action<{ force?: boolean }>(async ({ connection, options, args }) => {
        for (const name of args) {
          await connection.client.call('removeNode', {
            params: { node: name },
            query: { force: options.force === true },
          });
          console.log(name);
        }
      }),
    );
}

/** Says how many managers there will be when everybody has taken the wanted role, if that is a bad number. */
async function warnOfManagers(connection: Connection): Promise<void> {
  const { items } = await connection.client.call('listNodes', { query: { role: 'manager' } });
  if (items.length === 2) {
    console.log(
      'Warning: with two managers the loss of either stops every change. Promote a third, or demote one: swarm node promote|demote',
    );
  } else if (items.length % 2 === 0) {
    console.log(
      `Warning: ${String(items.length)} managers bear the loss of no more than ${String(items.length - 1)} do; an odd number is better.`,
    );
  }
}

function registerLs(node: Command): void {
  node
    .command('ls')
    .alias('list')
    .description('list nodes')
    .option('-q, --quiet', 'only ids')
    .option('--format <form>', 'table or json', 'table')
    .action(
      action<ListOptions>(async ({ connection, options }) => {
        const [{ items }, self] = await Promise.all([
          connection.client.call('listNodes', {}),
          connection.client.call('getNode', { params: { node: 'self' } }),
        ]);
        printList<NodeView>(
          {
            items,
            header: ['ID', 'HOSTNAME', 'STATUS', 'AVAILABILITY', 'MANAGER STATUS', 'ADDRESS', 'ENGINE'],
            row: (item) => [
              `${shortId(item.id)}${item.id === self.id ? ' *' : ''}`,
              item.description?.hostname ?? '',
              item.status.state,
              item.spec.availability,
              managerStatus(item),
              item.status.addr,
              item.description?.engine.version ?? '',
            ],
            id: ({ id }) => id,
          },
          options,
        );
      }),
    );
}

function managerStatus({ manager }: NodeView): string {
  if (manager === undefined) {
    return '';
  }
  return manager.isLeader ? 'leader' : manager.reachability;
}

function registerUpdate(node: Command): void {
  node
    .command('update <node>')
    .description('change labels, availability or role of a node')
    .option('--availability <state>', 'active, pause (no new tasks) or drain (move tasks away)')
    .option('--role <role>', 'worker or manager')
    .option('--label-add <key=value>', 'add or change a label', collect)
    .option('--label-rm <key>', 'remove a label', collect)
    .action(
      action<UpdateOptions>(async ({ connection, options, args }) => {
        const [name = ''] = args;
        const labels: Record<string, string | null> = {};
        for (const item of options.labelAdd ?? []) {
          const split = item.indexOf('=');
          labels[split === -1 ? item : item.slice(0, split)] = split === -1 ? '' : item.slice(split + 1);
        }
        for (const key of options.labelRm ?? []) {
          labels[key] = null;
        }
        await connection.client.call('patchNode', {
          params: { node: name },
          body: {
            ...(options.availability === undefined ? {} : { availability: options.availability }),
            ...(options.role === undefined ? {} : { role: options.role }),
            ...(Object.keys(labels).length === 0 ? {} : { labels }),
          },
        });
        console.log(name);
      }),
    );
}
