import { z } from 'zod';

import { ServiceSpec } from '@skep/model';

import { endpoint } from '../endpoint.ts';
import { QueryList, Ref, Removed, Version, changed, listShape, page, queryInt } from '../query.ts';
import { ServiceRevisionView, ServiceView } from '../views.ts';
import { MergePatch } from './cluster.ts';

const ServiceParams = z.strictObject({ service: Ref });
const VersionQuery = z.strictObject({ version: Version.optional() });

const exampleSpec: z.input<typeof ServiceSpec> = {
  name: 'web',
  task: { container: { image: 'nginx:1.27' } },
  mode: { type: 'replicated', replicas: 3 },
  endpoint: { ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' }] },
};

export const serviceEndpoints = {
  listServices: endpoint({
    method: 'GET',
    path: '/services',
    tag: 'services',
    summary: 'Services with their task counts',
    access: 'service.read',
    query: z.strictObject({
      ...listShape,
      mode: QueryList.optional(),
      stack: z.string().max(63).optional(),
    }),
    response: page(ServiceView),
  }),
  createService: endpoint({
    method: 'POST',
    path: '/services',
    tag: 'services',
    summary: 'Create a service; networks, secrets and configs may be given by name',
    access: 'service.write',
    status: 201,
    body: ServiceSpec,
    response: changed(ServiceView),
    example: exampleSpec,
  }),
  getService: endpoint({
    method: 'GET',
    path: '/services/:service',
    tag: 'services',
    summary: 'One service, by id or name',
    access: 'service.read',
    params: ServiceParams,
    response: ServiceView,
  }),
  putService: endpoint({
    method: 'PUT',
    path: '/services/:service',
    tag: 'services',
    summary: 'Replace the spec of a service: its tasks are updated by its update policy',
    access: 'service.write',
    params: ServiceParams,
    query: VersionQuery,
    body: ServiceSpec,
    response: changed(ServiceView),
    example: exampleSpec,
  }),
  patchService: endpoint({
    method: 'PATCH',
    path: '/services/:service',
    tag: 'services',
    summary: 'Change only what is named (merge patch of spec)',
    access: 'service.write',
    params: ServiceParams,
    query: VersionQuery,
    body: MergePatch,
    response: changed(ServiceView),
    example: { task: { container: { image: 'nginx:1.28' } } },
  }),
  removeService: endpoint({
    method: 'DELETE',
    path: '/services/:service',
    tag: 'services',
    summary: 'Remove a service and its tasks',
    access: 'service.write',
    params: ServiceParams,
    response: Removed,
  }),
  scaleService: endpoint({
    method: 'POST',
    path: '/services/:service/scale',
    tag: 'services',
    summary: 'Set the number of replicas',
    access: 'service.operate',
    params: ServiceParams,
    query: VersionQuery,
    body: z.strictObject({ replicas: z.int().min(0).max(100_000) }),
    response: changed(ServiceView),
    example: { replicas: 6 },
  }),
  rollbackService: endpoint({
    method: 'POST',
    path: '/services/:service/rollback',
    tag: 'services',
    summary: 'Go back to the spec before the last update, or to a revision of the history',
    access: 'service.operate',
    params: ServiceParams,
    query: VersionQuery,
    body: z.strictObject({ revision: z.int().nonnegative().optional() }).optional(),
    response: changed(ServiceView),
    example: {},
  }),
  restartService: endpoint({
    method: 'POST',
    path: '/services/:service/restart',
    tag: 'services',
    summary: 'Replace every task by a new one, by the update policy, with nothing else changed',
    access: 'service.operate',
    params: ServiceParams,
    query: VersionQuery,
    response: changed(ServiceView),
  }),
  listServiceRevisions: endpoint({
    method: 'GET',
    path: '/services/:service/revisions',
    tag: 'services',
    summary: 'Specs of the service over time, newest first (needs the history database)',
    access: 'service.read',
    params: ServiceParams,
    query: z.strictObject({ limit: queryInt(1, 1000).optional(), cursor: z.string().max(64).optional() }),
    response: page(ServiceRevisionView),
  }),
};
