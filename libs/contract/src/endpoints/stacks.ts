import { z } from 'zod';

import { ObjectName } from '@skep/model';

import { endpoint } from '../endpoint.ts';
import { Plan, PlanRequest, StackInput } from '../plan.ts';
import { Removed, changed, listShape, page, queryInt } from '../query.ts';
import { StackRevisionView, StackSourceView, StackView } from '../views.ts';

const StackParams = z.strictObject({ stack: ObjectName });

const exampleSource = 'services:\n  web:\n    image: nginx:1.27\n    ports: ["8080:80"]\n';

export const StackDeployed = z.object({ ...changed(StackView).shape, plan: Plan });
export type StackDeployed = z.infer<typeof StackDeployed>;

export const stackEndpoints = {
  listStacks: endpoint({
    method: 'GET',
    path: '/stacks',
    tag: 'stacks',
    summary: 'Stacks with the state of their tasks',
    access: 'stack.read',
    query: z.strictObject(listShape),
    response: page(StackView),
  }),
  getStack: endpoint({
    method: 'GET',
    path: '/stacks/:stack',
    tag: 'stacks',
    summary: 'One stack',
    access: 'stack.read',
    params: StackParams,
    response: StackView,
  }),
  deployStack: endpoint({
    method: 'PUT',
    path: '/stacks/:stack',
    tag: 'stacks',
    summary: 'Deploy a stack from compose YAML: create, update and remove what differs',
    access: 'stack.write',
    params: StackParams,
    body: z.strictObject({
      ...StackInput.shape,
      message: z.string().max(1000).optional(),
      planId: z.string().max(128).optional(),
      /** Whether services that the text no longer names are removed. Default true. */
      prune: z.boolean().optional(),
    }),
    response: StackDeployed,
    example: { source: exampleSource, message: 'first deploy' },
  }),
  planStack: endpoint({
    method: 'POST',
    path: '/stacks/:stack/plan',
    tag: 'stacks',
    summary: 'What deploying this text would do, with errors at line and column as blockers',
    access: 'stack.read',
    params: StackParams,
    body: StackInput,
    response: Plan,
    example: { source: exampleSource },
  }),
  getStackSource: endpoint({
    method: 'GET',
    path: '/stacks/:stack/source',
    tag: 'stacks',
    summary: 'The text of a stack word for word; older revisions come from the history database',
    access: 'stack.read',
    params: StackParams,
    query: z.strictObject({ revision: queryInt(1, Number.MAX_SAFE_INTEGER).optional() }),
    response: StackSourceView,
  }),
  listStackRevisions: endpoint({
    method: 'GET',
    path: '/stacks/:stack/revisions',
    tag: 'stacks',
    summary: 'Revisions of a stack, newest first (needs the history database)',
    access: 'stack.read',
    params: StackParams,
    query: z.strictObject({ limit: queryInt(1, 1000).optional(), cursor: z.string().max(64).optional() }),
    response: page(StackRevisionView),
  }),
  removeStack: endpoint({
    method: 'DELETE',
    path: '/stacks/:stack',
    tag: 'stacks',
    summary: 'Remove a stack: its services, networks, secrets and configs',
    access: 'stack.write',
    params: StackParams,
    response: Removed,
  }),
  createPlan: endpoint({
    method: 'POST',
    path: '/plan',
    tag: 'plan',
    summary: 'What a change would do, before it is made',
    access: 'service.read',
    body: PlanRequest,
    response: Plan,
    example: { kind: 'scale', service: 'web', replicas: 6 },
  }),
};
