import { z } from 'zod';

import { NodeAvailability, NodeRole, NodeSpec, NodeState } from '@skep/model';

import { endpoint } from '../endpoint.ts';
import { QueryFlag, QueryList, Ref, Removed, Version, changed, listShape, page } from '../query.ts';
import { NodeView } from '../views.ts';

const NodeParams = z.strictObject({ node: Ref });

export const NodePatch = z.strictObject({
  name: z.string().max(255).nullable().optional(),
  /** Merge patch: `null` removes a label. */
  labels: z.record(z.string().min(1).max(1024), z.string().max(65_536).nullable()).optional(),
  role: NodeRole.optional(),
  availability: NodeAvailability.optional(),
});
export type NodePatch = z.infer<typeof NodePatch>;

export const nodeEndpoints = {
  listNodes: endpoint({
    method: 'GET',
    path: '/nodes',
    tag: 'nodes',
    summary: 'Nodes; `label` asks for engine labels, `nodeLabel` for labels of the node',
    access: 'node.read',
    query: z.strictObject({
      ...listShape,
      nodeLabel: QueryList.optional(),
      role: NodeRole.optional(),
      availability: NodeAvailability.optional(),
      state: NodeState.optional(),
    }),
    response: page(NodeView),
  }),
  getNode: endpoint({
    method: 'GET',
    path: '/nodes/:node',
    tag: 'nodes',
    summary: 'One node, by id or name; `self` is the node that answers',
    access: 'node.read',
    params: NodeParams,
    response: NodeView,
  }),
  patchNode: endpoint({
    method: 'PATCH',
    path: '/nodes/:node',
    tag: 'nodes',
    summary: 'Change labels, availability (active, pause, drain) or role',
    access: 'node.operate',
    params: NodeParams,
    query: z.strictObject({ version: Version.optional() }),
    body: NodePatch,
    response: changed(NodeView),
    example: { availability: 'drain' },
  }),
  putNode: endpoint({
    method: 'PUT',
    path: '/nodes/:node',
    tag: 'nodes',
    summary: 'Replace the spec of a node',
    access: 'node.write',
    params: NodeParams,
    query: z.strictObject({ version: Version.optional() }),
    body: NodeSpec,
    response: changed(NodeView),
    example: { role: 'worker', availability: 'active', labels: { zone: 'east' } },
  }),
  removeNode: endpoint({
    method: 'DELETE',
    path: '/nodes/:node',
    tag: 'nodes',
    summary: 'Remove a node that is down; `force` removes it whatever its state',
    access: 'node.write',
    params: NodeParams,
    query: z.strictObject({ force: QueryFlag.optional() }),
    response: Removed,
  }),
  promoteNode: endpoint({
    method: 'POST',
    path: '/nodes/:node/promote',
    tag: 'nodes',
    summary: 'Make a worker a manager',
    access: 'node.write',
    params: NodeParams,
    response: changed(NodeView),
  }),
  demoteNode: endpoint({
    method: 'POST',
    path: '/nodes/:node/demote',
    tag: 'nodes',
    summary: 'Make a manager a worker; refused where it would lose the quorum',
    access: 'node.write',
    params: NodeParams,
    response: changed(NodeView),
  }),
};
