import type { Command } from 'commander';

import type { NetworkView } from '@skep/contract';
import { SwarmError } from '@skep/kernel';
import type { NetworkSpec } from '@skep/model';

import { printJson, printList, shortId, type ListOptions } from '../output.ts';
import { action, collect } from '../run.ts';
import { keyValues } from './service/spec-flags.ts';

interface CreateOptions {
  readonly driver: string;
  readonly subnet?: readonly string[];
  readonly gateway?: string;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly opt?: readonly string[];
  readonly label?: readonly string[];
}

/** `swarm network ...` */
export function registerNetwork(program: Command): void {
  const network = program
    .command('network')
    .description('networks: services on one network find each other by name');
  network
    .command('create <name>')
    .description('create an overlay network')
    .option('-d, --driver <name>', 'overlay, the driver of networks across hosts', 'overlay')
    .option('--subnet <cidr>', 'address range (default: the next free one)', collect)
    .option('--gateway <ip>', 'address kept for the hosts')
    .option('--internal', 'no way out')
    .option('--attachable', 'plain containers may join')
    .option('-o, --opt <key=value>', 'driver option', collect)
    .option('-l, --label <key=value>', 'label', collect)
    .action(
      action<CreateOptions>(async ({ connection, options, args }) => {
        const { item } = await connection.client.call('createNetwork', {
          body: toSpec(args[0] ?? '', options),
        });
        console.log(item.id);
      }),
    );
  network
    .command('ls')
    .description('list networks of the cluster')
    .option('-q, --quiet', 'only ids')
    .option('--format <form>', 'table or json', 'table')
    .action(
      action<ListOptions>(async ({ connection, options }) => {
        const { items } = await connection.client.call('listNetworks', {});
        printList<NetworkView>(
          {
            items,
            header: ['ID', 'NAME', 'DRIVER', 'SUBNET', 'VNI'],
            row: ({ id, spec, ipam, vni }) => [
              shortId(id),
              spec.name,
              spec.driver ?? 'overlay',
              (ipam ?? []).map(({ subnet }) => subnet).join(', '),
              String(vni ?? ''),
            ],
            id: ({ id }) => id,
          },
          options,
        );
      }),
    );
  network
    .command('inspect <network...>')
    .description('show networks whole, as JSON')
    .action(
      action(async ({ connection, args }) => {
        printJson(
          await Promise.all(
            args.map((name) => connection.client.call('getNetwork', { params: { network: name } })),
          ),
        );
      }),
    );
  network
    .command('rm <network...>')
    .description('remove networks that no service uses')
    .action(
      action(async ({ connection, args }) => {
        for (const name of args) {
          await connection.client.call('removeNetwork', { params: { network: name } });
          console.log(name);
        }
      }),
    );
}

/** @throws SwarmError `invalid_argument` for a driver of one host's networks, which the cluster does not keep. */
export function toSpec(name: string, options: CreateOptions): NetworkSpec {
  if (options.driver !== 'overlay') {
    throw new SwarmError(
      'invalid_argument',
      `--driver ${options.driver}: networks of the cluster have the driver overlay; make one of this host alone with docker network create`,
    );
  }
  const configs = (options.subnet ?? []).map((subnet, index) => ({
    subnet,
    ...(index === 0 && options.gateway !== undefined ? { gateway: options.gateway } : {}),
  }));
  return {
    name,
    driver: 'overlay' as const,
    ...(options.internal === true ? { internal: true } : {}),
    ...(options.attachable === true ? { attachable: true } : {}),
    ...(options.opt === undefined ? {} : { driverOpts: keyValues(options.opt) }),
    ...(options.label === undefined ? {} : { labels: keyValues(options.label) }),
    ...(configs.length === 0 ? {} : { ipam: { configs } }),
  };
}
