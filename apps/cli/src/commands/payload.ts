import { readFileSync } from 'node:fs';

import type { Command } from 'commander';

import { SwarmError, errorMessage } from '@skep/kernel';

import { ago, printJson, printList, shortId, type ListOptions } from '../output.ts';
import { action, collect } from '../run.ts';
import { keyValues } from './service/spec-flags.ts';

interface PayloadItem {
  readonly id: string;
  readonly spec: { readonly name: string };
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** `swarm secret ...` and `swarm config ...`: the same verbs for both. */
export function registerPayload(program: Command, kind: 'secret' | 'config'): void {
  const what = kind === 'secret' ? 'secrets: values only tasks can read' : 'configs: files for tasks';
  const noun = program.command(kind).description(what);
  noun
    .command('create <name> [file]')
    .description(`create a ${kind} from a file; - or nothing reads standard input`)
    .option('-l, --label <key=value>', 'label', collect)
    .action(
      action<{ label?: string[] }>(async ({ connection, options, args }) => {
        const [name = '', file = '-'] = args;
        const body = {
          name,
          data: readBytes(file).toString('base64'),
          ...(options.label === undefined ? {} : { labels: keyValues(options.label) }),
        };
        const { item } = await connection.client.call(kind === 'secret' ? 'createSecret' : 'createConfig', {
          body,
        });
        console.log(item.id);
      }),
    );
  noun
    .command('ls')
    .description(`list ${kind}s`)
    .option('-q, --quiet', 'only ids')
    .option('--format <form>', 'table or json', 'table')
    .action(
      action<ListOptions>(async ({ connection, options }) => {
        const { items } = await connection.client.call(kind === 'secret' ? 'listSecrets' : 'listConfigs', {});
        const nowMs = Date.now();
        printList<PayloadItem>(
          {
            items,
            header: ['ID', 'NAME', 'CREATED', 'UPDATED'],
            row: (item) => [
              shortId(item.id),
              item.spec.name,
              ago(item.createdAtMs, nowMs),
              ago(item.updatedAtMs, nowMs),
            ],
            id: ({ id }) => id,
          },
          options,
        );
      }),
    );
  registerInspectAndRm(noun, kind);
}

function registerInspectAndRm(noun: Command, kind: 'secret' | 'config'): void {
  noun
    .command('inspect <name...>')
    .description(
      kind === 'secret'
        ? 'show what is known of secrets; never their value'
        : 'show configs whole, data in base64',
    )
    .action(
      action(async ({ connection: { client }, args }) => {
        printJson(
          await Promise.all(
            args.map((name) =>
              kind === 'secret'
                ? client.call('getSecret', { params: { secret: name } })
                : client.call('getConfig', { params: { config: name } }),
            ),
          ),
        );
      }),
    );
  noun
    .command('rm <name...>')
    .description(`remove ${kind}s that no service uses`)
    .action(
      action(async ({ connection: { client }, args }) => {
        for (const name of args) {
          await (kind === 'secret'
            ? client.call('removeSecret', { params: { secret: name } })
            : client.call('removeConfig', { params: { config: name } }));
          console.log(name);
        }
      }),
    );
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new SwarmError('not_found', `cannot read ${file}: ${errorMessage(error)}`, { cause: error });
  }
}
