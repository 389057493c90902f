import type { Command } from 'commander';

import { ago, printList, type ListOptions } from '../../output.ts';
import { converge } from '../../progress.ts';
import { action } from '../../run.ts';
import { numberOf } from './spec-flags.ts';

interface RollbackOptions {
  readonly revision?: string;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** `swarm service versions` and `rollback`: what a service has been, and the way back to it. */
export function registerVersions(service: Command): void {
  service
    .command('versions <service>')
    .description('versions of a service, newest first (from the history database)')
    .option('-q, --quiet', 'only numbers')
    .option('--format <form>', 'table or json', 'table')
    .action(
      action<ListOptions>(async ({ connection, options, args }) => {
        const { items } = await connection.client.call('listServiceRevisions', {
          params: { service: args[0] ?? '' },
        });
        const nowMs = Date.now();
        printList(
          {
            items,
            header: ['VERSION', 'IMAGE', 'BY', 'VIA', 'WHEN'],
            row: ({ revision, spec, actor, atMs }) => [
              String(revision),
              spec.task.container.image,
              actor.name,
              actor.via,
              ago(atMs, nowMs),
            ],
            id: ({ revision }) => String(revision),
          },
          options,
        );
      }),
    );
  service
    .command('rollback <service>')
    .description('go back to the spec before the last update, or to an earlier version')
    .option('--revision <number>', 'the version to go back to, as `service versions` lists them')
    .option('-d, --detach', 'do not wait until it is through')
    .option('-q, --quiet', 'no progress')
    .action(
      action<RollbackOptions>(async ({ connection, options, args }) => {
        const [name = ''] = args;
        const revision = numberOf('--revision', options.revision);
        await connection.client.call('rollbackService', {
          params: { service: name },
          body: revision === undefined ? {} : { revision },
        });
        console.log(name);
        if (options.detach !== true) {
          await converge(connection, name, { quiet: options.quiet === true });
        }
      }),
    );
}
