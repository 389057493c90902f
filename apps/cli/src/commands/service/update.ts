import type { Command } from 'commander';

import type { ServiceSpec } from '@skep/model';

import { converge } from '../../progress.ts';
import { action, collect } from '../../run.ts';
import {
  addSpecFlags,
  applyTaskFlags,
  environmentOf,
  keyValues,
  numberOf,
  parseFileFlag,
  parseMountFlag,
  parseNetworkFlag,
  parsePublishFlag,
  updateConfigOf,
  type SpecFlags,
} from './spec-flags.ts';

interface UpdateFlags extends SpecFlags {
  readonly image?: string;
  readonly args?: string;
  readonly replicas?: string;
  readonly force?: boolean;
  readonly rollback?: boolean;
  readonly detach?: boolean;
  readonly quiet?: boolean;
  readonly envAdd?: readonly string[];
  readonly envRm?: readonly string[];
  readonly publishAdd?: readonly string[];
  readonly publishRm?: readonly string[];
  readonly constraintAdd?: readonly string[];
  readonly constraintRm?: readonly string[];
  readonly mountAdd?: readonly string[];
  readonly mountRm?: readonly string[];
  readonly networkAdd?: readonly string[];
  readonly networkRm?: readonly string[];
  readonly secretAdd?: readonly string[];
  readonly secretRm?: readonly string[];
  readonly configAdd?: readonly string[];
  readonly configRm?: readonly string[];
  readonly labelAdd?: readonly string[];
  readonly labelRm?: readonly string[];
  readonly containerLabelAdd?: readonly string[];
  readonly containerLabelRm?: readonly string[];
}

const LISTS = [
  ['env', 'name=value', 'environment variable'],
  ['publish', 'port', 'published port'],
  ['constraint', 'expression', 'placement constraint'],
  ['mount', 'mount', 'mount (removed by its target)'],
  ['network', 'name', 'network'],
  ['secret', 'name', 'secret'],
  ['config', 'name', 'config'],
  ['label', 'key=value', 'label of the service'],
  ['container-label', 'key=value', 'label of its containers'],
] as const;

/** `swarm service update [flags] SERVICE` */
export function registerServiceUpdate(service: Command): void {
  const command = service
    .command('update <service>')
    .description('change a service; only what the flags name is changed')
    .option('--image <image>', 'image to run')
    .option('--args <command>', 'command and arguments')
    .option('--replicas <count>', 'number of tasks')
    .option('--force', 'replace all tasks although nothing changed')
    .option('--rollback', 'go back to the spec before the last update')
    .option('-d, --detach', 'do not wait until the update is through')
    .option('-q, --quiet', 'no progress');
  for (const [name, value, what] of LISTS) {
    command.option(`--${name}-add <${value}>`, `add or change a ${what}`, collect);
    command.option(`--${name}-rm <${value}>`, `remove a ${what}`, collect);
  }
  addSpecFlags(command);
  command.action(
    action<UpdateFlags>(async ({ connection, options, args }) => {
      const [name = ''] = args;
      const { client } = connection;
      const params = { service: name };
      if (options.rollback === true) {
        await client.call('rollbackService', { params, body: {} });
      } else {
        const before = await client.call('getService', { params });
        const { networks } = before.spec.task;
        const names = new Map<string, string>();
        for (const { target } of networks ?? []) {
          const network = await client.call('getNetwork', { params: { network: target } });
          names.set(network.spec.name, network.id);
        }
        await client.call('putService', {
          params,
          query: { version: before.version },
          body: changed(before.spec, options, names),
        });
      }
      console.log(name);
      if (options.detach !== true) {
        await converge(connection, name, { quiet: options.quiet === true });
      }
    }),
  );
}

/** Adds items to a list, replacing those of the same key, after removing some. */
function edit<T>(
  items: readonly T[] | undefined,
  add: readonly T[] | undefined,
  { isRemoved, keyOf }: { isRemoved: (item: T) => boolean; keyOf: (item: T) => string },
): T[] | undefined {
  const added = add ?? [];
  const keys = new Set(added.map(keyOf));
  const result = [...(items ?? []).filter((item) => !isRemoved(item) && !keys.has(keyOf(item))), ...added];
  return result.length === 0 ? undefined : result;
}

function changed(
  spec: ServiceSpec,
  flags: UpdateFlags,
  networkIds: ReadonlyMap<string, string>,
): ServiceSpec {
  const { task } = spec;
  const { container, placement } = task;
  const among = (list: readonly string[] | undefined) => (value: string) => list?.includes(value) ?? false;
  const networksRemoved = new Set(
    (flags.networkRm ?? []).flatMap((name) => [name, networkIds.get(name) ?? name]),
  );
  const newTask: ServiceSpec['task'] = {
    ...task,
    container: {
      ...container,
      image: flags.image ?? container.image,
      args: flags.args === undefined ? container.args : flags.args.split(/\s+/).filter((word) => word !== ''),
      env: edit(container.env, environmentOf(flags.envAdd, undefined), {
        keyOf: (item) => item.split('=')[0] ?? item,
        isRemoved: (item) => among(flags.envRm)(item.split('=')[0] ?? item),
      }),
      mounts: edit(container.mounts, flags.mountAdd?.map(parseMountFlag), {
        keyOf: ({ target }) => target,
        isRemoved: ({ target }) => among(flags.mountRm)(target),
      }),
      secrets: edit(
        container.secrets,
        flags.secretAdd?.map((text) => {
          const { name, file } = parseFileFlag(text, '');
          return { secretId: '', secretName: name, file };
        }),
        { keyOf: ({ file }) => file.name, isRemoved: ({ secretName }) => among(flags.secretRm)(secretName) },
      ),
      configs: edit(
        container.configs,
        flags.configAdd?.map((text) => {
          const { name, file } = parseFileFlag(text, '/');
          return { configId: '', configName: name, file };
        }),
        { keyOf: ({ file }) => file.name, isRemoved: ({ configName }) => among(flags.configRm)(configName) },
      ),
      labels: editRecord(container.labels, flags.containerLabelAdd, flags.containerLabelRm),
    },
    networks: edit(task.networks, flags.networkAdd?.map(parseNetworkFlag), {
      keyOf: ({ target }) => target,
      isRemoved: ({ target }) => networksRemoved.has(target),
    }),
    placement: {
      ...placement,
      constraints: edit(placement?.constraints, flags.constraintAdd, {
        keyOf: (text) => text,
        isRemoved: among(flags.constraintRm),
      }),
    },
    forceUpdate: flags.force === true ? (task.forceUpdate ?? 0) + 1 : task.forceUpdate,
  };
  const replicas = numberOf('--replicas', flags.replicas);
  return {
    ...spec,
    labels: editRecord(spec.labels, flags.labelAdd, flags.labelRm),
    task: applyTaskFlags(newTask, flags),
    mode:
      replicas !== undefined && spec.mode.type === 'replicated'
        ? { type: 'replicated', replicas }
        : spec.mode,
    update: updateConfigOf('update', flags, spec.update),
    rollback: updateConfigOf('rollback', flags, spec.rollback),
    endpoint: editEndpoint(spec, flags),
  };
}

function editRecord(
  record: Readonly<Record<string, string>> | undefined,
  add: readonly string[] | undefined,
  rm: readonly string[] | undefined,
): Record<string, string> | undefined {
  if (add === undefined && rm === undefined) {
    return record;
  }
  const merged = { ...record, ...keyValues(add) };
  return Object.fromEntries(Object.entries(merged).filter(([key]) => rm?.includes(key) !== true));
}

function editEndpoint(spec: ServiceSpec, flags: UpdateFlags): ServiceSpec['endpoint'] {
  if (flags.publishAdd === undefined && flags.publishRm === undefined && flags.endpointMode === undefined) {
    return spec.endpoint;
  }
  const removed = new Set((flags.publishRm ?? []).map((text) => Number(text.split(/[:/]/).at(-1) ?? text)));
  return {
    ...spec.endpoint,
    ...(flags.endpointMode === undefined ? {} : { mode: flags.endpointMode as 'vip' }),
    ports: edit(spec.endpoint?.ports, flags.publishAdd?.flatMap(parsePublishFlag), {
      keyOf: ({ targetPort, protocol }) => `${String(targetPort)}/${protocol}`,
      isRemoved: ({ targetPort, publishedPort }) =>
        removed.has(targetPort) || (publishedPort !== undefined && removed.has(publishedPort)),
    }),
  };
}
