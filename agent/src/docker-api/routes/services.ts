import {
  DockerServiceSpec,
  checkFilters,
  matchesExactly,
  matchesLabels,
  matchesPrefix,
  parseBody,
  parseFilters,
  parseRegistryAuth,
  serviceSpecFromDocker,
  serviceToDocker,
  withServiceDefaults,
} from '@skep/docker-api';
import type { ServiceView } from '@skep/contract';
import { SwarmError, isSwarmError } from '@skep/kernel';
import type { ServiceSpec } from '@skep/model';

import type { DockerApiContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { randomName } from '../random-name.ts';
import type { Route } from '../router.ts';
import type { SwarmGateway } from '../swarm-gateway.ts';
import { onManager } from './swarm-access.ts';
import { streamSwarmLogs } from './swarm-logs.ts';
import { versionParameter } from './version-parameter.ts';

export function serviceRoutes(context: DockerApiContext): Route[] {
  return [
    { method: 'GET', path: '/services', handle: (exchange) => list(context, exchange) },
    { method: 'POST', path: '/services/create', handle: (exchange) => create(context, exchange) },
    {
      method: 'GET',
      path: '/services/{id}',
      handle: async (exchange) => {
        const ref = exchange.param('id');
        const found = await onManager(context, { kind: 'service', ref }, (swarm) => swarm.getService(ref));
        const service = exchange.flag('insertDefaults')
          ? { ...found, spec: withServiceDefaults(found.spec) }
          : found;
        exchange.sendJson(200, serviceToDocker(service));
      },
    },
    { method: 'POST', path: '/services/{id}/update', handle: (exchange) => update(context, exchange) },
    {
      method: 'DELETE',
      path: '/services/{id}',
      handle: async (exchange) => {
        const ref = exchange.param('id');
        await onManager(context, { kind: 'service', ref }, (swarm) => swarm.removeService(ref));
        exchange.sendEmpty(200);
      },
    },
    {
      method: 'GET',
      path: '/services/{id}/logs',
      handle: async (exchange) => {
        const ref = exchange.param('id');
        const service = await onManager(context, { kind: 'service', ref }, (swarm) => swarm.getService(ref));
        await streamSwarmLogs(context, exchange, {
          services: [service.id],
          hasTerminal: service.spec.task.container.tty === true,
        });
      },
    },
  ];
}

async function list(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, ['id', 'label', 'mode', 'name', 'runtime']);
  const withStatus = exchange.flag('status');
  const services = await onManager(context, { kind: 'service' }, (swarm) => swarm.listServices());
  const isListed = (service: ServiceView): boolean =>
    matchesPrefix(filters, 'id', service.id) &&
    matchesPrefix(filters, 'name', service.spec.name) &&
    matchesExactly(filters, 'mode', service.spec.mode.type) &&
    matchesExactly(filters, 'runtime', 'container') &&
    matchesLabels(filters, service.spec.labels);
  exchange.sendJson(
    200,
    services.filter(isListed).map((service) =>
      serviceToDocker(
        service,
        withStatus
          ? {
              RunningTasks: service.tasks.running,
              DesiredTasks: service.tasks.desired,
              CompletedTasks: service.tasks.completed ?? 0,
            }
          : undefined,
      ),
    ),
  );
}

/** Networks that Docker has on every host: services name them by the id of the local one. */
const PREDEFINED = ['bridge', 'host', 'none'];

/**
 * Puts the swarm's ids in place of what the client wrote.
 * @throws SwarmError `not_found`, or `permission_denied` for a network of this host only.
 */
async function withNetworkIds(
  { networks }: DockerApiContext,
  swarm: SwarmGateway,
  spec: ServiceSpec,
): Promise<ServiceSpec> {
  if (spec.task.networks === undefined) {
    return spec;
  }
  const resolved = [];
  for (const attachment of spec.task.networks) {
    resolved.push({ ...attachment, target: await networkId(attachment.target) });
  }
  return { ...spec, task: { ...spec.task, networks: resolved } };

  async function networkId(target: string): Promise<string> {
    try {
      return (await swarm.getNetwork(target)).id;
    } catch (error) {
      if (!isSwarmError(error, 'not_found')) {
        throw error;
      }
    }
    const local = networks.listNetworks().find(({ id, name }) => id === target || name === target);
    if (local === undefined) {
      throw new SwarmError('not_found', `network ${target} not found`);
    }
    if (PREDEFINED.includes(local.name)) {
      return (await swarm.getNetwork(local.name)).id;
    }
    throw new SwarmError(
      'permission_denied',
      `The network ${local.name} cannot be used with services. Only networks scoped to the swarm can be used, ` +
        'such as those created with the overlay driver.',
    );
  }
}

/** Said when a client sends registry credentials for the nodes: they are not passed on yet. */
const AUTH_WARNING =
  'The registry credentials of this request are not passed on to the nodes; ' +
  'images that need them must be pulled on each node first.';

function authWarnings(exchange: Exchange): string[] {
  return parseRegistryAuth(exchange.header('x-registry-auth')) === undefined ? [] : [AUTH_WARNING];
}

async function create(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerServiceSpec, await exchange.requiredJson());
  const warnings = authWarnings(exchange);
  const spec = serviceSpecFromDocker(body.Name ? body : { ...body, Name: randomName(Math.random) });
  const created = await onManager(context, { kind: 'service', ref: spec.name }, async (swarm) =>
    swarm.createService(await withNetworkIds(context, swarm, spec)),
  );
  const all = [...warnings, ...created.warnings];
  exchange.sendJson(201, { ID: created.id, ...(all.length === 0 ? {} : { Warnings: all }) });
}

async function update(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerServiceSpec, await exchange.requiredJson());
  const version = versionParameter(exchange, 'service');
  const authFrom = exchange.text('registryAuthFrom');
  if (authFrom !== undefined && authFrom !== 'spec' && authFrom !== 'previous-spec') {
    throw new SwarmError('invalid_argument', `invalid registryAuthFrom '${authFrom}'`);
  }
  const rollback = exchange.text('rollback') ?? 'none';
  if (rollback !== 'none' && rollback !== 'previous') {
    throw new SwarmError('invalid_argument', `unrecognized rollback option ${rollback}`);
  }
  const ref = exchange.param('id');
  const warnings = authWarnings(exchange);
  const answer = await onManager(context, { kind: 'service', ref }, async (swarm) =>
    rollback === 'previous'
      ? swarm.rollbackService(ref, version)
      : swarm.updateService(ref, await withNetworkIds(context, swarm, serviceSpecFromDocker(body)), version),
  );
  const all = [...warnings, ...answer.warnings];
  exchange.sendJson(200, { Warnings: all.length === 0 ? null : all });
}
