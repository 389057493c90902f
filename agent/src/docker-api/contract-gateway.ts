import type { Client, QueryOf, ResponseOf } from '@skep/contract';
import { encodeBase64, decodeBase64 } from '@skep/docker-api';

import type {
  ConfigEntry,
  NewPayload,
  SwarmGateway,
  SwarmLogLine,
  SwarmLogOptions,
  TaskSelection,
} from './swarm-gateway.ts';

/** Objects per page; the manager's own limit. */
const PAGE_SIZE = 10_000;

/** Opens the log stream of the managers. */
export type LogStreamer = (options: SwarmLogOptions) => AsyncIterable<SwarmLogLine>;

interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}

async function allPages<T>(
  read: (paging: { readonly limit: number; readonly cursor?: string }) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read({ limit: PAGE_SIZE, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return items;
}

function changeOf(answer: ResponseOf<'createService'> | ResponseOf<'createNetwork'>): {
  readonly id: string;
  readonly warnings: readonly string[];
} {
  return { id: answer.item.id, warnings: answer.warnings ?? [] };
}

/** The swarm through the manager's REST API: one call there for each call here. */
export function contractGateway(client: Client, streamLogs: LogStreamer): SwarmGateway {
  return {
    ...clusterCalls(client),
    ...serviceCalls(client),
    ...networkCalls(client),
    ...secretCalls(client),
    ...configCalls(client),
    listTasks: (selection) =>
      allPages((paging) => client.call('listTasks', { query: taskQuery(selection, paging) })),
    getTask: (task) => client.call('getTask', { params: { task } }),
    logs: streamLogs,
  };
}

function taskQuery(
  selection: TaskSelection,
  paging: { readonly limit: number; readonly cursor?: string },
): QueryOf<'listTasks'> {
  return {
    ...paging,
    ...(selection.service === undefined ? {} : { service: [...selection.service] }),
    ...(selection.node === undefined ? {} : { node: [...selection.node] }),
    ...(selection.id === undefined ? {} : { id: [...selection.id] }),
    ...(selection.label === undefined ? {} : { label: selection.label }),
    ...(selection.desiredState === undefined ? {} : { desiredState: [...selection.desiredState] }),
    ...(selection.upToDate === true ? { upToDate: true } : {}),
  };
}

type ClusterCalls = Pick<
  SwarmGateway,
  | 'getCluster'
  | 'updateCluster'
  | 'getJoinTokens'
  | 'rotateJoinToken'
  | 'getUnlockKey'
  | 'rotateUnlockKey'
  | 'listNodes'
  | 'getNode'
  | 'updateNode'
  | 'removeNode'
>;

function clusterCalls(client: Client): ClusterCalls {
  return {
    getCluster: () => client.call('getCluster'),
    updateCluster: async (spec, version) => {
      await client.call('patchCluster', { body: { ...spec }, query: { version } });
    },
    getJoinTokens: () => client.call('getJoinTokens'),
    rotateJoinToken: async (role) => {
      await client.call('rotateJoinToken', { body: { role } });
    },
    getUnlockKey: async () => (await client.call('getUnlockKey', {})).unlockKey ?? undefined,
    rotateUnlockKey: async () => {
      await client.call('rotateUnlockKey', {});
    },
    listNodes: () => allPages((query) => client.call('listNodes', { query })),
    getNode: (node) => client.call('getNode', { params: { node } }),
    updateNode: async (node, spec, version) => {
      await client.call('putNode', { params: { node }, query: { version }, body: spec });
    },
    removeNode: async (node, { force }) => {
      await client.call('removeNode', { params: { node }, query: force ? { force: true } : {} });
    },
  };
}

type ServiceCalls = Pick<
  SwarmGateway,
  'listServices' | 'getService' | 'createService' | 'updateService' | 'rollbackService' | 'removeService'
>;

function serviceCalls(client: Client): ServiceCalls {
  return {
    listServices: () => allPages((query) => client.call('listServices', { query })),
    getService: (service) => client.call('getService', { params: { service } }),
    createService: async (spec) => changeOf(await client.call('createService', { body: spec })),
    updateService: async (service, spec, version) =>
      changeOf(await client.call('putService', { params: { service }, query: { version }, body: spec })),
    rollbackService: async (service, version) =>
      changeOf(await client.call('rollbackService', { params: { service }, query: { version }, body: {} })),
    removeService: async (service) => {
      await client.call('removeService', { params: { service } });
    },
  };
}

type NetworkCalls = Pick<SwarmGateway, 'listNetworks' | 'getNetwork' | 'createNetwork' | 'removeNetwork'>;

function networkCalls(client: Client): NetworkCalls {
  return {
    listNetworks: () => allPages((query) => client.call('listNetworks', { query })),
    getNetwork: (network) => client.call('getNetwork', { params: { network } }),
    createNetwork: async (spec) => changeOf(await client.call('createNetwork', { body: spec })),
    removeNetwork: async (network) => {
      await client.call('removeNetwork', { params: { network } });
    },
  };
}

function payloadBody(payload: NewPayload): { name: string; labels?: Record<string, string>; data: string } {
  return {
    name: payload.name,
    ...(payload.labels === undefined ? {} : { labels: { ...payload.labels } }),
    data: encodeBase64(payload.data),
  };
}

type SecretCalls = Pick<
  SwarmGateway,
  'listSecrets' | 'getSecret' | 'createSecret' | 'updateSecretLabels' | 'removeSecret'
>;

function secretCalls(client: Client): SecretCalls {
  return {
    listSecrets: () => allPages((query) => client.call('listSecrets', { query })),
    getSecret: (secret) => client.call('getSecret', { params: { secret } }),
    createSecret: async (payload) =>
      (await client.call('createSecret', { body: payloadBody(payload) })).item.id,
    updateSecretLabels: async (secret, labels, version) => {
      await client.call('patchSecret', {
        params: { secret },
        query: { version },
        body: { labels: { ...labels } },
      });
    },
    removeSecret: async (secret) => {
      await client.call('removeSecret', { params: { secret } });
    },
  };
}

type ConfigCalls = Pick<
  SwarmGateway,
  'listConfigs' | 'getConfig' | 'createConfig' | 'updateConfigLabels' | 'removeConfig'
>;

function configCalls(client: Client): ConfigCalls {
  return {
    listConfigs: () => allPages((query) => client.call('listConfigs', { query })),
    getConfig: async (config): Promise<ConfigEntry> => {
      const { data, ...entry } = await client.call('getConfig', { params: { config } });
      return { ...entry, data: decodeBase64(data, 'data') };
    },
    createConfig: async (payload) =>
      (await client.call('createConfig', { body: payloadBody(payload) })).item.id,
    updateConfigLabels: async (config, labels, version) => {
      await client.call('patchConfig', {
        params: { config },
        query: { version },
        body: { labels: { ...labels } },
      });
    },
    removeConfig: async (config) => {
      await client.call('removeConfig', { params: { config } });
    },
  };
}
