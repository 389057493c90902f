import {
  DockerNodeSpec,
  checkFilters,
  matchesExactly,
  matchesLabels,
  matchesPrefix,
  nodeSpecFromDocker,
  nodeToDocker,
  parseBody,
  parseFilters,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';
import type { Node } from '@skep/model';

import type { DockerApiContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import type { Route } from '../router.ts';
import { tlsInfoOf } from './cluster-facts.ts';
import { onManager } from './swarm-access.ts';
import { versionParameter } from './version-parameter.ts';

export function nodeRoutes(context: DockerApiContext): Route[] {
  return [
    { method: 'GET', path: '/nodes', handle: (exchange) => list(context, exchange) },
    {
      method: 'GET',
      path: '/nodes/{id}',
      handle: async (exchange) => {
        const ref = exchange.param('id');
        const [node, cluster] = await onManager(context, { kind: 'node', ref }, (swarm) =>
          Promise.all([swarm.getNode(ref), swarm.getCluster()]),
        );
        exchange.sendJson(200, nodeToDocker(node, tlsInfoOf(cluster.ca.certificatePem)));
      },
    },
    {
      method: 'POST',
      path: '/nodes/{id}/update',
      handle: async (exchange) => {
        const body = parseBody(DockerNodeSpec, await exchange.requiredJson());
        const version = versionParameter(exchange, 'node');
        const spec = nodeSpecFromDocker(body);
        const ref = exchange.param('id');
        await onManager(context, { kind: 'node', ref }, (swarm) => swarm.updateNode(ref, spec, version));
        exchange.sendEmpty(200);
      },
    },
    {
      method: 'DELETE',
      path: '/nodes/{id}',
      handle: async (exchange) => {
        const ref = exchange.param('id');
        const force = exchange.flag('force');
        await onManager(context, { kind: 'node', ref }, (swarm) => swarm.removeNode(ref, { force }));
        exchange.sendEmpty(200);
      },
    },
  ];
}

async function list(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, ['id', 'label', 'membership', 'name', 'node.label', 'role']);
  for (const role of filters.get('role') ?? []) {
    if (role !== 'worker' && role !== 'manager') {
      throw new SwarmError('invalid_argument', `Invalid role filter: '${role}'`);
    }
  }
  for (const membership of filters.get('membership') ?? []) {
    if (membership !== 'accepted' && membership !== 'pending') {
      throw new SwarmError('invalid_argument', `Invalid membership filter: '${membership}'`);
    }
  }
  const [nodes, cluster] = await onManager(context, { kind: 'node' }, (swarm) =>
    Promise.all([swarm.listNodes(), swarm.getCluster()]),
  );
  const tls = tlsInfoOf(cluster.ca.certificatePem);
  const isListed = (node: Node): boolean =>
    matchesPrefix(filters, 'id', node.id) &&
    matchesPrefix(filters, 'name', node.description?.hostname ?? node.spec.name ?? '') &&
    matchesExactly(filters, 'role', node.spec.role) &&
    matchesExactly(filters, 'membership', 'accepted') &&
    matchesLabels(filters, node.description?.engine.labels) &&
    matchesLabels(filters, node.spec.labels, 'node.label');
  exchange.sendJson(
    200,
    nodes.filter(isListed).map((node) => nodeToDocker(node, tls)),
  );
}
