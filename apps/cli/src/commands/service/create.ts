import type { Command } from 'commander';

import type { ServiceSpec } from '@skep/model';

import { converge } from '../../progress.ts';
import { action, collect } from '../../run.ts';
import {
  addSpecFlags,
  applyTaskFlags,
  environmentOf,
  keyValues,
  parseFileFlag,
  parseMode,
  parseMountFlag,
  parseNetworkFlag,
  parsePublishFlag,
  updateConfigOf,
  type SpecFlags,
} from './spec-flags.ts';

interface CreateFlags extends SpecFlags {
  readonly name?: string;
  readonly replicas?: string;
  readonly mode?: string;
  readonly publish?: readonly string[];
  readonly network?: readonly string[];
  readonly constraint?: readonly string[];
  readonly placementPref?: readonly string[];
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly mount?: readonly string[];
  readonly secret?: readonly string[];
  readonly config?: readonly string[];
  readonly label?: readonly string[];
  readonly containerLabel?: readonly string[];
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly host?: readonly string[];
  readonly dns?: readonly string[];
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** `swarm service create [flags] IMAGE [COMMAND...]` */
export function registerServiceCreate(service: Command): void {
  const command = service
    .command('create <image> [command...]')
    .description('create a service')
    .option('--name <name>', 'service name (default: made from the image)')
    .option('--replicas <count>', 'number of tasks')
    .option('--mode <mode>', 'replicated (default), global, replicated-job or global-job')
    .option('-p, --publish <port>', 'publish a port: 8080:80, or published=8080,target=80,mode=host', collect)
    .option('--network <name>', 'network to join, with name=...,alias=... if wanted', collect)
    .option('--constraint <expression>', 'where tasks may run, such as node.role==worker', collect)
    .option('--placement-pref <strategy>', 'spread=node.labels.zone', collect)
    .option('-e, --env <name=value>', 'environment variable', collect)
    .option('--env-file <file>', 'file of environment variables', collect)
    .option('--mount <mount>', 'type=volume,source=data,target=/data', collect)
    .option('--secret <name>', 'secret, or source=...,target=...,mode=0400', collect)
    .option('--config <name>', 'config, or source=...,target=/path', collect)
    .option('-l, --label <key=value>', 'label of the service', collect)
    .option('--container-label <key=value>', 'label of its containers', collect)
    .option('--cap-add <capability>', 'add a capability', collect)
    .option('--cap-drop <capability>', 'drop a capability', collect)
    .option('--add-host <name:ip>', 'line of /etc/hosts', collect)
    .option('--dns <ip>', 'name server', collect)
    .option('-d, --detach', 'do not wait until the tasks run')
    .option('-q, --quiet', 'no progress');
  addSpecFlags(command);
  command.action(
    action<CreateFlags>(async ({ connection, options, args }) => {
      const [image = '', ...words] = args;
      const { item, warnings } = await connection.client.call('createService', {
        body: toSpec(image, words, options),
      });
      for (const warning of warnings ?? []) {
        console.error(`warning: ${warning}`);
      }
      console.log(item.id);
      if (options.detach !== true) {
        await converge(connection, item.id, { quiet: options.quiet === true });
      }
    }),
  );
}

function toSpec(image: string, words: readonly string[], flags: CreateFlags): ServiceSpec {
  const ports = (flags.publish ?? []).flatMap(parsePublishFlag);
  const update = updateConfigOf('update', flags, undefined);
  const rollback = updateConfigOf('rollback', flags, undefined);
  const env = environmentOf(flags.env, flags.envFile);
  const list = <T>(items: readonly T[] | undefined): T[] | undefined =>
    items === undefined || items.length === 0 ? undefined : [...items];
  const placement = {
    constraints: list(flags.constraint),
    preferences: list(flags.placementPref?.map((text) => ({ spread: text.replace(/^spread=/, '') }))),
  };
  const hosts = (flags as { addHost?: readonly string[] }).addHost?.map((text) => {
    const split = text.indexOf(':');
    return `${text.slice(split + 1)} ${text.slice(0, split)}`;
  });
  return {
    name: flags.name ?? nameFromImage(image),
    ...(flags.label === undefined ? {} : { labels: keyValues(flags.label) }),
    mode: parseMode(flags.mode, flags.replicas),
    task: applyTaskFlags(
      {
        container: {
          image,
          args: list(words),
          env: list(env),
          mounts: list(flags.mount?.map(parseMountFlag)),
          labels: flags.containerLabel === undefined ? undefined : keyValues(flags.containerLabel),
          secrets: list(flags.secret?.map((text) => toSecret(text))),
          configs: list(flags.config?.map((text) => toConfig(text))),
          capabilityAdd: list(flags.capAdd),
          capabilityDrop: list(flags.capDrop),
          hosts: list(hosts),
          dns: flags.dns === undefined ? undefined : { nameservers: [...flags.dns] },
        },
        networks: list(flags.network?.map(parseNetworkFlag)),
        placement: (placement.constraints ?? placement.preferences) ? placement : undefined,
      },
      flags,
    ),
    update,
    rollback,
    endpoint:
      ports.length > 0 || flags.endpointMode !== undefined
        ? { mode: flags.endpointMode as 'vip' | undefined, ports }
        : undefined,
  };
}

function toSecret(text: string): NonNullable<ServiceSpec['task']['container']['secrets']>[number] {
  const { name, file } = parseFileFlag(text, '');
  return { secretId: '', secretName: name, file };
}

function toConfig(text: string): NonNullable<ServiceSpec['task']['container']['configs']>[number] {
  const { name, file } = parseFileFlag(text, '/');
  return { configId: '', configName: name, file };
}

/** `registry:5000/shop/web:1.2@sha256:...` gives `web`. */
export function nameFromImage(image: string): string {
  const last = image.split('@')[0]?.split('/').at(-1) ?? image;
  return last.split(':')[0] ?? last;
}
