import {
  DockerNetworkConnect,
  DockerNetworkCreate,
  DockerNetworkDisconnect,
  checkFilters,
  lacksLabels,
  matchesExactly,
  matchesLabels,
  matchesPattern,
  matchesPrefix,
  networkSpecFromDocker,
  networkToDocker,
  parseBody,
  parseFilters,
  booleanFilter,
  type DockerIpamConfig,
  type DockerNetwork,
  type Filters,
} from '@skep/docker-api';
import { SwarmError, isSwarmError } from '@skep/kernel';

import type { PoolSpec } from '../../network/ipam-checks.ts';
import type { NetworkView } from '../../network/network-api.ts';
import type { DockerApiContext } from '../context.ts';
import { attachmentOf } from '../convert/network-config.ts';
import { localNetworkToDocker } from '../convert/network-json.ts';
import type { Exchange } from '../exchange.ts';
import type { Route } from '../router.ts';
import { checkAttachment, checkMembership } from './attachable.ts';
import { pruneCutoff } from './prune.ts';
import { onManager } from './swarm-access.ts';

/** Networks of this host and of the swarm in one list. */
export function networkRoutes(context: DockerApiContext): Route[] {
  return [
    { method: 'GET', path: '/networks', handle: (exchange) => list(context, exchange) },
    { method: 'POST', path: '/networks/create', handle: (exchange) => create(context, exchange) },
    { method: 'POST', path: '/networks/prune', handle: (exchange) => prune(context, exchange) },
    { method: 'GET', path: '/networks/{id}', handle: (exchange) => inspect(context, exchange) },
    { method: 'DELETE', path: '/networks/{id}', handle: (exchange) => remove(context, exchange) },
    {
      method: 'POST',
      path: '/networks/{id}/connect',
      handle: async (exchange) => {
        const body = parseBody(DockerNetworkConnect, await exchange.requiredJson());
        const [network, container] = [exchange.param('id'), body.Container ?? ''];
        await checkAttachment(context, network);
        await checkMembership(context, { network, container });
        const attachment = attachmentOf(network, body.EndpointConfig ?? {});
        await context.engine.containers.connectNetwork(container, attachment);
        exchange.sendEmpty(200);
      },
    },
    {
      method: 'POST',
      path: '/networks/{id}/disconnect',
      handle: async (exchange) => {
        const body = parseBody(DockerNetworkDisconnect, await exchange.requiredJson());
        const [network, container] = [exchange.param('id'), body.Container ?? ''];
        await checkMembership(context, { network, container });
        await context.engine.containers.disconnectNetwork(container, network, { force: body.Force ?? false });
        exchange.sendEmpty(200);
      },
    },
  ];
}

/** The swarm's networks when this node can ask for them; nothing otherwise: the local ones are still worth showing. */
async function swarmNetworks({ node, swarm }: DockerApiContext): Promise<readonly DockerNetwork[]> {
  const { state, isManager } = await node.info();
  if (state !== 'active' || !isManager) {
    return [];
  }
  try {
    return (await swarm.listNetworks()).map(networkToDocker);
  } catch (error) {
    if (isSwarmError(error)) {
      return [];
    }
    throw error;
  }
}

/** Both worlds by id: a manager knows a network of the swarm better, this host knows who of its own is on it. */
async function allNetworks(context: DockerApiContext, withContainers: boolean): Promise<DockerNetwork[]> {
  const byId = new Map<string, DockerNetwork>();
  for (const network of context.networks.listNetworks()) {
    byId.set(network.id, localNetworkToDocker(network, withContainers));
  }
  for (const network of await swarmNetworks(context)) {
    const local = byId.get(network.Id);
    byId.set(
      network.Id,
      local === undefined
        ? network
        : {
            ...network,
            Containers: local.Containers,
            ...(local.Peers === undefined ? {} : { Peers: local.Peers }),
          },
    );
  }
  return [...byId.values()];
}

const BUILT_IN = ['bridge', 'host', 'none'];
const LIST_FILTERS = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];

async function list(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, LIST_FILTERS);
  for (const type of filters.get('type') ?? []) {
    if (type !== 'builtin' && type !== 'custom') {
      throw new SwarmError('invalid_argument', `invalid filter: 'type'='${type}'`);
    }
  }
  const isDangling = booleanFilter(filters, 'dangling');
  const networks = await allNetworks(context, isDangling !== undefined);
  exchange.sendJson(
    200,
    networks.filter((network) => isListed(network, filters, isDangling)),
  );
}

function isListed(network: DockerNetwork, filters: Filters, isDangling: boolean | undefined): boolean {
  const isBuiltIn = BUILT_IN.includes(network.Name);
  const isUnused = !isBuiltIn && network.Scope === 'local' && Object.keys(network.Containers).length === 0;
  return (
    matchesPattern(filters, 'name', [network.Name]) &&
    matchesPrefix(filters, 'id', network.Id) &&
    matchesExactly(filters, 'driver', network.Driver) &&
    matchesExactly(filters, 'scope', network.Scope) &&
    matchesExactly(filters, 'type', isBuiltIn ? 'builtin' : 'custom') &&
    (isDangling === undefined || isDangling === isUnused) &&
    matchesLabels(filters, network.Labels)
  );
}

/** By full id, then by name, then by a beginning of the id. */
function findNetwork(networks: readonly DockerNetwork[], ref: string): DockerNetwork {
  const stages: readonly [how: string, matches: (network: DockerNetwork) => boolean][] = [
    ['ID', (network) => network.Id === ref],
    ['name', (network) => network.Name === ref],
    ['ID prefix', (network) => network.Id.startsWith(ref)],
  ];
  for (const [how, matches] of stages) {
    const found = networks.filter(matches);
    const [first] = found;
    if (found.length > 1) {
      throw new SwarmError(
        'invalid_argument',
        `network ${ref} is ambiguous (${String(found.length)} matches found based on ${how})`,
      );
    }
    if (first !== undefined) {
      return first;
    }
  }
  throw new SwarmError('not_found', `network ${ref} not found`);
}

async function inspect(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const scope = exchange.text('scope');
  const networks = await allNetworks(context, true);
  const inScope = scope === undefined ? networks : networks.filter((network) => network.Scope === scope);
  exchange.sendJson(200, findNetwork(inScope, exchange.param('id')));
}

async function create(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerNetworkCreate, await exchange.requiredJson());
  const name = body.Name ?? '';
  if (name.trim() === '') {
    throw new SwarmError('invalid_argument', 'network name cannot be empty');
  }
  if (BUILT_IN.includes(name)) {
    throw new SwarmError('permission_denied', `operation is not permitted on predefined ${name} network`);
  }
  const isOfSwarm = body.Driver === 'overlay' || body.Scope === 'swarm';
  const taken = context.networks.listNetworks().find((network) => network.name === name);
  if (taken !== undefined) {
    throw new SwarmError('name_conflict', `network with name ${name} already exists`);
  }
  if (isOfSwarm) {
    const spec = networkSpecFromDocker(body);
    const created = await onManager(context, { kind: 'network', ref: name }, (swarm) =>
      swarm.createNetwork(spec),
    );
    exchange.sendJson(201, { Id: created.id, Warning: created.warnings.join('\n') });
    return;
  }
  const network = await createLocal(context, body);
  tell(context, 'create', { Id: network.id, Name: network.name, Driver: network.driver });
  exchange.sendJson(201, { Id: network.id, Warning: '' });
}

/** @throws SwarmError that names what local networks do not have. */
function localDriverOf(body: DockerNetworkCreate): string {
  const driver = body.Driver ? body.Driver : 'bridge';
  if (driver === 'host' || driver === 'null') {
    throw new SwarmError('permission_denied', `only one instance of "${driver}" network is allowed`);
  }
  if (driver !== 'bridge') {
    throw new SwarmError(
      'not_found',
      `plugin "${driver}" not found: the network drivers are bridge and overlay`,
    );
  }
  if (body.EnableIPv4 === false) {
    throw new SwarmError('unimplemented', 'networks without IPv4 are not supported; leave --ipv4=false out');
  }
  if (body.ConfigOnly === true || body.ConfigFrom?.Network) {
    throw new SwarmError('unimplemented', 'configuration-only networks are not supported');
  }
  return driver;
}

function createLocal({ networks }: DockerApiContext, body: DockerNetworkCreate): Promise<NetworkView> {
  const driver = localDriverOf(body);
  return networks.createLocalNetwork({
    name: body.Name ?? '',
    driver,
    isInternal: body.Internal ?? false,
    isAttachable: body.Attachable ?? false,
    isIpv6: body.EnableIPv6 ?? false,
    ...(body.Labels === undefined ? {} : { labels: body.Labels }),
    ...(body.Options === undefined ? {} : { options: body.Options }),
    ...(body.IPAM?.Config === undefined ? {} : { ipam: body.IPAM.Config.map(poolOf) }),
  });
}

function poolOf({ Subnet, Gateway, IPRange, AuxiliaryAddresses }: DockerIpamConfig): PoolSpec {
  return {
    ...(Subnet ? { subnet: Subnet } : {}),
    ...(Gateway ? { gateway: Gateway } : {}),
    ...(IPRange ? { range: IPRange } : {}),
    ...(AuxiliaryAddresses === undefined ? {} : { auxiliary: AuxiliaryAddresses }),
  };
}

async function remove(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const network = findNetwork(await allNetworks(context, false), exchange.param('id'));
  if (network.Scope === 'swarm') {
    await onManager(context, { kind: 'network', ref: network.Name }, (swarm) =>
      swarm.removeNetwork(network.Id),
    );
    exchange.sendEmpty(204);
    return;
  }
  try {
    await context.networks.removeLocalNetwork(network.Id);
  } catch (error) {
    // Docker forbids it where we say that it is not possible in this state.
    throw isSwarmError(error, 'failed_precondition')
      ? new SwarmError('permission_denied', inUseText(error.message), { cause: error })
      : error;
  }
  tell(context, 'destroy', network);
  exchange.sendEmpty(204);
}

/** Docker's beginning of the sentence, once. */
function inUseText(message: string): string {
  const prefix = 'error while removing network: ';
  return message.startsWith(prefix) ? message : prefix + message;
}

/** Tells of a network that came or went. */
function tell(
  { engine }: DockerApiContext,
  action: 'create' | 'destroy',
  { Id, Name, Driver }: Pick<DockerNetwork, 'Id' | 'Name' | 'Driver'>,
): void {
  engine.events.publish({
    kind: 'network',
    action,
    actorId: Id,
    attributes: { name: Name, type: Driver },
  });
}

async function prune({ networks, engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  const cutoffMs = pruneCutoff(filters, ['label', 'label!', 'until'], Date.now());
  const names = await networks.pruneLocalNetworks(
    (network) =>
      network.createdAtMs < cutoffMs &&
      matchesLabels(filters, network.labels) &&
      lacksLabels(filters, network.labels),
  );
  engine.events.publish({ kind: 'network', action: 'prune', actorId: '', attributes: { reclaimed: '0' } });
  exchange.sendJson(200, { NetworksDeleted: names.length === 0 ? null : names });
}
