import type { z } from 'zod';

import { accessEndpoints } from './endpoints/access.ts';
import { clusterEndpoints } from './endpoints/cluster.ts';
import { nodeEndpoints } from './endpoints/nodes.ts';
import { configEndpoints, networkEndpoints, secretEndpoints } from './endpoints/resources.ts';
import { serviceEndpoints } from './endpoints/services.ts';
import { sessionEndpoints } from './endpoints/session.ts';
import { stackEndpoints } from './endpoints/stacks.ts';
import { systemEndpoints } from './endpoints/system.ts';
import { taskEndpoints } from './endpoints/tasks.ts';

/** Where every path of the table begins. */
export const API_PREFIX = '/api/v1';

export type Endpoints = typeof sessionEndpoints &
  typeof clusterEndpoints &
  typeof nodeEndpoints &
  typeof serviceEndpoints &
  typeof taskEndpoints &
  typeof networkEndpoints &
  typeof secretEndpoints &
  typeof configEndpoints &
  typeof stackEndpoints &
  typeof accessEndpoints &
  typeof systemEndpoints;

/**
 * The whole REST API, by operation. The manager's controllers, the OpenAPI document and the typed client are made
 * from this one table.
 */
export const ENDPOINTS: Endpoints = {
  ...sessionEndpoints,
  ...clusterEndpoints,
  ...nodeEndpoints,
  ...serviceEndpoints,
  ...taskEndpoints,
  ...networkEndpoints,
  ...secretEndpoints,
  ...configEndpoints,
  ...stackEndpoints,
  ...accessEndpoints,
  ...systemEndpoints,
};

export type Operation = keyof Endpoints;

/** What the caller of an operation sends, before defaults and conversions. */
export type ParamsOf<O extends Operation> = z.input<Endpoints[O]['params']>;
export type QueryOf<O extends Operation> = z.input<Endpoints[O]['query']>;
export type BodyOf<O extends Operation> = z.input<Endpoints[O]['body']>;
/** What the caller gets. */
export type ResponseOf<O extends Operation> = z.output<Endpoints[O]['response']>;

/** What the manager's handler of an operation receives after validation. */
export interface RequestOf<O extends Operation> {
  readonly params: z.output<Endpoints[O]['params']>;
  readonly query: z.output<Endpoints[O]['query']>;
  readonly body: z.output<Endpoints[O]['body']>;
}
